"""A day that differs from one that is mapped already: only the lines that differ are read.

What comes of it is the day that mapping all lines would give: the rows of the base without the superseded ones, and those
of the added lines. Where ids and digests cannot decide which of two rows stays, ``map_delta`` says so, and all lines
are read after all.
"""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from include.errors import FilesRemoved
from include.lake.manifest import Delta, LakeFile, Manifest, delta_fields, upload_file
from include.steps.duckdb import open_duckdb
from include.steps.jsonl import gzip_writer
from include.steps.transform import day
from include.steps.transform.job import Job
from include.steps.transform.parts import WrittenPart
from include.steps.transform.processes import helpers, wanted_processes
from include.steps.transform.superseded import Superseded, find_superseded, without_ids
from include.steps.workspace import Workspace

_CANNOT_TELL = {"time_in_the_future", "unexpected_error"}
"""Why a line of the base may have been refused that would be mapped today, or the reverse."""
_EVENT_COLUMNS = {"_id", "digest", "processed", "lines"}
_OF_ALL_ROWS = {
    "exported", "not_events", "mapped", "duplicates", "twins", "quarantined", "warnings", "compacted_by_day",
}  # fmt: skip
"""Counts that are computed for the day; all others are of its lines."""
MOST_PROPERTIES = 500
"""Names of unmapped properties that a manifest counts one by one."""


@dataclass(frozen=True)
class _Lines:
    """Some lines of the day, read: ``found`` in their first pass, rows spilled in ``job.scratch``."""

    job: Job
    found: day.FirstPass

    @property
    def spilled(self) -> list[Path]:
        return sorted(self.job.scratch.glob("bucket-*.arrow"))


@dataclass(frozen=True)
class DeltaMapping:
    """The transform of a delta. ``raw``: the export; ``base``: the mapped base, whose files are in the lake.

    ``job``: as for all lines, without paths. ``named``: properties that the mapping names; None among them: all.
    """

    workspace: Workspace
    raw: Manifest
    base: Manifest
    job: Job
    named: frozenset[str | None]
    digest: str

    def run(self, check_unmapped: Any) -> dict[str, Any] | None:
        """Map the lines; returns the manifest's fields, its files in the lake, or None where the base does not decide it.

        ``check_unmapped``: called with the counts of unmapped properties of the added lines.

        Raises:
            FilesRemoved: a file of the export is not in the lake any more.
        """
        events = self._events_of_base()
        quarantine = self._quarantine_of_base()
        if events is None or quarantine is None or _CANNOT_TELL & self.base.details["reasons"].keys():
            return None
        with self._read("removed") as (removed, _), self._read("added") as (added, others):
            check_unmapped(self._unmapped_counts(added.found.names.most_common()))
            with self._database() as db:
                superseded = find_superseded(db, events, added.spilled, removed.spilled)
                if superseded is None:
                    return None
                without = self._superseded_file(db, superseded.rows) if superseded.rows else None
            _drop(added, superseded)
            written = day.second_pass(added.job, others, added.found)
        if any(part.rejected for part in written):
            return None
        records = _left(quarantine, removed)
        if records is None:
            return None
        return self._publishable(added, removed, superseded, written, records, without)

    @contextmanager
    def _read(self, name: str) -> Iterator[tuple[_Lines, list[Any]]]:
        """Read the added or removed lines."""
        folder = self.job.scratch / name
        folder.mkdir()
        delta = self.raw.delta
        assert delta is not None
        files = list(self.raw.files) if name == "added" else [delta.without] if delta.without else []
        paths = tuple(
            self.workspace.local_file(file, folder / Path(file.key).name, self.raw) for file in files
        )
        job = replace(self.job, paths=paths, scratch=folder, rows=sum(file.rows for file in files))
        with helpers(job, wanted_processes(job.rows) - 1 if paths else 0) as others:
            yield _Lines(job, day.first_pass(job, others) if paths else day.FirstPass()), others

    @contextmanager
    def _database(self) -> Iterator[Any]:
        folder = self.job.scratch / "superseded"
        folder.mkdir()
        db = open_duckdb(folder)
        try:
            yield db
        finally:
            db.close()

    def _events_of_base(self) -> list[Path] | None:
        """The base's list of events, as files; None where the list is of an earlier version."""
        import pyarrow.parquet as pq

        listed = self.base.details.get("events")
        if listed is None:
            return None if self.base.rows else []
        file = LakeFile.model_validate(listed)
        path = self.workspace.local_file(file, self.job.scratch / "base-events.parquet", self.base)
        return [path] if set(pq.read_schema(path).names) >= _EVENT_COLUMNS else None

    def _quarantine_of_base(self) -> list[Path] | None:
        """The base's quarantine, as files; None where it was removed."""
        kept = self.base.details["quarantine"]
        if not kept:
            return []
        target = self.job.scratch / "base-quarantine.jsonl.gz"
        try:
            return [self.workspace.local_file(LakeFile.model_validate(kept), target, self.base)]
        except FilesRemoved:  # quarantine has an age of its own
            return None

    def _superseded_file(self, db: Any, rows: int) -> LakeFile:
        path = self.job.scratch / "superseded.parquet"
        target = str(path).replace("'", "''")
        db.execute(f"COPY (SELECT _id FROM superseded_ids) TO '{target}' (FORMAT parquet, COMPRESSION zstd)")
        folder = self.workspace.partition.output("transform", self.digest)
        return upload_file(self.workspace.lake, f"{folder}/superseded.parquet", path, rows)

    def _publishable(
        self,
        added: _Lines,
        removed: _Lines,
        superseded: Superseded,
        written: list[WrittenPart],
        records: list[bytes],
        without: LakeFile | None,
    ) -> dict[str, Any]:
        """The manifest's fields."""
        base, job = self.base, added.job
        not_converted, inexact = self._not_converted(job, written, superseded)
        folder = self.workspace.partition.output("transform", self.digest)
        compacted = day.compacted_by_day(job, written) + base.counts.get("compacted_by_day", 0)
        files, events = day.upload_parts(self.workspace, folder, job, [part for part in written if part.rows])
        rows = base.rows - superseded.rows + sum(file.rows for file in files)
        reasons = Counter(base.details["reasons"])
        reasons.subtract(removed.found.reasons)
        reasons.update(added.found.reasons)
        lines = Counter({name: n for name, n in base.counts.items() if name not in _OF_ALL_ROWS})
        lines.subtract(removed.found.counts)
        lines.update(added.found.counts)
        quarantined = (+reasons).total()
        counts = {
            **self.raw.counts,
            "mapped": rows,
            "duplicates": self.raw.rows - quarantined - rows,
            "twins": base.counts.get("twins", 0) + superseded.twins,
            "quarantined": quarantined,
            "warnings": sum(not_converted.values()),
            **dict(sorted((+lines).items())),
            **({"compacted_by_day": compacted} if compacted else {}),
        }
        details = {
            "recipe": job.recipe,
            "events": events.model_dump() if events else None,
            "quarantine": self._quarantine(records, added),
            "not_converted": not_converted,
            "inexact": inexact,
            **({"at_most": ["not_converted"]} if self._is_at_most(superseded) else {}),
            **self._names(added, removed),
            "reasons": dict(sorted((+reasons).items())),
        }
        delta = Delta(base=base.digest, rows=rows, without=without)
        return {"files": files, "counts": counts, **delta_fields(delta, details)}

    def _not_converted(
        self, job: Job, written: list[WrittenPart], superseded: Superseded
    ) -> tuple[dict[str, int], dict[str, int]]:
        """Values of the day's rows that did not convert; at most: which ones a superseded row had is not always known."""
        own = day.not_converted(job, written)
        gone = day.by_destination(job, superseded.failed)
        found = []
        for name, mine, lost in zip(("not_converted", "inexact"), own, gone, strict=True):
            total = Counter(self.base.details.get(name, {}))
            total.update(mine)
            total.subtract(lost)
            found.append(dict(sorted((+total).items())))
        return found[0], found[1]

    def _is_at_most(self, superseded: Superseded) -> bool:
        """Whether some superseded row may have had values that did not convert, which are still counted."""
        computed = {leaf.name for leaf in self.job.compiled.computed}
        before = self.base.details["not_converted"].keys()
        return bool(superseded.unknown and before) or bool(superseded.rows and computed & before)

    def _names(self, added: _Lines, removed: _Lines) -> dict[str, Any]:
        """Events by name and unmapped properties. Of a list that does not have every name, the listed ones are counted."""
        was_partial = set(self.base.details.get("partial", ()))
        unmapped = self.base.details.get("unmapped", {})
        is_cut = "unmapped" in was_partial or len(unmapped) >= MOST_PROPERTIES
        named = {
            "by_event": _changed(
                self.base.details["by_event"],
                added.found.by_event.counts,
                removed.found.by_event.counts,
                is_cut="by_event" in was_partial,
            ),
            "unmapped": _changed(
                unmapped,
                self._unmapped_counts(added.found.names.counts),
                self._unmapped_counts(removed.found.names.counts),
                is_cut=is_cut,
            ),
        }
        partial = was_partial | {
            name
            for name, counter in (("by_event", added.found.by_event), ("unmapped", added.found.names))
            if counter.is_partial
        }
        named["unmapped"] = dict(islice(named["unmapped"].items(), MOST_PROPERTIES))
        return {**named, **({"partial": sorted(partial)} if partial else {})}

    def _unmapped_counts(self, names: Mapping[str, int]) -> dict[str, int]:
        return unmapped_counts(names, self.named)

    def _quarantine(self, records: list[bytes], added: _Lines) -> dict[str, Any] | None:
        """Upload the quarantine of the whole day: the base's records that are left, then those of added lines."""
        rows = len(records) + added.found.reasons.total()
        if not rows:
            return None
        path = self.job.scratch / "quarantine.jsonl.gz"
        with gzip_writer(path) as file:
            file.writelines(records)
        day.write_quarantine(path, added.found, [], append=True)
        key = self.workspace.partition.quarantine("transform", self.digest)
        return upload_file(self.workspace.lake, key, path, rows).model_dump()


def unmapped_counts(names: Mapping[str, int], named: frozenset[str | None]) -> dict[str, int]:
    """How many events have each property that no mapping names."""
    return {name: rows for name, rows in names.items() if name not in named and None not in named}


def _changed(
    base: Mapping[str, int], added: Mapping[str, int], removed: Mapping[str, int], *, is_cut: bool
) -> dict[str, int]:
    """Counts by name, the largest first."""
    total = Counter(base)
    for name, count in added.items():
        total[name] += count if name in base or not is_cut else 0
    for name, count in removed.items():
        total[name] -= count if name in base or not is_cut else 0
    return dict(sorted((+total).items(), key=lambda pair: (-pair[1], pair[0])))


def _drop(added: _Lines, superseded: Superseded) -> None:
    """Take the rows out of the spill files that the base's rows beat."""
    if not len(superseded.losers):
        return
    for path in added.spilled:
        bucket = int(path.name.split("-")[1])
        rows, size = without_ids(path, superseded.losers)
        added.found.rows[bucket] -= rows
        added.found.bytes[bucket] -= size
        if not added.found.rows[bucket]:
            del added.found.rows[bucket], added.found.bytes[bucket]


def _left(quarantine: list[Path], removed: _Lines) -> list[bytes] | None:
    """The base's quarantine records without those of removed lines; None where one of these is not among them."""
    gone: Counter[tuple[str, str]] = Counter()
    for path in removed.found.quarantined:
        gone.update(_key(record) for _, record in day.read_records(path))
    left = []
    for path in quarantine:
        with gzip.open(path) as file:
            for line in file:
                if gone and (key := _key(line)) in gone:
                    gone[key] -= 1
                    gone += Counter()
                else:
                    left.append(line)
    return None if gone else left


def _key(record: bytes) -> tuple[str, str]:
    """A quarantine record's reason and line."""
    body = msgspec.json.decode(record)
    return body["reason"], body.get("raw") or body["raw_base64"]
