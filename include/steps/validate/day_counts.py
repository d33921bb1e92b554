"""Counts of a day's valid rows while its columns are read: by hour, by event name, and of duplicate ids."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from include.quality.view import Part, RowChunk, View
from include.xdm.convert.aep_parquet import parquet_reader

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

_HOUR_MS = 3_600_000
_TIMESTAMP, _EVENT_TYPE, _ID = (View((name,), Part.VALUE) for name in ("timestamp", "eventType", "_id"))
COUNTED = (_TIMESTAMP, _EVENT_TYPE, _ID)
"""The views that are counted."""
_ID_BYTES = 64
_WORD_BYTES = 8
_MOST_KEYS = 4_000_000
"""The number of ids that are compared in memory at the same time."""


class DayCounts:
    """Counts rows by hour (UTC) and by event name while a day is validated; refused rows are subtracted again."""

    def __init__(self, keys_path: Path) -> None:
        """Create counts of no rows. ``keys_path``: a scratch file that will hold a 64-bit key of every ``_id``."""
        self.by_hour: Counter[str] = Counter()
        self.by_event: Counter[str] = Counter()
        self.span: tuple[int, int] | None = None
        """The first and the last ``timestamp`` of the added rows, in milliseconds since the epoch."""
        self.rows = 0
        """The number of added rows, removed ones included."""
        self._keys_path = keys_path

    def add(self, chunk: RowChunk) -> None:
        """Count the rows of a chunk."""
        self._extend_span(self._count(chunk, 1))
        with self._keys_path.open("ab") as file:
            file.write(_keys(chunk.values_of(_ID).values).data)
        self.rows += chunk.num_rows

    def take_out(self, refused: RowChunk) -> None:
        """Subtract rows that were added before."""
        self._count(refused, -1)

    def _extend_span(self, moments: pa.Int64Array) -> None:
        import pyarrow.compute as pc

        found = pc.min_max(moments).as_py()
        if found["min"] is not None:
            first, last = self.span or (found["min"], found["max"])
            self.span = min(first, found["min"]), max(last, found["max"])

    def _count(self, chunk: RowChunk, sign: int) -> pa.Int64Array:
        """Add ``sign`` times the rows of a chunk; return their timestamps in milliseconds."""
        import pyarrow as pa
        import pyarrow.compute as pc

        moments = chunk.values_of(_TIMESTAMP).values.cast(pa.timestamp("ms", tz="UTC"), safe=False)
        moments = moments.cast(pa.int64())
        hours = moments.to_numpy(zero_copy_only=False) // _HOUR_MS
        for entry in pc.value_counts(pa.array(hours)).to_pylist():
            self.by_hour[_hour_name(entry["values"])] += sign * entry["counts"]
        names = chunk.values_of(_EVENT_TYPE).values
        if pa.types.is_null(names.type):  # the schema or the mapping does not have this column
            return moments
        for entry in pc.value_counts(names).to_pylist():
            self.by_event[str(entry["values"])] += sign * entry["counts"]
        without = chunk.num_rows - len(names)
        if without:
            self.by_event[str(None)] += sign * without
        return moments

    def double_ids(self, valid_paths: Iterable[Path]) -> int:
        """Return how many ``_id``s occur more than once in some Parquet files. All rows of the files must have been added.

        Eight bytes are stored for each id; only ids that agree in them are compared.
        """
        import numpy as np

        double = self._double_keys()
        if not len(double):
            return 0
        found: Counter[str] = Counter()
        for path in valid_paths:
            with parquet_reader(path) as file:
                for number in range(file.num_row_groups):
                    ids = RowChunk(file.read_row_group(number, columns=["_id"])).values_of(_ID).values
                    found.update(ids.filter(np.isin(_keys(ids), double)).to_pylist())
        return sum(count > 1 for count in found.values())

    def _double_keys(self) -> npt.NDArray[np.uint64]:
        """Return the 64-bit keys that occur more than once. At most ``_MOST_KEYS`` keys are in memory at the same time."""
        import numpy as np

        parts, found = -(-self.rows // _MOST_KEYS), [np.zeros(0, np.uint64)]
        for part in range(parts):
            keys = np.concatenate([block[block % parts == part] for block in self._key_blocks()])
            keys.sort()
            found.append(np.unique(keys[1:][keys[1:] == keys[:-1]]))
        return np.concatenate(found)

    def _key_blocks(self) -> Iterator[npt.NDArray[np.uint64]]:
        """Yield the keys of the scratch file as arrays of limited size."""
        import numpy as np

        with self._keys_path.open("rb") as file:
            while len(block := np.fromfile(file, np.uint64, _MOST_KEYS // 4)):
                yield block


def every_hour(counted: Mapping[str, int], first: datetime, end: datetime) -> dict[str, int]:
    """Return the counts of all hours from ``first`` to ``end`` in order; hours without events have 0."""
    hours = range(int(first.timestamp() * 1000) // _HOUR_MS, -(-int(end.timestamp() * 1000) // _HOUR_MS))
    return dict.fromkeys(map(_hour_name, hours), 0) | dict(sorted(counted.items()))


def _hour_name(hour: int) -> str:
    """Return the text for an hour since the epoch, such as ``07-01 12:00``, in UTC."""
    return datetime.fromtimestamp(hour * _HOUR_MS // 1000, UTC).strftime("%m-%d %H:00")


def _keys(ids: pa.StringArray) -> npt.NDArray[np.uint64]:
    """Return a 64-bit number for each id of an Arrow array: equal ids have equal numbers."""
    import numpy as np
    import pyarrow.compute as pc

    sizes = pc.binary_length(ids).to_numpy(zero_copy_only=False)
    usual = sizes == _ID_BYTES
    keys = np.zeros(len(ids), np.uint64)
    keys[usual] = _hash_words(ids if usual.all() else ids.filter(usual))
    others = [] if usual.all() else ids.filter(~usual).to_pylist()
    keys[~usual] = np.array([hash(text) & 0xFFFFFFFFFFFFFFFF for text in others], np.uint64)
    return keys


def _hash_words(ids: pa.StringArray) -> npt.NDArray[np.uint64]:
    """Return hashes of texts of 64 bytes, read from Arrow's buffer as eight words each."""
    import numpy as np

    if not len(ids):
        return np.zeros(0, np.uint64)
    _, offsets, data = ids.buffers()
    start = int(np.frombuffer(offsets, np.int32, 1, offset=4 * ids.offset)[0])
    words = np.frombuffer(data, np.uint64, len(ids) * _ID_BYTES // _WORD_BYTES, offset=start)
    mixed = np.zeros(len(ids), np.uint64)
    for column in words.reshape(len(ids), -1).T:
        mixed = (mixed ^ column) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
    return mixed
