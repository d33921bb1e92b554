"""List the quarantined events of each day: which events were not sent to AEP, and why. Only reads the lake."""

from __future__ import annotations

import gzip
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path

from include.json_types import JsonObject
from include.lake.history import History, Source, targets_of_pipeline
from include.lake.keys import PartitionKey
from include.lake.lake import Lake
from include.lake.ledger_state import refused_record
from include.lake.manifest import Manifest, StepName
from include.lake.manifests import find_manifest, newest
from include.steps.quarantine_records import read_record, reasons_of, refused_files
from include.steps.retention.contents import DayListing, list_days
from include.steps.scratch import scratch_folder


@dataclass(frozen=True)
class QuarantineFile:
    """A file of quarantined events in the lake. ``step``: the step that wrote it.

    ``ids``: the ``_id``s of the events in the file that are still quarantined; the others may have been loaded since.
    None if all of the file's events are still quarantined.
    """

    step: str
    key: str
    ids: frozenset[str] | None = None


@dataclass
class QuarantinedDay:
    """The quarantined events of one day. ``events``: their number; ``reasons``: how many of them have each reason."""

    day: date
    files: tuple[QuarantineFile, ...] = ()
    events: int = 0
    reasons: Counter[str] = field(default_factory=Counter)


def quarantined_days(lake: Lake, pipeline: str, day: date | None = None) -> list[QuarantinedDay]:
    """Return the days that have quarantined events, newest first, with their counts; with ``day``, at most that day.

    Every quarantine file of these days is read.

    Raises:
        BadManifest: a manifest of a day cannot be read.
        LakeError: the lake cannot be read.
    """
    found = []
    with scratch_folder("mixpanel-aep-quarantine-") as scratch:
        for each, listing in sorted(list_days(lake, pipeline, day).items(), reverse=True):
            if not listing.quarantine:
                continue
            quarantined = QuarantinedDay(
                each, _quarantine_files(lake, PartitionKey(pipeline, each), listing, scratch)
            )
            for record in _read_records(lake, quarantined.files, scratch):
                quarantined.events += 1
                quarantined.reasons.update(set(reasons_of(record)))
            if quarantined.events:
                found.append(quarantined)
    return found


def quarantine_files(lake: Lake, pipeline: str, day: date) -> tuple[QuarantineFile, ...]:
    """Return the files with the quarantined events of a day, also if validation refused the day as a whole.

    The day's folder is listed once.

    Raises:
        BadManifest: a manifest of the day cannot be read.
        LakeError: the lake cannot be read.
    """
    listing = list_days(lake, pipeline, day).get(day)
    if listing is None or not listing.quarantine:
        return ()
    with scratch_folder("mixpanel-aep-quarantine-") as scratch:
        return _quarantine_files(lake, PartitionKey(pipeline, day), listing, scratch)


def _read_records(lake: Lake, files: tuple[QuarantineFile, ...], scratch: Path) -> Iterator[JsonObject]:
    for file in files:
        path = lake.download(file.key, scratch / "quarantine.jsonl.gz").path
        try:
            with gzip.open(path) as lines:
                found = map(read_record, lines)
                yield from (each for each in found if file.ids is None or _id_of(each) in file.ids)
        except (EOFError, gzip.BadGzipFile, zlib.error):
            yield {}  # count the unreadable rest of a damaged file as one event


def _id_of(record: JsonObject) -> object:
    row = record.get("row")
    return row.get("_id") if isinstance(row, dict) else None


def _quarantine_files(
    lake: Lake, partition: PartitionKey, listing: DayListing, scratch: Path
) -> tuple[QuarantineFile, ...]:
    """Return the quarantine files of the day's newest outputs of transform and validate, and of rows that AEP refused.

    If validation refused the day as a whole, no manifest names its quarantine file. Then the newest file of validate
    counts that was written after the newest output of transform.
    """
    mapped = _newest_manifest(lake, partition, listing, "transform")
    valid = _newest_manifest(lake, partition, listing, "validate")
    named = {
        step: _quarantine_key(manifest) for step, manifest in (("transform", mapped), ("validate", valid))
    }
    if mapped is not None and (valid is None or valid.inputs["transform"] != mapped.digest):
        named["validate"] = _written_since(listing, "validate", mapped)
    found = [QuarantineFile(step, key) for step, key in named.items() if key is not None]
    there = {each.key for each in listing.quarantine}
    return tuple(each for each in (*found, *_refused_by_aep(lake, partition, scratch)) if each.key in there)


def _refused_by_aep(lake: Lake, partition: PartitionKey, scratch: Path) -> Iterator[QuarantineFile]:
    """Yield the quarantine files of rows that AEP refused, according to the day's ledger with the newest record."""
    # The source is a placeholder: it is used only to bind a history, which does not happen here.
    histories = (
        History(lake, Source("us", 0), target) for target in targets_of_pipeline(lake, partition.pipeline)
    )
    ledgers = [records for each in histories if (records := each.ledger(partition.day).records())]
    records = max(ledgers, key=lambda each: each[-1].at, default=[])
    record = refused_record(records)
    ids = _read_ids(lake, record.ids.key, scratch) if record is not None and record.ids is not None else None
    failed = partition.quarantine("ingest", records[-1].staged) if records else ""
    for key in refused_files(partition, records):
        yield QuarantineFile("ingest", key, None if key == failed else ids)


def _read_ids(lake: Lake, key: str, scratch: Path) -> frozenset[str]:
    import pyarrow.parquet as pq

    path = lake.download(key, scratch / "refused.parquet").path
    return frozenset(pq.read_table(path, columns=["_id"])["_id"].to_pylist())


def _newest_manifest(
    lake: Lake, partition: PartitionKey, listing: DayListing, step: StepName
) -> Manifest | None:
    digests = sorted(digest for name, digest in listing.manifests if name == step)
    return newest(filter(None, (find_manifest(lake, partition, step, digest) for digest in digests)))


def _quarantine_key(manifest: Manifest | None) -> str | None:
    kept = manifest.details.get("quarantine") if manifest is not None else None
    return str(kept["key"]) if kept else None


def _written_since(listing: DayListing, step: str, before: Manifest) -> str | None:
    since = datetime.fromisoformat(before.created_at)
    newer = [
        each
        for each in listing.quarantine
        if each.key.rpartition("/")[2].startswith(f"{step}-") and each.modified >= since
    ]
    return max(newer, key=lambda each: each.modified).key if newer else None
