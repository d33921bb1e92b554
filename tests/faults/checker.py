"""The one checker: these statements hold after every case."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path

import msgspec

from include.lake.keys import REMOVAL_NAME, PartitionKey
from include.lake.lake import Lake
from include.lake.ledger import LedgerRecord
from include.lake.manifests import manifests_of
from include.xdm.events.event_id import RECIPE, event_id_without_insert_id
from scripts.demo.evidence import Comparison, PartitionResult, Sandbox, compare, line_id
from tests.faults.process_run import DAYS, End
from tests.faults.scenario import Scenario

EXACT = Comparison(0, 0, 0)
_AFTER = {
    None: {"claimed", "empty"},
    "claimed": {"claimed", "created", "gone"},
    "created": {"completing", "claimed", "active", "failed", "gone"},
    "completing": {"active", "failed", "claimed", "gone", "completing"},
    "active": {"claimed", "gone"},
    "failed": {"claimed", "active", "empty", "gone"},
    "empty": {"claimed", "gone"},
    "gone": {"claimed", "gone", "empty"},
}
"""Which kind of record may follow which."""
_SECONDS = re.compile(rb'"time": ?\d+')


class _World(Sandbox):
    """Mixpanel's current events count in addition to the returned ones: a day that never ran is lost, not unknown."""

    def __init__(self, scenario: Scenario) -> None:
        super().__init__(scenario.stage.url)
        self._place = scenario

    def returned(self, project_id: int) -> Iterator[bytes]:
        yield from super().returned(project_id)
        for line in self._place.events_now():
            yield _SECONDS.sub(rb"\g<0>000", line) if self._place.pipeline.mixpanel.time_in_ms else line

    def active(self, dataset: str) -> Iterator[tuple[str, str]]:
        newer = _newer_ids(self._place, self.returned(self._place.project_id))
        for identity, batch in self._place.active_in(dataset):
            yield newer.get(identity, identity), batch


def _newer_ids(scenario: Scenario, lines: Iterable[bytes]) -> dict[str, str]:
    """Return the current ``_id`` of an event by its recipe 1 id, where a day was loaded with recipe 1."""
    if all(record.recipe == RECIPE for day in days_of(scenario) for record in scenario.records(day)):
        return {}
    found = {}
    for line in set(lines):
        event = msgspec.json.decode(line, type=dict[str, msgspec.Raw])
        properties = msgspec.json.decode(event["properties"], type=dict[str, msgspec.Raw])
        if "$insert_id" not in properties:
            name = msgspec.json.decode(event["event"], type=str)
            plain = {key: bytes(text).decode() for key, text in properties.items()}
            old = event_id_without_insert_id(scenario.project_id, name, plain)
            found[old] = line_id(scenario.project_id, line)
    return found


def compared(scenario: Scenario, *, read: bool = True) -> Comparison:
    """Return events at Mixpanel, in quarantine and active at AEP, as sets of ``_id`` of all days.

    ``read``: also read AEP's rows through its data lake, as ``verify`` does, and require that they equal the sandbox's
    own store.
    """
    if read:
        mine, theirs = sorted(scenario.active()), sorted(scenario.read_lake())
        assert mine == theirs, f"AEP's data lake shows {len(theirs)} rows, the sandbox has {len(mine)}"
    results = [
        PartitionResult(
            scenario.partition(day), exported=0, duplicates=0, quarantined=0, staged=0, active=0, batch=""
        )
        for day in days_of(scenario)
    ]
    return compare(scenario.pipeline, scenario.project_id, _World(scenario), scenario.lake, results)


def days_of(scenario: Scenario) -> set[date]:
    """Return the days that have objects in the lake."""
    parts = (key.split("/")[1] for key in scenario.lake.keys(f"{scenario.pipeline.name}/"))
    return {date.fromisoformat(part) for part in parts if re.fullmatch(r"\d{4}-\d{2}-\d{2}", part)}


def unexplained(scenario: Scenario) -> list[End]:
    """Return the tries that ended red without a cause and a remedy."""
    ends = (End(**json.loads(path.read_text())) for path in sorted(scenario.folder.glob("*.end")))
    return [end for end in ends if end.is_unexplained]


class Unexplained(AssertionError):
    """Runs ended red without a cause and a remedy."""

    def __init__(self, ends: list[End]) -> None:
        super().__init__(ends)
        self.ends = ends


def require_explained(scenario: Scenario) -> None:
    """Raise Unexplained if a try of the scenario ended red without a cause and a remedy."""
    if ends := unexplained(scenario):
        raise Unexplained(ends)


def ledger_faults(records: list[LedgerRecord]) -> list[str]:
    """Return what is invalid in a partition's ledger."""
    faults, last, created = [], None, set()
    for record in records:
        if record.kind not in _AFTER[last]:
            faults.append(f"record {record.number}: {record.kind} after {last}")
        if record.kind == "created":
            created.add(record.batch)
        elif record.batch and record.batch not in created:
            faults.append(f"record {record.number}: batch {record.batch} was never created")
        last = record.kind
    return faults


def leftovers(scenario: Scenario, days: tuple[date, ...] = DAYS) -> set[str]:
    """Return the kinds of things that are left behind and unused, as a case names them."""
    found = {_kind(key) for day in days for key in _unreferenced(scenario.lake, scenario.partition(day))}
    found |= {"open batch" for batch in scenario.batches() if batch["status"] == "loading"}
    if scenario.lake.root is not None:
        found |= {"unfinished file" for path in scenario.lake.root.rglob("*") if "#" in path.name}
    else:
        found |= {"unfinished upload"} if scenario.stage.s3.unfinished_uploads(scenario.where.lake) else set()
    if any((Path(scenario.where.folder) / "scratch").glob("*")):
        found.add("scratch")
    return found


def _unreferenced(lake: Lake, partition: PartitionKey) -> Iterator[str]:
    keys = set(lake.keys(partition.prefix))
    known = {
        key
        for key in keys
        if f"{partition.prefix}/ledger/" in key
        or f"{partition.prefix}/looks/" in key
        or key.endswith(f"/{REMOVAL_NAME}")
    }
    for manifest in manifests_of(lake, partition):
        known |= {partition.manifest(manifest.step, manifest.digest), *manifest.keys}
        for name in ("quarantine", "report", "events"):
            value = manifest.details.get(name)
            known.add(value["key"] if isinstance(value, dict) else str(value))
    yield from sorted(key for key in keys - known if "/quarantine/ingest-" not in key)


def _kind(key: str) -> str:
    """Return the folder of a partition that a key is in: ``raw``, ``xdm``, ``valid``, ``staged``, ``quarantine``, ``report``."""
    return key.split("/")[2]
