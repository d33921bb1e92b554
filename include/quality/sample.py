"""Values that stand for all values of a view: where each of them passes an expectation, every value does.

Great Expectations takes microseconds a value and milliseconds an expectation, whatever the frame holds. So it is given
each distinct value once; of numbers, instants and sizes that have limits the smallest and the largest; of texts that
have a length the shortest and the longest; and for what has to be there, whether anything is missing.
"""

from __future__ import annotations

from typing import Any, Protocol

MOST_VALUES = 100_000
MOST_BYTES = 32 * 1024 * 1024
_FEW = 4096
"""So many values of a chunk show whether they repeat."""


class Sample(Protocol):
    """Collects chunk by chunk. ``is_full``: it has to be judged and begun again, so that memory stays bounded."""

    is_full: bool
    size_bytes: int

    def add(self, values: Any) -> None:
        """Add an Arrow array without nulls."""

    def values(self) -> list[Any]:
        """What stands for all that was added, as Python values."""


class Presence:
    """Of booleans: None where one is false, so that an expectation of "not null" means "always there"."""

    def __init__(self) -> None:
        self.is_full, self.size_bytes = False, 0
        self._seen = self._missing = False

    def add(self, values: Any) -> None:
        """Add whether things are there."""
        self._seen |= len(values) > 0
        self._missing |= values.false_count > 0

    def values(self) -> list[Any]:
        """One value at most."""
        return [None if self._missing else True] if self._seen else []


class Extremes:
    """The smallest and the largest of numbers or instants: a range holds all of them where it holds both."""

    def __init__(self) -> None:
        self.is_full, self.size_bytes = False, 0
        self._ends: list[Any] = []

    def add(self, values: Any) -> None:
        """Add numbers or instants."""
        import pyarrow.compute as pc

        ends = pc.min_max(values).as_py() if len(values) else {}
        found = [*self._ends, *(end for end in ends.values() if end is not None)]
        self._ends = [min(found), max(found)] if found else []

    def values(self) -> list[Any]:
        """Two values at most."""
        return sorted(set(self._ends))


class Lengths:
    """A shortest and a longest text, in code points."""

    def __init__(self) -> None:
        self.is_full, self.size_bytes = False, 0
        self._ends: list[str] = []

    def add(self, values: Any) -> None:
        """Add texts."""
        import numpy as np
        import pyarrow.compute as pc

        if not len(values):
            return
        sizes = pc.utf8_length(values).to_numpy(zero_copy_only=False)
        found = [*self._ends, *(values[int(at)].as_py() for at in (np.argmin(sizes), np.argmax(sizes)))]
        self._ends = [min(found, key=len), max(found, key=len)]

    def values(self) -> list[Any]:
        """Two texts at most."""
        return list(dict.fromkeys(self._ends))


class Distinct:
    """Each value once; or, where most values are distinct, every value, which costs less than to find that out."""

    def __init__(self, same: str = "") -> None:
        """``same``: a regular expression (RE2); of the texts that match it one stands for all."""
        self.is_full, self.size_bytes = False, 0
        self._same = same
        self._arrays: list[Any] = []
        self._repeats = True

    def add(self, values: Any) -> None:
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
            # Half full after that means that nearly every chunk brings new values.
            self.is_full = self._is_over(2)
        self.size_bytes = sum(array.nbytes for array in self._arrays)

    def values(self) -> list[Any]:
        """Every distinct value, in the order of the rows; some perhaps more than once."""
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
