"""Select samples of values that decide a check: if the sample passes an expectation, every value of the column does.

Great Expectations takes microseconds for each value. So it gets only the values that can decide the result: for a
range, the smallest and the largest value; for a limit on the length, the shortest and the longest text; for a required
value, whether any is missing; for other expectations, each distinct value once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import pyarrow as pa
    from _typeshed import SupportsRichComparison

MAX_VALUES = 100_000
MAX_BYTES = 32 * 1024 * 1024
_PROBE_VALUES = 4096
"""The number of values at the start of a chunk that are tested for duplicates."""


class Sample(Protocol):
    """Collects the sample of a column, one chunk of values at a time."""

    is_full: bool
    """Whether the sample uses so much memory that it must be checked now, and a new sample must be started."""
    size_bytes: int
    """The memory that the sample uses."""

    def add(self, values: pa.Array) -> None:
        """Add the next values of the column, without nulls."""

    def values(self) -> list[object]:
        """Return the values of the sample as Python objects; empty if no values were added."""


class PresenceSample:
    """The sample for the expectation that a value is always present.

    Its input are booleans: whether each value is present. The sample is None if one of them is false, otherwise True,
    so that GX's expectation "not null" can check it.
    """

    def __init__(self) -> None:
        self.is_full, self.size_bytes = False, 0
        self._seen = self._missing = False

    def add(self, values: pa.Array) -> None:
        """Add booleans: whether each of the next values is present."""
        self._seen |= len(values) > 0
        self._missing |= values.false_count > 0

    def values(self) -> list[object]:
        """Return ``[None]`` if a value is missing, ``[True]`` if all are present, and ``[]`` if nothing was added."""
        return [None if self._missing else True] if self._seen else []


class ExtremesSample:
    """The sample for a range of numbers or timestamps: the smallest and the largest value."""

    def __init__(self) -> None:
        self.is_full, self.size_bytes = False, 0
        self._ends: list[SupportsRichComparison] = []

    def add(self, values: pa.Array) -> None:
        """Add the next numbers or timestamps, without nulls."""
        import pyarrow.compute as pc

        ends = pc.min_max(values).as_py() if len(values) else {}
        found = [*self._ends, *(end for end in ends.values() if end is not None)]
        self._ends = [min(found), max(found)] if found else []

    def values(self) -> list[object]:
        """Return the smallest and the largest value; one value if they are equal; empty if nothing was added."""
        return [*sorted(set(self._ends))]


class LengthSample:
    """The sample for a limit on the length of texts: the shortest and the longest text, in code points."""

    def __init__(self) -> None:
        self.is_full, self.size_bytes = False, 0
        self._ends: list[str] = []

    def add(self, values: pa.Array) -> None:
        """Add the next texts, without nulls."""
        import numpy as np
        import pyarrow.compute as pc

        if not len(values):
            return
        sizes = pc.utf8_length(values).to_numpy(zero_copy_only=False)
        found = [*self._ends, *(values[int(at)].as_py() for at in (np.argmin(sizes), np.argmax(sizes)))]
        self._ends = [min(found, key=len), max(found, key=len)]

    def values(self) -> list[object]:
        """Return the shortest and the longest text; one text if they are equal; empty if nothing was added."""
        return list(dict.fromkeys(self._ends))


class DistinctSample:
    """The sample for all other expectations: each distinct value once.

    If most values are distinct, duplicates are not removed, because that would take longer than to check them.
    """

    def __init__(self, equivalent: str = "") -> None:
        """Create an empty sample.

        ``equivalent``: a regular expression (RE2) of texts that all have the same result; one of them is enough.
        """
        self.is_full, self.size_bytes = False, 0
        self._equivalent = equivalent
        self._arrays: list[pa.Array] = []
        self._repeats = True

    def add(self, values: pa.Array) -> None:
        """Add the next values, without nulls, of any type that Arrow can compare."""
        import pyarrow as pa
        import pyarrow.compute as pc

        if not len(values):
            return
        if self._equivalent:
            others = values.filter(pc.invert(pc.match_substring_regex(values, self._equivalent)))
            values = pa.concat_arrays([values[:1], others])
        if self._repeats and len(values) >= _PROBE_VALUES:
            self._repeats = len(values[:_PROBE_VALUES].unique()) <= _PROBE_VALUES / 2
        self._arrays.append(values.unique() if self._repeats else values)
        if self._is_over(1):
            self._compact()
            # If the sample is still half full without duplicates, nearly every chunk adds new values.
            self.is_full = self._is_over(2)
        self.size_bytes = sum(array.nbytes for array in self._arrays)

    def values(self) -> list[object]:
        """Return every distinct value, in the order of the first occurrence; some values may occur more than once."""
        self._compact()
        return self._arrays[0].to_pylist() if self._arrays else []

    def _is_over(self, part: int) -> bool:
        """Return whether the sample exceeds the limits divided by ``part``."""
        return (
            sum(map(len, self._arrays)) > MAX_VALUES // part
            or sum(array.nbytes for array in self._arrays) > MAX_BYTES // part
        )

    def _compact(self) -> None:
        """Combine all arrays into one, without duplicates if values repeat."""
        import pyarrow as pa

        if len(self._arrays) > 1:
            together = pa.concat_arrays(self._arrays)
            self._arrays = [together.unique() if self._repeats else together]
