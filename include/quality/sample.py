"""Samples that represent all values of a view: if every value of the sample passes an expectation, every value does.

Great Expectations takes microseconds a value, and milliseconds an expectation for a frame of any size. So it gets each
distinct value once; of numbers, instants and sizes with limits only the smallest and the largest; of texts with a
length only the shortest and the longest; and for required things only whether any is missing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import pyarrow as pa
    from _typeshed import SupportsRichComparison

MOST_VALUES = 100_000
MOST_BYTES = 32 * 1024 * 1024
_FEW = 4096
"""The number of values of a chunk that show whether values repeat."""


class Sample(Protocol):
    """Collects a sample, one chunk at a time. ``is_full``: the sample must be checked now and started again, to limit memory."""

    is_full: bool
    size_bytes: int

    def add(self, values: pa.Array) -> None:
        """Add an Arrow array without nulls."""

    def values(self) -> list[object]:
        """Return the values of the sample as Python objects."""


class Presence:
    """The sample of booleans: None if one is false, so that the expectation "not null" means "always present"."""

    def __init__(self) -> None:
        self.is_full, self.size_bytes = False, 0
        self._seen = self._missing = False

    def add(self, values: pa.Array) -> None:
        """Add booleans: whether each value is present."""
        self._seen |= len(values) > 0
        self._missing |= values.false_count > 0

    def values(self) -> list[object]:
        """Return one value, or none if nothing was added."""
        return [None if self._missing else True] if self._seen else []


class Extremes:
    """The smallest and the largest of numbers or instants: if both are in a range, all values are."""

    def __init__(self) -> None:
        self.is_full, self.size_bytes = False, 0
        self._ends: list[SupportsRichComparison] = []

    def add(self, values: pa.Array) -> None:
        """Add numbers or instants."""
        import pyarrow.compute as pc

        ends = pc.min_max(values).as_py() if len(values) else {}
        found = [*self._ends, *(end for end in ends.values() if end is not None)]
        self._ends = [min(found), max(found)] if found else []

    def values(self) -> list[object]:
        """Return at most two values."""
        return [*sorted(set(self._ends))]


class Lengths:
    """The shortest and the longest text, in code points."""

    def __init__(self) -> None:
        self.is_full, self.size_bytes = False, 0
        self._ends: list[str] = []

    def add(self, values: pa.Array) -> None:
        """Add texts."""
        import numpy as np
        import pyarrow.compute as pc

        if not len(values):
            return
        sizes = pc.utf8_length(values).to_numpy(zero_copy_only=False)
        found = [*self._ends, *(values[int(at)].as_py() for at in (np.argmin(sizes), np.argmax(sizes)))]
        self._ends = [min(found, key=len), max(found, key=len)]

    def values(self) -> list[object]:
        """Return at most two texts."""
        return list(dict.fromkeys(self._ends))


class Distinct:
    """Each value once; if most values are distinct, every value, which is faster than finding the duplicates."""

    def __init__(self, same: str = "") -> None:
        """Create a sample. ``same``: a regular expression (RE2); one text represents all texts that match it."""
        self.is_full, self.size_bytes = False, 0
        self._same = same
        self._arrays: list[pa.Array] = []
        self._repeats = True

    def add(self, values: pa.Array) -> None:
        """Add values of any type that Arrow can compare."""
        import pyarrow as pa
        import pyarrow.compute as pc

        if not len(values):
            return
        if self._same:
            others = values.filter(pc.invert(pc.match_substring_regex(values, self._same)))
            values = pa.concat_arrays([values[:1], others])
        if self._repeats and len(values) >= _FEW:
            self._repeats = len(values[:_FEW].unique()) <= _FEW / 2
        self._arrays.append(values.unique() if self._repeats else values)
        if self._is_over(1):
            self._compact()
            # Half full after that means that nearly every chunk has new values.
            self.is_full = self._is_over(2)
        self.size_bytes = sum(array.nbytes for array in self._arrays)

    def values(self) -> list[object]:
        """Return every distinct value, in the order of the rows; some values may occur more than once."""
        self._compact()
        return self._arrays[0].to_pylist() if self._arrays else []

    def _is_over(self, part: int) -> bool:
        return (
            sum(map(len, self._arrays)) > MOST_VALUES // part
            or sum(array.nbytes for array in self._arrays) > MOST_BYTES // part
        )

    def _compact(self) -> None:
        import pyarrow as pa

        if len(self._arrays) > 1:
            together = pa.concat_arrays(self._arrays)
            self._arrays = [together.unique() if self._repeats else together]
