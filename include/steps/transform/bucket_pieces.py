"""Read the events of one bucket (a time span of the day) from spill files, in pieces that fit into memory.

All rows with the same ``_id`` are in the same piece, so that duplicates can be found in each piece separately.
"""

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
"""The maximum number of times that rows are divided; an ``_id`` has 32 bytes, so deeper pieces have equal ``_id``s."""


def read_pieces(job: Job, bucket: int, rows: int, size: int) -> Iterator[pa.Table]:
    """Yield the rows of a bucket (a time span of the day) as Arrow tables, and remove the bucket's spill files.

    ``rows``, ``size``: the number of rows and bytes of the bucket. A bucket that is too large for one piece is divided
    by the second of the events, and a second that is too large by the bytes of ``_id``. The pieces are in the order of
    time, except those of a divided second, which are in the order of ``_id``.
    """
    yield from _pieces(job, spilled_files(job.scratch, bucket), rows, size, 0)


def _pieces(job: Job, paths: Sequence[Path], rows: int, size: int, depth: int) -> Iterator[pa.Table]:
    limits = job.limits
    if (rows <= limits.piece_rows and size <= limits.piece_bytes) or depth > _DEEPEST:
        yield _read(job, paths)
        return
    folder = job.scratch / f"pieces-{paths[0].stem}-{depth}"
    folder.mkdir()
    writer = _divide(job, folder, paths, depth)
    _remove(paths)
    for part in sorted(writer.rows):
        # If one part contains all rows, they have the same second or the same byte of _id: divide it at the next level.
        inner = spilled_files(folder, part)
        yield from _pieces(job, inner, writer.rows[part], writer.bytes[part], depth + 1)
    folder.rmdir()


def _read(job: Job, paths: Sequence[Path]) -> pa.Table:
    """Return the rows of spill files in one chunk, and remove the files.

    A function of its own, because the generators' variables would keep the batches in memory until the next piece.
    """
    import pyarrow as pa

    schema = spill_schema(job.compiled)
    table = pa.Table.from_batches(list(read_batches(paths, schema)), schema)
    _remove(paths)
    return table.combine_chunks()


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
    """Return one byte of the ``_id`` of each row, by which the rows are divided.

    ``depth``: how often the rows have been divided before; each level uses the next byte.
    """
    import numpy as np

    column = table["id"].combine_chunks()
    data = np.frombuffer(column.buffers()[1], np.uint8, 32 * len(column), 32 * column.offset).reshape(-1, 32)
    return data[:, min(max(depth - 1, 0), 31)].astype(np.int32)


def _remove(paths: Sequence[Path]) -> None:
    for path in paths:
        path.unlink()
