"""Count the valid rows of a day by hour and by event name, and its duplicate ids, while the columns are read."""

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
"""The columns that ``DayCounts`` reads."""
_ID_BYTES = 64
_WORD_BYTES = 8
_MOST_KEYS = 4_000_000
"""The maximum number of ids that are compared in memory at the same time."""


class DayCounts:
    """Counts the valid rows of a day by hour (UTC) and by event name, for the report and the checks of the whole day.

    All rows are added when they are read; rows that validation refuses are subtracted afterwards.
    """

    def __init__(self, keys_path: Path) -> None:
        """Start with no rows. ``keys_path``: a scratch file for a 64-bit hash of the ``_id`` of each row."""
        self.by_hour: Counter[str] = Counter()
        self.by_event: Counter[str] = Counter()
        self.span: tuple[int, int] | None = None
        """The first and the last ``timestamp`` of the added rows, in milliseconds since the epoch."""
        self.rows = 0
        """The number of added rows, including rows that were subtracted later."""
        self._keys_path = keys_path

    def add(self, chunk: RowChunk) -> None:
        """Add the rows of a chunk to the counts."""
        self._extend_span(self._count(chunk, 1))
        with self._keys_path.open("ab") as file:
            file.write(_keys(chunk.values_of(_ID).values).data)
        self.rows += chunk.num_rows

    def subtract(self, refused: RowChunk) -> None:
        """Subtract refused rows, which were added before, from the counts by hour and by event name."""
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
        """Return how many ``_id``s occur more than once in the Parquet files ``valid_paths``, the valid rows.

        All these rows must have been added before. Only ids whose stored 64-bit hash occurs more than once are read and
        compared.
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
        """Return the hashes that belong to more than one of the added rows.

        The file of hashes is read several times, so that at most about ``_MOST_KEYS`` hashes are compared at the same
        time.
        """
        import numpy as np

        parts, found = -(-self.rows // _MOST_KEYS), [np.zeros(0, np.uint64)]
        for part in range(parts):
            keys = np.concatenate([block[block % parts == part] for block in self._key_blocks()])
            keys.sort()
            found.append(np.unique(keys[1:][keys[1:] == keys[:-1]]))
        return np.concatenate(found)

    def _key_blocks(self) -> Iterator[npt.NDArray[np.uint64]]:
        """Yield the hashes of the ids of all added rows, in blocks of limited size."""
        import numpy as np

        with self._keys_path.open("rb") as file:
            while len(block := np.fromfile(file, np.uint64, _MOST_KEYS // 4)):
                yield block


def every_hour(counted: Mapping[str, int], first: datetime, end: datetime) -> dict[str, int]:
    """Return the counts for every hour from ``first`` to ``end`` (exclusive), in order; 0 for hours without events."""
    hours = range(int(first.timestamp() * 1000) // _HOUR_MS, -(-int(end.timestamp() * 1000) // _HOUR_MS))
    return dict.fromkeys(map(_hour_name, hours), 0) | dict(sorted(counted.items()))


def _hour_name(hour: int) -> str:
    """Return the text, such as ``07-01 12:00`` (UTC), for a number of hours since the epoch."""
    return datetime.fromtimestamp(hour * _HOUR_MS // 1000, UTC).strftime("%m-%d %H:00")


def _keys(ids: pa.StringArray) -> npt.NDArray[np.uint64]:
    """Return a 64-bit hash for each id of an Arrow array."""
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
    """Return a 64-bit hash for each text of 64 bytes; the array is read from Arrow's buffer, eight words per text."""
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
