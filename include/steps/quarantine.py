"""Quarantine: which events of which days were not sent, and why. It only reads the lake."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

from include.lake.keys import PartitionKey
from include.lake.lake import Lake
from include.lake.manifest import Manifest, StepName
from include.lake.manifests import find_manifest, newest
from include.quality.constraints import expected
from include.steps.clean.contents import DayListing, list_days
from include.steps.scratch import scratch_folder
from include.xdm.events.line_parser import REASONS

_STEPS = ("transform", "validate", "ingest")


@dataclass(frozen=True)
class QuarantineFile:
    """A file of quarantined events in the lake, and the step that refused them."""

    step: str
    key: str


@dataclass
class QuarantinedDay:
    """The quarantined events of a day, as left out by its newest outputs. ``reasons``: events by reason."""

    day: date
    files: tuple[QuarantineFile, ...] = ()
    events: int = 0
    reasons: Counter[str] = field(default_factory=Counter)


def quarantined_days(lake: Lake, pipeline: str, day: date | None = None) -> list[QuarantinedDay]:
    """Return the days with quarantined events, newest first; with ``day``, that day alone. Their files are read.

    Raises:
        BadManifest: a manifest of a day cannot be read.
        LakeError: the lake cannot be read.
    """
    found = []
    with scratch_folder("mixpanel-aep-quarantine-") as scratch:
        for each, listing in sorted(list_days(lake, pipeline).items(), reverse=True):
            if not listing.quarantine or day not in (None, each):
                continue
            quarantined = QuarantinedDay(each, _files(lake, PartitionKey(pipeline, each), listing))
            for record in _records(lake, quarantined.files, scratch):
                quarantined.events += 1
                quarantined.reasons.update(set(reasons_of(record)))
            if quarantined.events:
                found.append(quarantined)
    return found


def reasons_of(record: Mapping[str, Any]) -> tuple[str, ...]:
    """Return a sentence for each reason of a record, without values."""
    if record.get("step") == "ingest":
        return ("AEP refused the row",)
    if "reasons" in record:
        return tuple(
            f"{each['field']} {expected(each['expectation'], each['limit'])}" for each in record["reasons"]
        )
    name = str(record.get("reason", ""))
    return (REASONS.get(name, name),)


def _records(lake: Lake, files: tuple[QuarantineFile, ...], scratch: Path) -> Iterator[dict[str, Any]]:
    for file in files:
        path = lake.download(file.key, scratch / "quarantine.jsonl.gz").path
        with gzip.open(path) as lines:
            for line in lines:
                yield json.loads(line)


def _files(lake: Lake, partition: PartitionKey, listing: DayListing) -> tuple[QuarantineFile, ...]:
    """Return the files of the day's newest outputs; files of replaced outputs do not count.

    If validation refused the whole day, or AEP the batch, no manifest names the file. Then a file counts that was
    written after the newest output of the previous step.
    """
    mapped = _newest(lake, partition, listing, "transform")
    valid = _newest(lake, partition, listing, "validate")
    staged = _newest(lake, partition, listing, "stage")
    found: dict[str, str | None] = {
        step: _quarantine_key(manifest) for step, manifest in (("transform", mapped), ("validate", valid))
    }
    if mapped is not None and (valid is None or valid.inputs["transform"] != mapped.digest):
        found["validate"] = _written_since(listing, "validate", mapped)
    if staged is not None and valid is not None and staged.inputs["validate"] == valid.digest:
        found["ingest"] = partition.quarantine("ingest", staged.digest)
    there = {each.key for each in listing.quarantine}
    return tuple(
        QuarantineFile(step, key) for step in _STEPS if (key := found.get(step)) is not None and key in there
    )


def _newest(lake: Lake, partition: PartitionKey, listing: DayListing, step: StepName) -> Manifest | None:
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
