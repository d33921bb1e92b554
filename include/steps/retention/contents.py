"""Read what the lake contains of a day: its outputs with their files, its ledgers, and other objects to remove."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import cast

from include.errors import BadManifest
from include.json_types import JsonMapping
from include.lake.history import bound_pipelines, ledger_of
from include.lake.keys import REFUSED_NAME, KeyKind, PartitionKey, parse_key
from include.lake.lake import Lake, LakeObject
from include.lake.ledger import LedgerRecord
from include.lake.manifest import Manifest, StepName
from include.lake.manifests import find_manifest
from include.lake.records import read_record
from include.steps.export.stored_exports import refreshes_of

OutputKey = tuple[str, str]
"""The step and the digest that identify an output of a day."""


@dataclass(frozen=True)
class StoredOutput:
    """The folder of a step's output in the lake.

    A folder without a manifest belongs to a crashed run, or to a run that is writing it now.
    """

    step: StepName
    digest: str
    manifest: Manifest | None
    files: tuple[LakeObject, ...]
    written: datetime
    """The time when the output's manifest was written; without a manifest, the time of the newest file."""
    removed_at: datetime | None = None
    """The time when ``clean`` recorded that the output's files will be removed; None without such a record."""

    @property
    def key(self) -> OutputKey:
        """The step and the digest of the output."""
        return self.step, self.digest

    @property
    def bytes(self) -> int:
        """The size of all files of the output."""
        return sum(file.bytes for file in self.files)


@dataclass(frozen=True)
class DayContents:
    """What the lake contains of one day, with the manifests and ledgers that ``rules`` needs to select files to remove.

    ``ledgers``: the day's ledger in each history into which the pipeline has loaded; empty ledgers are left out.
    """

    outputs: tuple[StoredOutput, ...] = ()
    ledgers: tuple[Sequence[LedgerRecord], ...] = ()
    refreshes: tuple[tuple[datetime, str], ...] = ()
    """The time of each refresh, and the digest of the export that it selected."""
    has_uncopied_ledger: bool = False
    """Whether the day has a ledger of data version 5 or older that was not copied into a history yet."""


@dataclass
class DayListing:
    """The objects of a day by kind, from a listing of the lake; none of them is read.

    ``has_old_ledger``: whether there is a ledger in the place where data version 5 and older stored it.
    """

    files: defaultdict[OutputKey, list[LakeObject]] = field(default_factory=lambda: defaultdict(list))
    manifests: set[OutputKey] = field(default_factory=set)
    removals: set[OutputKey] = field(default_factory=set)
    quarantine: list[LakeObject] = field(default_factory=list)
    reports: list[LakeObject] = field(default_factory=list)
    has_old_ledger: bool = False

    def refused_of_shards(self) -> list[LakeObject]:
        """Return the quarantine files of shards; the day's quarantine has copies of them once the day is validated."""
        shards = (files for (step, _), files in self.files.items() if step == "validate_shard")
        return [file for files in shards for file in files if file.key.endswith(f"/{REFUSED_NAME}")]


def list_days(lake: Lake, pipeline: str, only: date | None = None) -> dict[date, DayListing]:
    """Return the objects of each day of a pipeline, by day, from one listing of the lake; ``only``: of that day."""
    days: defaultdict[date, DayListing] = defaultdict(DayListing)
    for found in lake.objects(PartitionKey(pipeline, only).prefix if only is not None else pipeline):
        key = parse_key(found.key)
        if key is None or key.pipeline != pipeline:
            continue
        day = days[key.day]
        match key.kind:
            case KeyKind.OUTPUT_FILE:
                day.files[key.step, key.digest].append(found)
            case KeyKind.MANIFEST:
                day.manifests.add((key.step, key.digest))
            case KeyKind.REMOVAL:
                day.removals.add((key.step, key.digest))
            case KeyKind.QUARANTINE:
                day.quarantine.append(found)
            case KeyKind.REPORT:
                day.reports.append(found)
            case KeyKind.KEPT:
                legacy_ledger = PartitionKey(pipeline, key.day).legacy_ledger
                day.has_old_ledger |= found.key.startswith(f"{legacy_ledger}/")
    return dict(sorted(days.items()))


@dataclass(frozen=True)
class ContentsReader:
    """Reads the manifests and ledgers of days of one pipeline.

    ``bound``: for the digest of each history's target, the pipeline that created the history.
    """

    lake: Lake
    pipeline: str
    bound: Mapping[str, str]

    @classmethod
    def of(cls, lake: Lake, pipeline: str) -> ContentsReader:
        """Return a reader for the histories that are in the lake now."""
        return cls(lake, pipeline, bound_pipelines(lake))

    def read(self, day: date, listing: DayListing) -> DayContents:
        """Read the manifests and ledgers of a day.

        Raises:
            BadManifest: one of them cannot be read; such a day is not cleaned.
        """
        partition = PartitionKey(self.pipeline, day)
        keys = listing.manifests | listing.removals | listing.files.keys()
        outputs = tuple(self._output(partition, key, listing) for key in sorted(keys))
        ledgers = tuple(self._ledgers(day, outputs))
        refreshes = tuple(_refreshes(refreshes_of(self.lake, partition)))
        return DayContents(outputs, ledgers, refreshes, listing.has_old_ledger and not ledgers)

    def _output(self, partition: PartitionKey, key: OutputKey, listing: DayListing) -> StoredOutput:
        step, digest = cast("StepName", key[0]), key[1]
        found = find_manifest(self.lake, partition, step, digest) if key in listing.manifests else None
        removed = self._removed_at(partition.removal(step, digest)) if key in listing.removals else None
        files = tuple(listing.files.get(key, ()))
        moments = [datetime.fromisoformat(found.created_at)] if found else [file.modified for file in files]
        written = max(moments, default=removed)
        if written is None:
            raise AssertionError("an output has a manifest, a removal or a file")
        return StoredOutput(step, digest, found, files, written, removed)

    def _removed_at(self, key: str) -> datetime:
        try:
            return datetime.fromisoformat(json.loads(read_record(self.lake, key) or b"")["at"])
        except (ValueError, TypeError, KeyError):
            raise BadManifest(
                f"{self.lake.uri(key)} is not a readable record of a removal.",
                "Remove that record from the lake; the next cleaning writes it again if necessary.",
            ) from None

    def _ledgers(self, day: date, outputs: Iterable[StoredOutput]) -> Iterator[Sequence[LedgerRecord]]:
        """Yield the day's ledgers in the histories that the pipeline created, or for which it has staged rows."""
        targets = {target for target, pipeline in self.bound.items() if pipeline == self.pipeline}
        staged = (
            each.manifest.inputs.get("history") for each in outputs if each.manifest and each.step == "stage"
        )
        for target in sorted(targets | set(filter(None, staged))):
            if records := ledger_of(self.lake, target, day).records():
                yield records


def _refreshes(refreshes: Iterable[JsonMapping]) -> Iterator[tuple[datetime, str]]:
    for refresh in refreshes:
        yield datetime.fromisoformat(refresh["at"]), str(refresh["export"])
