"""The one checker: after every case, whatever happened in it, these sentences hold."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

from include.demo.evidence import Comparison
from include.lake import manifest as manifests
from include.lake.keys import PartitionKey
from include.lake.lake import Lake
from include.lake.ledger import LedgerRecord
from tests.faults.place import Place
from tests.faults.running import DAYS

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


def compared(place: Place, days: tuple[date, ...] = DAYS) -> Comparison:
    """Returned by Mixpanel, quarantined, active at AEP: as sets of ``_id``."""
    return place.carrier.compare(*days)


def ledger_faults(records: list[LedgerRecord]) -> list[str]:
    """What is not well formed in a partition's ledger."""
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


def leftovers(place: Place, days: tuple[date, ...] = DAYS) -> set[str]:
    """What nobody will use any more: kinds of things, as a case names those that it leaves behind."""
    found = {_kind(key) for day in days for key in _unreferenced(place.lake, place.partition(day))}
    found |= {"open batch" for batch in place.batches() if batch["status"] == "loading"}
    if place.lake.root is not None:
        found |= {"unfinished file" for path in place.lake.root.rglob("*") if "#" in path.name}
    else:
        found |= {"unfinished upload"} if place.stage.s3.unfinished_uploads(place.where.lake) else set()
    if any((Path(place.where.folder) / "scratch").glob("*")):
        found.add("scratch")
    return found


def _unreferenced(lake: Lake, partition: PartitionKey) -> Iterator[str]:
    keys = set(lake.keys(partition.prefix))
    known = {
        key for key in keys if f"{partition.prefix}/ledger/" in key or f"{partition.prefix}/looks/" in key
    }
    for key in keys:
        if key.endswith("/manifest.json"):
            manifest = manifests.load(lake, key)
            assert manifest is not None
            known |= {key, *(file.key for file in manifest.files)}
            for name in ("quarantine", "report", "events"):
                value = manifest.details.get(name)
                known.add(value["key"] if isinstance(value, dict) else str(value))
    yield from sorted(key for key in keys - known if "/quarantine/ingest-" not in key)


def _kind(key: str) -> str:
    """The folder of a partition that a key is in: ``raw``, ``xdm``, ``valid``, ``staged``, ``quarantine``, ``report``."""
    return key.split("/")[2]
