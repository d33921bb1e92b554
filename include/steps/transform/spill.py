"""Write and read spill files: scratch files with the converted events of one bucket (a time span of the day).

A spill file is a series of Arrow record batches, each compressed as a whole and preceded by its length and its
compressed length. Arrow's own compression compresses each buffer separately, which is several times slower for many
small buffers.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from include.steps.transform.job import Job
from include.xdm.convert.arrow_arrays import booleans, numbers
from include.xdm.convert.column_builder import Columns
from include.xdm.events.event_rows import EventRows
from include.xdm.events.text_numbers import text_numbers
from include.xdm.mapping.compile import CompiledMapping

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

ROW_COLUMNS = (
    "line",
    "id",
    "timestamp",
    "second",
    "processed",
    "content",
    "has_insert_id",
    "compacted",
    "failed",
)

_CODEC = "lz4"
"""The compression of spill files; zstd would take twice as long and save a third of the space."""
_LENGTH_BYTES = 8


def spill_schema(compiled: CompiledMapping) -> pa.Schema:
    """Return the Arrow schema of the rows in spill files.

    Columns: ``line`` (number); ``id`` (32 bytes); ``timestamp`` in ms; ``second`` of the day; ``processed`` in ms;
    ``content`` (digest); ``has_insert_id``; ``compacted`` (equal for events that Mixpanel may merge); ``failed`` (codes
    of values that could not be converted, see ``column_builder.failure_code``); ``c<n>`` for field n; for identity n,
    ``i<n>`` (its text) and ``d<n>`` (why its type is unsuitable); the inputs of expressions; ``unmapped`` (JSON).
    """
    import pyarrow as pa

    number = pa.int64()
    fields = [
        ("line", number), ("id", pa.binary(32)), ("timestamp", number), ("second", pa.int32()), ("processed", number),
        ("content", number), ("has_insert_id", pa.bool_()), ("compacted", number), ("failed", pa.list_(pa.int32())),
    ]  # fmt: skip
    columns = {compiled.columns[leaf.number]: leaf.converter.type for leaf in compiled.leaves}
    for n, name in compiled.identity_columns.items():
        columns |= {name: pa.string(), f"d{n}": pa.int8()}
    fields += columns.items()
    if (expressions := compiled.expressions) is not None:
        fields += [
            (name, pa.bool_() if is_boolean else pa.string())
            for name, is_boolean in expressions.columns.items()
        ]
    if compiled.unmapped is not None:
        fields.append(("unmapped", pa.string()))
    return pa.schema(fields)


def record_batch(schema: pa.Schema, job: Job, rows: EventRows, columns: Columns) -> pa.RecordBatch:
    """Return the events ``rows`` and their converted ``columns`` as a record batch of the spill schema."""
    import numpy as np
    import pyarrow as pa

    def whole(values: npt.ArrayLike) -> pa.Array:
        return numbers(np.asarray(values, np.int64))

    count = len(rows)
    made: dict[str, pa.Array] = {
        "line": whole(rows.line_numbers),
        "id": pa.FixedSizeBinaryArray.from_buffers(
            pa.binary(32), count, [None, pa.py_buffer(b"".join(rows.ids))]
        ),
        "timestamp": whole(rows.timestamps_ms),
        "second": numbers((np.asarray(rows.wall_seconds, np.int64) - job.midnight_seconds).astype(np.int32)),
        "processed": whole(rows.processed_ms),
        "content": numbers(np.frombuffer(rows.content_digests, ">i8").astype(np.int64)),
        "has_insert_id": booleans(np.asarray(rows.has_insert_id, bool)),
        "compacted": numbers(text_numbers(rows.compaction_texts)),
        "failed": _failed(columns.failed, count),
        **columns.fields,
        **columns.inputs,
    }
    if columns.unmapped is not None:
        made["unmapped"] = columns.unmapped
    return pa.RecordBatch.from_arrays([made[name] for name in schema.names], schema=schema)


def _failed(failed: dict[int, list[int]], count: int) -> pa.Array:
    import pyarrow as pa

    kind = pa.list_(pa.int32())
    return pa.array([failed.get(row) for row in range(count)], kind) if failed else pa.nulls(count, kind)


class SpillWriter:
    """Collects record batches and writes their rows to one spill file for each bucket, a few megabytes at a time.

    ``bucket_of`` returns the bucket of each row of a table. ``rows`` and ``bytes`` count the written rows and bytes by
    bucket. ``name`` distinguishes the files from those of other processes.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        schema: pa.Schema,
        bucket_of: Callable[[pa.Table], npt.NDArray[np.integer]],
        flush_rows: int,
        flush_bytes: int,
    ) -> None:
        self._folder, self._name, self._schema, self._bucket_of = folder, name, schema, bucket_of
        self._flush_rows, self._flush_bytes = flush_rows, flush_bytes
        self._files: dict[int, BinaryIO] = {}
        self._held: list[pa.RecordBatch] = []
        self._held_rows = self._held_bytes = self._empty_bytes = 0
        self.rows: Counter[int] = Counter()
        self.bytes: Counter[int] = Counter()

    def write(self, batch: pa.RecordBatch, size: int) -> None:
        """Add a record batch of about ``size`` bytes; write all collected batches if they are large enough."""
        self._held.append(batch)
        self._held_rows += batch.num_rows
        self._held_bytes += size
        if self._held_rows >= self._flush_rows or self._held_bytes >= self._flush_bytes:
            self._flush()

    def close(self) -> None:
        """Write the buffered rows and complete the files."""
        self._flush()
        for file in self._files.values():
            file.close()
        self._files = {}

    def _flush(self) -> None:
        import numpy as np
        import pyarrow as pa

        if not self._held:
            return
        table = pa.Table.from_batches(self._held, self._schema).combine_chunks()
        self._held, self._held_rows, self._held_bytes = [], 0, 0
        buckets = self._bucket_of(table)
        if len(buckets) and buckets[0] == buckets[-1] and (buckets == buckets[0]).all():
            self._add(int(buckets[0]), table)
            return
        if (buckets[1:] < buckets[:-1]).any():
            order = np.argsort(buckets, kind="stable")
            table, buckets = table.take(pa.array(order)), buckets[order]
        edges = [0, *(np.flatnonzero(buckets[1:] != buckets[:-1]) + 1).tolist(), len(buckets)]
        for first, last in itertools.pairwise(edges):
            self._add(int(buckets[first]), table.slice(first, last - first))

    def _add(self, bucket: int, table: pa.Table) -> None:
        file = self._files.get(bucket)
        if file is None:
            file = self._files[bucket] = spill_path(self._folder, bucket, self._name).open("wb")
        for batch in table.to_batches():
            if not self._empty_bytes:
                self._empty_bytes = batch.slice(0, 0).serialize().size
            # Not nbytes: it adds up the buffers of every column, which takes as long as serializing them.
            self.bytes[bucket] += write_batch(file, batch) - self._empty_bytes
        self.rows[bucket] += table.num_rows


def spill_path(folder: Path, bucket: int, name: str) -> Path:
    """Return the path of the spill file to which the process ``name`` writes the rows of a bucket."""
    return folder / f"bucket-{bucket}-{name}.arrow"


def spilled_files(folder: Path, bucket: int) -> list[Path]:
    """Return the paths of the spill files of a bucket, from all processes, sorted by name."""
    return sorted(folder.glob(f"bucket-{bucket}-*.arrow"))


def write_batch(file: BinaryIO, batch: pa.RecordBatch) -> int:
    """Append a record batch to an open spill file: its two lengths, and then the compressed batch.

    Returns:
        The length of the batch before compression, in bytes.
    """
    import pyarrow as pa

    message = batch.serialize()
    packed = pa.Codec(_CODEC).compress(message)
    file.write(b"".join(each.size.to_bytes(_LENGTH_BYTES, "big") for each in (message, packed)))
    file.write(packed)
    return int(message.size)


def read_batches(paths: Sequence[Path], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Yield the record batches of spill files, one file after the other."""
    import pyarrow as pa

    codec = pa.Codec(_CODEC)
    for path in paths:
        with path.open("rb") as file:
            while head := file.read(2 * _LENGTH_BYTES):
                length, packed = (
                    int.from_bytes(head[at : at + _LENGTH_BYTES], "big") for at in (0, _LENGTH_BYTES)
                )
                message = codec.decompress(file.read(packed), decompressed_size=length)
                yield pa.ipc.read_record_batch(message, schema)
