"""Reads the rows of a bucket in pieces that fit into memory: rows with the same ``_id`` in one piece, pieces in order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from include.steps.transform.job import Job
from include.steps.transform.spill import SpillWriter, read_batches, spill_schema, spilled_files

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

_PARTS = 64
_DEEPEST = 30
"""An ``_id`` has 32 bytes; rows that agree in more are one event, and its first megabytes are enough for a comparison."""


def read_pieces(job: Job, bucket: int, rows: int, size: int) -> Iterator[pa.Table]:
    """Yield the spilled rows of a bucket as Arrow tables, and remove its files.

    A bucket that is too large is divided by seconds of the day, and a second that is too large by the bytes of ``_id``.
    The rows of such a second are then in the order of those bytes, and in the order of time only within a piece.
    """
    yield from _pieces(job, spilled_files(job.scratch, bucket), rows, size, 0)


def _pieces(job: Job, paths: Sequence[Path], rows: int, size: int, depth: int) -> Iterator[pa.Table]:
    import pyarrow as pa

    limits = job.limits
    if (rows <= limits.piece_rows and size <= limits.piece_bytes) or depth > _DEEPEST:
        schema = spill_schema(job.compiled)
        table = pa.Table.from_batches(list(read_batches(paths, schema)), schema)
        _remove(paths)
        yield table.combine_chunks()
        return
    folder = job.scratch / f"pieces-{paths[0].stem}-{depth}"
    folder.mkdir()
    writer = _divide(job, folder, paths, depth)
    _remove(paths)
    for part in sorted(writer.rows):
        # A part that holds all of them has one second, or one more byte of _id, in common: divide it on the next level.
        inner = spilled_files(folder, part)
        yield from _pieces(job, inner, writer.rows[part], writer.bytes[part], depth + 1)
    folder.rmdir()


def _divide(job: Job, folder: Path, paths: Sequence[Path], depth: int) -> SpillWriter:
    limits = job.limits
    schema = spill_schema(job.compiled)
    first, last = _seconds(paths, schema)
    if first < last:
        width = -(-(last - first + 1) // _PARTS)

        def part_of(table: pa.Table) -> npt.NDArray[np.integer]:
            seconds: npt.NDArray[np.integer] = table["second"].to_numpy()
            return (seconds - first) // width
    else:

        def part_of(table: pa.Table) -> npt.NDArray[np.integer]:
            return _byte_of_id(table, depth)

    writer = SpillWriter(folder, "0", schema, part_of, limits.flush_rows, limits.flush_bytes)
    for batch in read_batches(paths, schema):
        writer.write(batch, batch.nbytes)
    writer.close()
    return writer


def _seconds(paths: Sequence[Path], schema: pa.Schema) -> tuple[int, int]:
    import pyarrow.compute as pc

    found = [pc.min_max(batch["second"]).as_py() for batch in read_batches(paths, schema)]
    return min(each["min"] for each in found), max(each["max"] for each in found)


def _byte_of_id(table: pa.Table, depth: int) -> npt.NDArray[np.int32]:
    """Return one byte of ``_id`` for each row, to divide rows of the same second; each ``depth`` uses the next byte."""
    import numpy as np

    column = table["id"].combine_chunks()
    data = np.frombuffer(column.buffers()[1], np.uint8, 32 * len(column), 32 * column.offset).reshape(-1, 32)
    return data[:, min(max(depth - 1, 0), 31)].astype(np.int32)


def _remove(paths: Sequence[Path]) -> None:
    for path in paths:
        path.unlink()
