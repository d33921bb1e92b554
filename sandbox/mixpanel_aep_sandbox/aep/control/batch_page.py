"""The HTML page of a batch, instead of the batch page in AEP's UI: one self-contained file without scripts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from itertools import islice
from pathlib import Path

from jinja2 import Environment, StrictUndefined, Template
from starlette.responses import HTMLResponse

from mixpanel_aep_sandbox.aep.catalog.routes.batches import batch_view, visible_batches
from mixpanel_aep_sandbox.aep.core.scope import DATASETS, AepSandboxScope
from mixpanel_aep_sandbox.aep.ingestion.files import batch_files, result_path
from mixpanel_aep_sandbox.core.json_types import JsonObject

_MOST_ROWS = 20
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
_MEANINGS = {
    "success": "Its rows are active: they can be read from the dataset.",
    "failed": "None of its rows is active. The reasons are below.",
    "loading": "Files are being uploaded. No row is active until the batch is completed.",
    "aborted": "A client ended the batch before it became active. None of its rows is active.",
    "abandoned": "The batch was not completed in time. None of its rows is active.",
    "inactive": "The batch was reverted or replaced. Its rows can no longer be read.",
    "deleted": "The batch was deleted. Its rows can no longer be read.",
}
_AT_WORK = "AEP is processing the batch. None of its rows is active yet."


def batch_page(scope: AepSandboxScope, batch: JsonObject) -> HTMLResponse:
    """Return the HTTP response with the page of a batch."""
    return HTMLResponse(render(scope, batch), headers=_HEADERS)


def missing_page(key: str) -> HTMLResponse:
    """Return the HTTP response (404) for an id that no batch has.

    Args:
        key: The id.
    """
    return HTMLResponse(_template().render(batch=None, key=key), status_code=404, headers=_HEADERS)


def render(scope: AepSandboxScope, batch: JsonObject) -> str:
    """Return the page of a batch as HTML. The template escapes all values."""
    body = batch_view(scope, batch)
    dataset = scope.get(DATASETS, batch["dataset"])
    return _template().render(
        batch=body,
        key=batch["id"],
        aep_sandbox=scope.name,
        meaning=_MEANINGS.get(batch["state"], _AT_WORK),
        is_hidden=all(each["id"] != batch["id"] for each in visible_batches(scope)),
        dataset_id=batch["dataset"],
        dataset=dataset["name"] if dataset else "",
        files=_files(scope, batch),
        rejected=list(islice(_rejected(scope, batch["id"]), _MOST_ROWS)),
        most=_MOST_ROWS,
    )


def _files(scope: AepSandboxScope, batch: JsonObject) -> list[JsonObject]:
    """Return ``path`` and ``size`` of each file and, after the processing, the numbers ``rows`` and ``good``."""
    counts = batch.get("files") or []
    found = []
    for number, file in enumerate(batch_files(scope, batch["id"])):
        rows = counts[number] if number < len(counts) else {}
        found.append({"path": file["path"], "size": file["size"], **rows})
    return found


def _rejected(scope: AepSandboxScope, batch_id: str) -> Iterator[tuple[str, list[JsonObject]]]:
    """Yield the ``_id`` and the errors of rejected rows, without other values.

    Nothing is yielded if the batch was created without error diagnostics.
    """
    path = result_path(scope, batch_id, "meta", "row_error_samples.json")
    if not path.exists():
        return
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            yield str(row.get("_id", "")), row["_errors"]


@cache
def _template() -> Template:
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["moment"] = _moment
    environment.filters["number"] = lambda number: f"{number:,}"
    environment.filters["text"] = _text
    return environment.from_string((Path(__file__).parent / "batch_page.html.j2").read_text("utf-8"))


def _moment(milliseconds: int) -> str:
    """Format epoch milliseconds as ``2026-06-30 06:12:05 UTC``."""
    return f"{datetime.fromtimestamp(milliseconds / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _text(value: object) -> str:
    """Format the value of a tag: a list with commas, a text unchanged, and any other value as JSON."""
    if isinstance(value, list):
        return ", ".join(map(_text, value))
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
