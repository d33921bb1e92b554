"""Batch ingestion: preview of the first rows of a batch's uploaded files (OAS:batch-ingestion.yaml)."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from mixpanel_aep_sandbox.aep.core.constants import IMPORT
from mixpanel_aep_sandbox.aep.core.errors import problem
from mixpanel_aep_sandbox.aep.core.http import Call, Routes
from mixpanel_aep_sandbox.aep.core.list_parameters import whole_number
from mixpanel_aep_sandbox.aep.ingestion.files import batch_files, read_rows
from mixpanel_aep_sandbox.aep.ingestion.routes.batches import find_batch
from mixpanel_aep_sandbox.aep.ingestion.row_validation.csv_files import EmptyHeader
from mixpanel_aep_sandbox.aep.ingestion.row_validation.json_files import Corrupt, Unreadable
from mixpanel_aep_sandbox.aep.ingestion.validation import parse_input_format
from mixpanel_aep_sandbox.core.json_types import JsonObject
from mixpanel_aep_sandbox.core.state import SandboxState

_DEFAULT_ROWS, _MOST_ROWS = 100, 1000
"""Default and maximum number of rows of a preview [I]; the specification's default, 0, would show nothing."""
_TEXTS = ("delimiter", "quote", "escape", "charset")
_FLAGS = ("isMultiLineJson", "header")


def add_routes(state: SandboxState, router: APIRouter) -> None:
    """Add the HTTP route of previews to ``router``."""
    routes = Routes(state, router, f"{IMPORT}/batches/{{id}}/datasets/{{dataset}}")
    routes.add("GET", "/preview", _preview)


def _preview(call: Call) -> Response:
    scope = call.scope
    batch = find_batch(scope, call.path("id"))
    if batch["dataset"] != call.path("dataset"):
        raise problem(404, f"Batch {batch['id']} has no dataset {call.path('dataset')}.")
    input_format = _format(call, batch["inputFormat"])
    most = min(whole_number(call, "nrow") or _DEFAULT_ROWS, _MOST_ROWS)
    try:
        rows = list(itertools.islice(_rows(call, {**batch, "inputFormat": input_format}), most))
    except (Unreadable, EmptyHeader) as error:
        raise problem(400, f"The files of the batch cannot be read as {input_format['format']}.") from error
    columns = list(dict.fromkeys(name for row in rows for name in row))
    shown = [{str(columns.index(name)): value for name, value in row.items()} for row in rows]
    named = [{"cid": str(number), "name": name} for number, name in enumerate(columns)]
    return JSONResponse({"formatParams": input_format, "preview": {"columns": named, "rows": shown}})


def _format(call: Call, of_batch: JsonObject) -> JsonObject:
    """Return the ``inputFormat`` by which a preview reads the files: from the query, or else that of the batch [I].

    Adobe requires a format in the query.
    """
    given: JsonObject = {"format": call.query("format")} if call.query("format") else dict(of_batch)
    given |= {name: call.query(name) for name in _TEXTS if call.query(name)}
    for name in _FLAGS:
        text = call.query(name).lower()
        if text not in ("", "true", "false"):
            raise problem(400, f"{name} must be true or false.")
        given |= {name: text == "true"} if text else {}
    return parse_input_format(given)


def _rows(call: Call, batch: JsonObject) -> Iterator[dict[str, str]]:
    """Yield the rows of all uploaded files with flat columns and text values."""
    for body in batch_files(call.scope, batch["id"]):
        for row in read_rows(call.scope, batch, body, None) if body["size"] else ():
            yield {"_corrupt_record": row.text} if isinstance(row, Corrupt) else dict(_flat(row, ""))


def _flat(value: JsonObject, path: str) -> Iterator[tuple[str, str]]:
    """Yield the name and the value of each plain field of a row, as texts.

    The names of nested fields are paths such as ``_tenant/field``, as in the specification's sample.

    Args:
        value: The row, or an object in it.
        path: The path of the object, with a slash at its end; empty for the row.
    """
    for name, part in value.items():
        if isinstance(part, dict):
            yield from _flat(part, f"{path}{name}/")
        elif part is not None:
            yield f"{path}{name}", part if isinstance(part, str) else json.dumps(part)
