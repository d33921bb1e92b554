"""Run the second pass of a transform: read the spilled buckets (time spans of the day), and write Parquet files.

The rows of a bucket are de-duplicated, sorted, and nested into the structure of the schema.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from include.lake.lake import sha256_file
from include.steps.transform.bucket_pieces import read_pieces
from include.steps.transform.deduplicate import deduplicate
from include.steps.transform.evaluator import ExpressionEvaluator
from include.steps.transform.job import Job
from include.steps.transform.nested_rows import nested_rows
from include.steps.transform.row_group_file import RowGroups
from include.xdm.convert.column_builder import failure_code
from include.xdm.events.event_id import PROCESSING_PROPERTIES
from include.xdm.identities.identity_columns import count_dropped, identity_inputs
from include.xdm.identities.identity_map import identity_map
from include.xdm.mapping.compile import CompiledMapping

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

EVENT_RECORD = [("digest", "<i8"), ("processed", "<i8"), ("lines", "<i4")]
"""A record of a written row: its content digest, its processing time in ms, and the number of lines of its ``_id``."""


@dataclass(frozen=True)
class Part:
    """The plan of one output file: the buckets whose rows it gets, in order (bucket, spilled rows, spilled bytes)."""

    number: int
    buckets: tuple[tuple[int, int, int], ...]


@dataclass
class WrittenPart:
    """The result of writing one output file.

    Attributes:
        number: The number of the file.
        path: The file in the scratch folder.
        sha256: The SHA-256 of its bytes, in lower-case hexadecimal; "" for a file that has no rows and does not exist.
        rows: The number of its rows.
        duplicates: The number of rows that were dropped because another row has the same ``_id``.
        twins: How many of these have no ``$insert_id``.
        failed: The number of values that could not be converted, by code (``column_builder.failure_code``).
        dropped: The number of values that are not identities, by namespace and reason.
        rejected: The line numbers of events whose expressions failed.
    """

    number: int
    path: Path
    sha256: str = ""
    rows: int = 0
    duplicates: int = 0
    twins: int = 0
    failed: Counter[int] = field(default_factory=Counter)
    dropped: Counter[tuple[str, str]] = field(default_factory=Counter)
    rejected: list[int] = field(default_factory=list)


def plan_parts(rows: Mapping[int, int], sizes: Mapping[int, int], job: Job) -> list[Part]:
    """Divide the buckets of a day among output files with about the same number of rows.

    ``rows``, ``sizes``: the spilled rows and bytes, by bucket. The division depends only on ``rows`` and the limits.
    """
    limits, total = job.limits, sum(rows.values())
    # An even number of files, so that two processes finish at about the same time.
    files = 1 if total < limits.small_rows else 2 * -(-total // (2 * limits.file_rows))
    parts: list[list[tuple[int, int, int]]] = [[]]
    done = 0
    for bucket in sorted(rows):
        if parts[-1] and len(parts) < files and done >= len(parts) * total / files:
            parts.append([])
        parts[-1].append((bucket, rows[bucket], sizes[bucket]))
        done += rows[bucket]
    return [Part(number, tuple(buckets)) for number, buckets in enumerate(parts) if buckets]


def digests_path(job: Job, part: int) -> Path:
    """Return the path of the scratch file with an ``EVENT_RECORD`` for each row of an output file, in row order."""
    return job.scratch / f"digests-{part}.bin"


def compacted_path(job: Job, part: int) -> Path:
    """Return the path of the scratch file with a number for each event of an output file.

    Two events have the same 8-byte number if Mixpanel may merge them.
    """
    return job.scratch / f"compacted-{part}.bin"


class PartWriter:
    """Writes output files from the spilled rows, one after the other.

    ``name`` distinguishes the scratch files of this process. ``check`` is called before each bucket; it may raise an
    error to stop the work.
    """

    def __init__(self, job: Job, name: str, check: Callable[[], object] = bool) -> None:
        self._job, self._check = job, check
        compiled = job.compiled
        self._compare_all = reads_processing(compiled)
        self._evaluator = (
            ExpressionEvaluator(compiled.expressions, job.scratch, name)
            if compiled.expressions is not None
            else None
        )

    def write(self, part: Part) -> WrittenPart:
        """Write one output file and its two files of digests to the scratch folder; return the counts."""
        written = WrittenPart(part.number, self._job.scratch / f"part-{part.number:05d}.parquet")
        with (
            RowGroups(written.path, self._job) as groups,
            digests_path(self._job, part.number).open("wb") as digests,
            compacted_path(self._job, part.number).open("wb") as compacted,
        ):
            for bucket, rows, size in part.buckets:
                self._check()
                for piece in read_pieces(self._job, bucket, rows, size):
                    order = deduplicate(piece, compare_all=self._compare_all)
                    written.duplicates += order.duplicates
                    written.twins += order.twins
                    piece = piece.append_column("lines", [order.lines])
                    kept = self._kept_rows(piece, order.rows, groups, written)
                    _write_digests(kept, digests, compacted)
                    del piece, order, kept  # or this piece stays in memory while the next one is read
        written.rows = groups.rows
        if written.rows:
            written.sha256 = sha256_file(
                written.path
            )  # here, so that the processes hash their files in parallel
        return written

    def close(self) -> None:
        """Close the database in which expressions are evaluated."""
        if self._evaluator is not None:
            self._evaluator.close()

    def _kept_rows(
        self, piece: pa.Table, order: npt.NDArray[np.int64], groups: RowGroups, written: WrittenPart
    ) -> list[pa.Table]:
        """Write the rows with the indexes ``order`` of a piece (a table that fits into memory) to the output file.

        Return their columns for ``events.parquet``, in tables of at most one row group.
        """
        import pyarrow as pa

        limits = self._job.limits
        size = max(1, piece.nbytes // max(1, piece.num_rows))
        step = max(1, min(limits.group_rows, limits.group_bytes // size))
        kept = []
        for first in range(0, len(order), step):
            rows = piece.take(pa.array(order[first : first + step])).combine_chunks()
            rows, found = self._evaluated(rows, written)
            if rows.num_rows:
                written.failed.update(_codes(rows))
                computed = self._computed(found, written)
                identities = self._identity_map(rows, found, written)
                groups.add(nested_rows(self._job.compiled, rows, computed, identities))
                kept.append(rows.select(["content", "processed", "lines", "has_insert_id", "compacted"]))
        return kept

    def _evaluated(self, rows: pa.Table, written: WrittenPart) -> tuple[pa.Table, pa.Table | None]:
        """Return the rows whose expressions can be evaluated, and a table of the results (None without expressions)."""
        import pyarrow as pa

        if self._evaluator is None:
            return rows, None
        found, rejected = self._evaluator.evaluate(rows)
        if rejected:
            written.rejected += rows["line"].take(pa.array(rejected)).to_pylist()
            gone = set(rejected)
            rows = rows.take(pa.array([row for row in range(rows.num_rows) if row not in gone], pa.int64()))
        return rows, found

    def _computed(self, found: pa.Table | None, written: WrittenPart) -> dict[int, pa.Array]:
        """Convert the results of expressions to columns; return them by number of the schema field."""
        made: dict[int, pa.Array] = {}
        if found is None:
            return made
        for leaf in self._job.compiled.computed:
            made[leaf.number], failures = leaf.converter.from_values(found[f"s{leaf.number}"].to_pylist())
            failed = {failure.row: failure.inexact for failure in failures}
            fails = found[f"x{leaf.number}"].to_pylist()
            failed.update({row: failed.get(row, False) for row, has_failed in enumerate(fails) if has_failed})
            written.failed.update(failure_code(leaf.number, inexact=inexact) for inexact in failed.values())
        return made

    def _identity_map(self, rows: pa.Table, found: pa.Table | None, written: WrittenPart) -> pa.Array:
        """Return the column ``identityMap`` of the rows, and count the dropped identities in ``written``."""
        compiled = self._job.compiled
        inputs = identity_inputs(compiled.identities, compiled.identity_columns, rows, found)
        written.dropped += count_dropped(compiled.identities, inputs)
        return identity_map(
            compiled.identities, inputs, rows.num_rows, primary_in_map=compiled.primary_in_map
        )


def reads_processing(compiled: CompiledMapping) -> bool:
    """Return whether the mapping reads a property that Mixpanel rewrites, such as the processing time.

    Such properties are not part of an event's content digest.
    """
    names = {*compiled.whole_properties, *compiled.read_properties}
    return compiled.reads_everything or bool(names & PROCESSING_PROPERTIES)


def _codes(rows: pa.Table) -> dict[int, int]:
    import pyarrow.compute as pc

    if rows["failed"].null_count == rows.num_rows:
        return {}
    counts = pc.value_counts(pc.list_flatten(rows["failed"])).to_pylist()
    return {entry["values"]: entry["counts"] for entry in counts}


def _write_digests(kept: Sequence[pa.Table], digests: BinaryIO, compacted: BinaryIO) -> None:
    import numpy as np

    for rows in kept:
        records = np.empty(rows.num_rows, EVENT_RECORD)
        records["digest"], records["processed"] = rows["content"], rows["processed"]
        records["lines"] = rows["lines"]
        digests.write(records.tobytes())
        compacted.write(rows["compacted"].to_numpy()[rows["has_insert_id"].to_numpy()].tobytes())
