"""Keeps the events' texts in a scratch file, so that only narrow rows have to be sorted and compared.

An event may be a megabyte; a table of such rows cannot be sorted, or even scanned, in bounded memory.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from include.xdm.sift import SiftedEvent

SLICE_BYTES = 32 * 1024 * 1024
SLICE_ROWS = 50_000


class NarrowRow(NamedTuple):
    """What de-duplication and order need of an event, and where its texts lie in the spool."""

    line_number: int
    id: str
    timestamp_ms: int
    processed_ms: int
    has_insert_id: bool
    digest: bytes
    """Of the properties: which of two copies stays must not depend on the order of the export."""
    offset: int
    event_bytes: int
    properties_bytes: int
    unmapped_bytes: int
    content: int
    compacted: int


class Spool:
    """A scratch file of event, properties and unmapped texts, written once and read back in any order."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w+b")

    def __enter__(self) -> Spool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def add(self, sifted: SiftedEvent) -> NarrowRow:
        """Writes the event's texts; returns its narrow row."""
        texts = [text.encode() for text in (sifted.event, sifted.properties, sifted.unmapped)]
        offset = self._file.tell()
        self._file.writelines(texts)
        return NarrowRow(
            sifted.line_number,
            sifted.id,
            sifted.timestamp_ms,
            sifted.processed_ms,
            sifted.has_insert_id,
            hashlib.blake2b(texts[1], digest_size=16).digest(),
            offset,
            len(texts[0]),
            len(texts[1]),
            len(texts[2]),
            sifted.content,
            sifted.compacted,
        )

    def slices(self, places: Iterable[tuple[str, int, int, int, int, int]]) -> Iterator[Any]:
        """Arrow tables (``_id``, ``timestamp``, ``event``, ``properties``, ``unmapped``), each at most some 32 MB.

        ``places``: (``_id``, timestamp in ms, offset, and the lengths of the three texts), in the order wanted.
        """
        rows: list[tuple[Any, ...]] = []
        held = 0
        for identity, timestamp_ms, offset, *lengths in places:
            rows.append((identity, timestamp_ms, *self._texts(offset, lengths)))
            held += sum(lengths)
            if held >= SLICE_BYTES or len(rows) >= SLICE_ROWS:
                yield _table(rows)
                rows, held = [], 0
        if rows:
            yield _table(rows)

    def _texts(self, offset: int, lengths: list[int]) -> list[bytes]:
        self._file.seek(offset)
        return [self._file.read(length) for length in lengths]


def _table(rows: list[tuple[Any, ...]]) -> Any:
    import pyarrow as pa

    text = pa.large_string()
    kinds = [("_id", pa.string()), ("timestamp", pa.timestamp("ms", tz="UTC"))]
    schema = pa.schema([*kinds, ("event", text), ("properties", text), ("unmapped", text)])
    columns = zip(*rows, strict=True)
    return pa.table(
        [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)], schema
    )
