"""Every known failure of a load, through the real step: the rows are active once, or the task says why they are not."""

from __future__ import annotations

import hashlib
import itertools
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import requests

from include.aep.client import AepClient
from include.aep.upload import Uploader
from include.demo import evidence
from include.demo.evidence import Comparison, compare, result_of
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
    """A day that was staged once, the schema of the datasets into which the rows load it, and what Mixpanel returned."""

    carrier: Carrier
    aep: AepClient
    staged: Manifest
    schema_id: str
    returned: list[bytes]

    def dataset(self, name: str) -> str:
        content_type = "application/vnd.adobe.xed+json;version=1"
        body = {"name": name, "schemaRef": {"id": self.schema_id, "contentType": content_type}}
        return self.aep.catalog.create_dataset(body)

    def delete_dataset(self, dataset_id: str) -> None:
        """The sandbox shows each dataset with its batches: hundreds of them would make every row slower."""
        url = f"{self.carrier.url}/data/foundation/catalog/dataSets/{dataset_id}"
        requests.delete(url, headers=self.aep._http._headers(), timeout=20).raise_for_status()


@pytest.fixture(scope="module")
def template(_sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Template:
    carrier = Carrier(_sandbox.url, Lake(f"file://{tmp_path_factory.mktemp('lake')}"), PIPELINES["hostile"])
    carrier.aep_connection = {"password": SECRETS["aep"]}
    carrier.setup()
    staged = carrier.stage(DAY)
    assert staged.rows == STAGED
    aep = carrier.aep
    dataset = aep.catalog.require_dataset(carrier.pipeline.aep.dataset)
    returned = list(evidence.Sandbox(_sandbox.url).returned(carrier.project_id))
    return Template(carrier, aep, staged, dataset["schemaRef"]["id"], returned)


class Place:
    """A row's own ledger, clock and dataset. The lake is that of all rows: none changes what was staged."""

    def __init__(self, row: AepFailure, sandbox: Sandbox, template: Template) -> None:
        self.row, self.sandbox, self.template, self.hands = row, sandbox, template, Hands()
        self.carrier = self._carrier(template.carrier)
        lake = template.carrier.lake
        assert lake.root
        shutil.rmtree(lake.root / self.carrier.workspace(DAY).partition.ledger_prefix, ignore_errors=True)
        self.dataset_id = template.dataset(self.carrier.pipeline.aep.dataset)
        self.staged = self._by_hand() if row.lines else template.staged
        if row.settings or row.next_batches:
            sandbox.post("/aep/settings", {**row.settings, "next_batches": list(row.next_batches)})
        for fault in row.faults:
            sandbox.post("/faults", fault)
        sandbox.forget_requests()
        self._left = list(row.meanwhile)

    def _carrier(self, base: Carrier) -> Carrier:
        row, name = self.row, f"Failures {next(_DATASETS)}"
        file_format = "json" if row.lines else "parquet"
        aep = base.pipeline.aep.model_copy(update={"dataset": name, "file_format": file_format})
        return Carrier(
            base.url,
            base.lake,
            base.pipeline.model_copy(update={"aep": aep}),
            self.hands.clock,
            aep_connection={"password": SECRETS["aep"], **row.connection},
            patience=Patience(5, row.idle_seconds),
            limits=row.limits,
        )

    def _by_hand(self) -> Manifest:
        """The row's own lines as a staged file: what validation would never let through."""
        content = b"".join(line + b"\n" for line in self.row.lines)
        digest = hashlib.sha256(content).hexdigest()
        place = self.carrier.workspace(DAY)
        with place.scratch() as scratch:
            path = scratch / "events-0.json"
            path.write_bytes(content)
            key = f"{place.partition.output('stage', digest[:32])}/{path.name}"
            files = (upload_file(place.lake, key, path, len(self.row.lines)),)
        return place.publish(step="stage", digest=digest[:32], inputs={}, files=files, counts={})

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

    def asked(self) -> Counter[str]:
        """How often each route was asked."""
        return asked(self.sandbox.asked(lambda entries: asked(entries) >= Counter(self.row.requests)))

    def records(self) -> list[Any]:
        return Ledger(self.carrier.lake, self.carrier.workspace(DAY).partition).records()

    def active(self) -> list[tuple[str, str]]:
        """``_id`` and batch of every row that AEP holds."""
        kept = self.sandbox.lines("/aep/active", dataset=self.carrier.pipeline.aep.dataset)
        return [(row["_id"], row["batch"]) for row in kept]

    def compared(self, active: list[tuple[str, str]]) -> Comparison:
        """Returned, quarantined and active events, as sets."""
        results = [result_of(self.carrier.lake, self.carrier.workspace(DAY).partition, Counter())]
        known = _Known(self.template.returned, active)
        return compare(self.carrier.pipeline, self.carrier.project_id, known, self.carrier.lake, results)


@pytest.fixture
def arranged(sandbox: Sandbox, template: Template) -> Iterator[Callable[[AepFailure], Place]]:
    """Arranges a row, and clears up after it."""
    places: list[Place] = []

    def arrange(row: AepFailure) -> Place:
        places.append(Place(row, sandbox, template))
        return places[-1]

    yield arrange
    sandbox.forget_faults()
    for place in places:
        template.delete_dataset(place.dataset_id)


class _Known(evidence.Sandbox):
    """The sandbox's records as they were read a moment ago."""

    def __init__(self, returned: list[bytes], active: list[tuple[str, str]]) -> None:
        self._returned, self._active = returned, active

    def returned(self, project_id: int) -> Iterator[bytes]:
        return iter(self._returned)

    def active(self, dataset: str) -> Iterator[tuple[str, str]]:
        return iter(self._active)


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
    row: AepFailure, arranged: Callable[[AepFailure], Place]
) -> None:
    place = arranged(row)
    result = tries(row, place.task, place.hands)
    counted = place.asked()
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
    assert (len(active), len({identity for identity, _ in active})) == (rows, rows)
    if not place.row.lines:
        assert place.compared(active) == Comparison(lost=STAGED - rows, duplicate=0, phantom=0)
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


def test_a_batch_that_stays_open_is_not_watched_for_ever(arranged: Callable[[AepFailure], Place]) -> None:
    """Say a gateway answers COMPLETE with 200: it is asked again, but no look begins the waiting anew."""
    row = AepFailure("", "", next_batches=({"outcome": "status", "status": "loading"},))
    place = arranged(row)
    looks = [place.carrier.advance(DAY, place.staged) for _ in range(4)]
    assert [isinstance(look, Watching) and look.committed for look in looks] == [True, False, False, False]
    assert place.asked()["create"] == 1


def test_a_batch_that_is_ended_while_it_is_filled_is_made_anew(
    arranged: Callable[[AepFailure], Place], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person aborts it in AEP; the next try fills a new one."""
    place = arranged(AepFailure("", ""))
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
    assert place.active() == []
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
    assert asked(sandbox.asked())["token"] == 2
