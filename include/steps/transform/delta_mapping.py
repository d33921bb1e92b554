"""Map a day that was exported again from the lines that differ from an earlier export of the day.

The output is a delta: the rows of the added lines, and the ``_id``s of the rows of the earlier output (the base) that
are superseded. Together with the base, it has the same rows as if all lines were mapped. If ids and digests do not show
which of two rows has to be kept, ``DeltaMapping.run`` returns None, and the caller maps all lines.
"""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from include.errors import FilesRemoved
from include.json_types import JsonObject
from include.lake.manifest import Delta, LakeFile, Manifest, upload_file
from include.steps.duckdb_connection import open_duckdb
from include.steps.gzip_writer import gzip_writer
from include.steps.step import Made
from include.steps.transform import passes as day
from include.steps.transform.day_totals import DayTotals, unmapped_counts
from include.steps.transform.job import Job
from include.steps.transform.output_files import compacted_by_day, upload_parts
from include.steps.transform.second_pass import WrittenPart
from include.steps.transform.spill import spill_schema
from include.steps.transform.superseded_rows import SupersededRows, find_superseded, without_ids
from include.steps.transform.worker_processes import WorkerProcess, wanted_processes, worker_processes
from include.steps.workspace import Workspace

if TYPE_CHECKING:
    import duckdb

_TIME_DEPENDENT_REASONS = {"time_in_the_future", "unexpected_error"}
"""Reasons for quarantine that depend on the time of the mapping: a line of the base may get another result today."""
_EVENT_COLUMNS = {"_id", "digest", "processed", "lines"}


@dataclass(frozen=True)
class _Lines:
    """The added or the removed lines of a delta after the first pass.

    ``found``: their counts. ``spilled``: the spill files with their rows.
    """

    job: Job
    found: day.FirstPass

    @property
    def spilled(self) -> list[Path]:
        return sorted(self.job.scratch.glob("bucket-*.arrow"))


@dataclass(frozen=True)
class DeltaMapping:
    """Maps an export that is a delta, if an output of transform exists for the earlier export to which it refers.

    Attributes:
        raw: The manifest of the export.
        base: The manifest of that output of transform; its files are in the lake.
        job: The parameters for the whole day, without the paths of files.
        named: The properties that the mapping names; None among them means that all properties count as mapped.
        digest: The digest of the output to make.
    """

    workspace: Workspace
    raw: Manifest
    base: Manifest
    job: Job
    named: frozenset[str | None]
    digest: str

    def run(self, check_unmapped: Callable[[dict[str, int]], None]) -> Made | None:
        """Map the lines that differ, and return the output; return None if all lines of the day have to be mapped.

        ``check_unmapped`` is called with the counts of unmapped properties of the added lines; it may raise an error.

        Raises:
            FilesRemoved: a file of the export is not in the lake any more.
        """
        events = self._events_of_base()
        quarantine = self._quarantine_of_base()
        if (
            events is None
            or quarantine is None
            or _TIME_DEPENDENT_REASONS & self.base.details["reasons"].keys()
        ):
            return None
        with self._read("removed") as (removed, _), self._read("added") as (added, others):
            check_unmapped(unmapped_counts(added.found.names.most_common(), self.named))
            with self._database() as db:
                superseded = find_superseded(db, events, added.spilled, removed.spilled, self.job.compiled)
                if superseded is None:
                    return None
                without = self._superseded_file(db, superseded.rows) if superseded.rows else None
            _drop_superseded(added, superseded)
            written = day.second_pass(added.job, others, added.found)
        if any(part.rejected for part in written):
            return None
        path = self.job.scratch / "quarantine.jsonl.gz"
        left = _write_remaining_records(path, quarantine, removed)
        if left is None:
            return None
        day.write_quarantine(path, added.found, [], append=True)
        totals = DayTotals(
            self.raw, self.base, added.job, self.named, added.found, removed.found, superseded, tuple(written)
        )
        return self._finish_output(totals, written, left, without)

    @contextmanager
    def _read(self, name: str) -> Iterator[tuple[_Lines, list[WorkerProcess]]]:
        """Run the first pass on the added or the removed lines (``name``: ``added`` or ``removed``).

        Yield the lines, and the additional processes, which end with the context.
        """
        folder = self.job.scratch / name
        folder.mkdir()
        delta = self.raw.delta
        assert delta is not None
        files = list(self.raw.files) if name == "added" else [delta.without] if delta.without else []
        paths = tuple(
            self.workspace.local_file(file, folder / Path(file.key).name, self.raw) for file in files
        )
        job = replace(self.job, paths=paths, scratch=folder, rows=sum(file.rows for file in files))
        with worker_processes(folder, wanted_processes(job.rows) - 1 if paths else 0) as others:
            yield _Lines(job, day.first_pass(job, others) if paths else day.FirstPass()), others

    @contextmanager
    def _database(self) -> Iterator[duckdb.DuckDBPyConnection]:
        folder = self.job.scratch / "superseded"
        folder.mkdir()
        db = open_duckdb(folder)
        try:
            yield db
        finally:
            db.close()

    def _events_of_base(self) -> list[Path] | None:
        """Download the list of events of the earlier output; return its path, or None if the list is too old.

        A list of an old version lacks columns.
        """
        import pyarrow.parquet as pq

        listed = self.base.details.get("events")
        if listed is None:
            return None if self.base.rows else []
        file = LakeFile.model_validate(listed)
        path = self.workspace.local_file(file, self.job.scratch / "base-events.parquet", self.base)
        return [path] if set(pq.read_schema(path).names) >= _EVENT_COLUMNS else None

    def _quarantine_of_base(self) -> list[Path] | None:
        """Download the quarantine file of the earlier output; return its path, or None if the file was removed."""
        kept = self.base.details["quarantine"]
        if not kept:
            return []
        target = self.job.scratch / "base-quarantine.jsonl.gz"
        try:
            return [self.workspace.local_file(LakeFile.model_validate(kept), target, self.base)]
        except FilesRemoved:  # quarantine has a separate retention
            return None

    def _superseded_file(self, db: duckdb.DuckDBPyConnection, rows: int) -> LakeFile:
        path = self.job.scratch / "superseded.parquet"
        target = str(path).replace("'", "''")
        db.execute(f"COPY (SELECT _id FROM superseded_ids) TO '{target}' (FORMAT parquet, COMPRESSION zstd)")
        folder = self.workspace.partition.output("transform", self.digest)
        return upload_file(self.workspace.lake, f"{folder}/superseded.parquet", path, rows)

    def _finish_output(
        self, totals: DayTotals, written: list[WrittenPart], left: int, without: LakeFile | None
    ) -> Made:
        job = totals.job
        compacted = compacted_by_day(job, written)
        folder = self.workspace.partition.output("transform", self.digest)
        files, events = upload_parts(self.workspace, folder, job, [part for part in written if part.rows])
        rows = self.base.rows - totals.superseded.rows + sum(file.rows for file in files)
        details = {
            "recipe": job.recipe,
            "events": events.model_dump() if events else None,
            "quarantine": self._quarantine(left + totals.added.reasons.total()),
            **totals.details(),
        }
        delta = Delta(base=self.base.digest, rows=rows, without=without)
        return Made(files, totals.counts(rows, compacted), details, delta)

    def _quarantine(self, rows: int) -> JsonObject | None:
        """Upload the quarantine file of the whole day; return its description, or None if it has no records."""
        if not rows:
            return None
        key = self.workspace.partition.quarantine("transform", self.digest)
        path = self.job.scratch / "quarantine.jsonl.gz"
        return upload_file(self.workspace.lake, key, path, rows).model_dump()


def _drop_superseded(added: _Lines, superseded: SupersededRows) -> None:
    """Remove added rows from the spill files if a row of the earlier output has the same ``_id`` and is kept."""
    if not len(superseded.not_kept):
        return
    for path in added.spilled:
        bucket = int(path.name.split("-")[1])
        rows, size = without_ids(path, spill_schema(added.job.compiled), superseded.not_kept)
        added.found.rows[bucket] -= rows
        added.found.bytes[bucket] -= size
        if not added.found.rows[bucket]:
            del added.found.rows[bucket], added.found.bytes[bucket]


def _write_remaining_records(path: Path, quarantine: list[Path], removed: _Lines) -> int | None:
    """Write the earlier output's quarantine records, without those of removed lines, to ``path``; return their number.

    Return None if the record of a removed line is missing.
    """
    gone: Counter[tuple[str, str]] = Counter()
    for each in removed.found.quarantined:
        gone.update(_key(record) for _, record in day.read_records(each))
    left = 0
    with gzip_writer(path) as target:
        for each in quarantine:
            with gzip.open(each) as file:
                for line in file:
                    if gone and gone[key := _key(line)] > 0:
                        gone[key] -= 1
                        continue
                    target.write(line)
                    left += 1
    return None if +gone else left


def _key(record: bytes) -> tuple[str, str]:
    """Return the reason and the text of the line in a quarantine record, by which records are compared."""
    body = msgspec.json.decode(record)
    return body["reason"], body.get("raw") or body["raw_base64"]
