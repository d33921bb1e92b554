"""Every known failure of a load, through the real step: the rows are active once, or the task says why they are not."""

from __future__ import annotations

import itertools
import re
import shutil
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from include.aep.upload import Uploader
from include.errors import Conflict, PipelineError
from include.http.call import Patience
from include.lake.lake import Lake
from include.lake.ledger import Ledger
from include.lake.manifest import Manifest, upload_file
from include.steps.ingest import Ingested, Watching
from tests.carrying import PIPELINES, Carrier
from tests.failures import aep_routes_table, aep_table
from tests.failures.aep_failure import ROUTES, STAGED, AepFailure, becomes
from tests.failures.carrying_out import SECRETS, Sandbox, assert_explained, assert_waited, tries
from tests.failures.failure import Elsewhere, NotOurs
from tests.serving import Hands

pytestmark = pytest.mark.sandbox
DAY = date(2026, 7, 1)
ALL = [*aep_table.ROWS, *aep_routes_table.ROWS]
ROWS = [row for row in ALL if isinstance(row, AepFailure)]
USUAL = {
    "batch_seconds": 0, "active_status": "success", "small_file_bytes": 256 * 1024 * 1024, "token_seconds": 86399,
    "catalog_lag_seconds": 0, "throttle_tokens": 0, "tokens_per_minute": None,
    "next_batches": [], "secrets": [SECRETS["aep"]],
}  # fmt: skip
_DATASETS = itertools.count(1)
_MOST_LOOKS = 6


def test_every_number_has_a_row_and_every_row_a_name_of_its_own() -> None:
    assert {row.id.partition("/")[0] for row in aep_table.ROWS} == set(aep_table.NUMBERS)
    assert {row.id.partition("/")[0] for row in aep_routes_table.ROWS} == set(aep_routes_table.ON_THE_WAY)
    assert [row for row, count in Counter(row.id for row in ALL).items() if count > 1] == []


def test_what_is_shown_elsewhere_is_and_what_is_not_ours_says_why() -> None:
    shown = "".join(path.read_text() for path in Path(__file__).parents[1].rglob("test_*.py"))
    for row in ALL:
        assert not isinstance(row, Elsewhere) or f"\ndef {row.test}(" in shown, f"{row.id}: no {row.test}"
        assert not isinstance(row, NotOurs) or row.reason


@dataclass
class Template:
    """A day that was staged once, and the schema of the datasets into which the rows load it."""

    carrier: Carrier
    staged: Manifest
    schema_id: str
    folder: Path


@pytest.fixture(scope="module")
def template(_sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Template:
    folder = tmp_path_factory.mktemp("template")
    _sandbox.post("/aep/settings", USUAL)
    carrier = Carrier(_sandbox.url, Lake(f"file://{folder}"), PIPELINES["hostile"])
    carrier.aep_connection = {"password": SECRETS["aep"]}
    carrier.setup()
    staged = carrier.stage(DAY)
    assert staged.rows == STAGED
    dataset = carrier.aep.catalog.require_dataset(carrier.pipeline.aep.dataset)
    return Template(carrier, staged, dataset["schemaRef"]["id"], folder)


class Place:
    """A row's own lake, clock and dataset."""

    def __init__(self, row: AepFailure, sandbox: Sandbox, template: Template, folder: Path) -> None:
        self.row, self.sandbox, self.hands = row, sandbox, Hands()
        shutil.copytree(template.folder, folder / "lake")
        self.carrier = self._carrier(template, folder)
        sandbox.post("/clock", {"reset": True})
        sandbox.post("/aep/settings", USUAL)
        self._dataset(template)
        self.staged = self._by_hand(folder) if row.lines else template.staged
        sandbox.post("/aep/settings", {**row.settings, "next_batches": list(row.next_batches)})
        for fault in row.faults:
            sandbox.post("/faults", fault)
        sandbox.forget_requests()
        self._left = list(row.meanwhile)

    def _carrier(self, template: Template, folder: Path) -> Carrier:
        base = template.carrier.pipeline
        file_format = "json" if self.row.lines else "parquet"
        aep = base.aep.model_copy(
            update={"dataset": f"Failures {next(_DATASETS)}", "file_format": file_format}
        )
        return Carrier(
            self.sandbox.url,
            Lake(f"file://{folder}/lake"),
            base.model_copy(update={"aep": aep}),
            self.hands.clock,
            aep_connection={"password": SECRETS["aep"], **self.row.connection},
            patience=Patience(5, self.row.idle_seconds),
            limits=self.row.limits,
        )

    def _dataset(self, template: Template) -> None:
        body = {"name": self.carrier.pipeline.aep.dataset, "schemaRef": {"id": template.schema_id,
                "contentType": "application/vnd.adobe.xed+json;version=1"}}  # fmt: skip
        template.carrier.aep.catalog.create_dataset(body)

    def _by_hand(self, folder: Path) -> Manifest:
        """The row's own lines as a staged file: what validation would never let through."""
        path = folder / "events-0.json"
        path.write_bytes(b"".join(line + b"\n" for line in self.row.lines))
        place, digest = self.carrier.workspace(DAY), "ab" * 16
        key = f"{place.partition.output('stage', digest)}/{path.name}"
        files = (upload_file(place.lake, key, path, len(self.row.lines)),)
        return place.publish(step="stage", digest=digest, inputs={}, files=files, counts={})

    def task(self) -> Ingested | Watching:
        """One try of the task: it looks until AEP has finished, or has been watched for long."""
        for _ in range(_MOST_LOOKS):
            result = self.carrier.advance(DAY, self.staged)
            if isinstance(result, Ingested):
                break
            if self._left:
                self.do(self._left.pop(0))
        return result

    def do(self, happening: Mapping[str, Any]) -> None:
        batch = next((r.batch for r in reversed(self.records()) if r.batch), "")
        self.sandbox.post(happening["path"].format(batch=batch), happening["body"])

    def records(self) -> list[Any]:
        return Ledger(self.carrier.lake, self.carrier.workspace(DAY).partition).records()

    def active(self) -> Counter[str]:
        kept = self.sandbox.lines("/aep/active", dataset=self.carrier.pipeline.aep.dataset)
        return Counter(row["_id"] for row in kept)


def asked(entries: list[dict[str, Any]]) -> Counter[str]:
    """How often each route was asked."""
    return Counter(
        next((name for name, route in ROUTES.items() if _fits(route, entry)), "?") for entry in entries
    )


def _fits(route: Mapping[str, Any], entry: Mapping[str, Any]) -> bool:
    path = route.get("path_regex") or re.escape(route["path"]).replace(r"\*", ".*") + "$"
    return (
        route["method"] == entry["method"]
        and re.match(path, entry["path"]) is not None
        and route.get("query", "") in entry["query"]
    )


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_a_day_is_active_once_or_its_task_says_why_not(
    row: AepFailure, sandbox: Sandbox, template: Template, tmp_path: Path
) -> None:
    place = Place(row, sandbox, template, tmp_path)
    result = tries(row, place.task, place.hands)
    counted = asked(sandbox.asked(sum(row.requests.values())))
    assert counted["?"] == 0
    assert {name: counted[name] for name in row.requests} == row.requests
    assert_waited(row, place.hands)
    if row.succeeds:
        assert isinstance(result, Watching if row.watching else Ingested)
    assert_active(place, row.active)
    if row.ledger:
        assert tuple(record.kind for record in place.records()) == row.ledger
    if row.cleared is not None:
        assert_cleared(place, row.cleared)


def assert_active(place: Place, rows: int) -> None:
    """So many rows, none of them twice, none that was not staged; and all of them when it says so."""
    active = place.active()
    assert sum(active.values()) == rows
    assert max(active.values(), default=1) == 1
    if not place.row.lines:
        compared = place.carrier.compare(DAY)
        assert (compared.duplicate, compared.phantom) == (0, 0)
        assert compared.lost == STAGED - rows
    done = [record for record in place.records() if record.kind == "active"]
    assert not done or done[-1].counts == {"active": rows}


def assert_cleared(place: Place, rows: int) -> None:
    """A person has read the message, does what it says and clears the task."""
    place.sandbox.post("/aep/settings", {"next_batches": []})
    for happening in place.row.by_hand:
        place.do(happening)
    try:
        place.task()
    except PipelineError as error:
        assert_explained(error)
        assert rows == 0
    assert_active(place, rows)


def test_a_batch_that_stays_open_is_not_watched_for_ever(
    sandbox: Sandbox, template: Template, tmp_path: Path
) -> None:
    """Say a gateway answers COMPLETE with 200: it is asked again, but no look begins the waiting anew."""
    row = AepFailure("", "", next_batches=({"outcome": "status", "status": "loading"},))
    place = Place(row, sandbox, template, tmp_path)
    looks = [place.carrier.advance(DAY, place.staged) for _ in range(4)]
    assert [isinstance(look, Watching) and look.committed for look in looks] == [True, False, False, False]
    assert asked(sandbox.asked(4))["create"] == 1


def test_a_batch_that_is_ended_while_it_is_filled_is_made_anew(
    sandbox: Sandbox, template: Template, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person aborts it in AEP; the next try fills a new one."""
    place = Place(AepFailure("", ""), sandbox, template, tmp_path)
    upload = Uploader.upload

    def abort_first(uploader: Uploader, *args: Any) -> None:
        monkeypatch.setattr(Uploader, "upload", upload)
        place.do(becomes("aborted"))
        upload(uploader, *args)

    monkeypatch.setattr(Uploader, "upload", abort_first)
    with pytest.raises(
        Conflict, match=r"Somebody ended batch .* of partition 2026-07-01 in AEP while it was"
    ) as told:
        place.task()
    assert_explained(told.value)
    assert place.active() == Counter()
    assert isinstance(place.task(), Ingested)
    assert_active(place, STAGED)


def test_every_documented_status_and_code_has_a_row() -> None:
    ids = {row.id for row in ALL}
    assert {f"status/{status}" for status in aep_table.STATUSES} <= ids
    assert {f"code/{code}" for code in aep_table.CODES} <= ids


def test_a_client_keeps_its_token_and_is_let_in_with_the_second_secret(
    sandbox: Sandbox, template: Template
) -> None:
    """A credential may have two secrets while one replaces the other."""
    sandbox.post("/aep/settings", {"secrets": [SECRETS["aep"], "the-next-secret"]})
    client = template.carrier.aep
    client.registry.tenant_id()
    sandbox.post("/aep/settings", {"secrets": ["the-next-secret"]})
    client.registry.tenant_id()
    fields = {**template.carrier.aep_connection, "password": "the-next-secret"}
    later = Carrier(sandbox.url, template.carrier.lake, template.carrier.pipeline, aep_connection=fields)
    assert later.aep.registry.tenant_id()
    assert asked([e for e in sandbox.asked(2) if e["service"] == "ims"]) == {"token": 2}
