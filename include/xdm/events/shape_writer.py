"""Create objects that ``msgspec`` encodes to JSON quickly, from the columns of a shape (``shapes``).

``msgspec`` encodes objects of a class with fixed members in half the time of dicts. So a frequent shape gets two
classes: one that is encoded with all members, and one that is encoded without the members that are ``None``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import repeat
from typing import Any

import msgspec

from include.xdm.convert.values import Value

_FREQUENT_ROWS = 8
_MOST_CLASSES = 2_000
"""The maximum number of generated classes, which exist for the lifetime of the process."""
_Maker = Callable[..., msgspec.Struct]
_makers: dict[tuple[bool, tuple[str, ...]], _Maker | None] = {}


def whole_objects(names: tuple[str, ...], columns: Sequence[Sequence[Value]], rows: int) -> Iterable[object]:
    """Return for each row an object that ``msgspec`` encodes with all members, in the order of ``names``.

    ``columns``: for each name, the values of all ``rows``.
    """
    maker = _maker(names, rows, sparse=False)
    return _dicts(names, columns, rows) if maker is None else map(maker, *columns)


def sparse_objects(names: tuple[str, ...], columns: Sequence[Sequence[Value]], rows: int) -> Iterable[object]:
    """Return for each row an object that ``msgspec`` encodes with the members that are not None."""
    maker = _maker(names, rows, sparse=True)
    if maker is not None:
        return map(maker, *columns)
    objects = _dicts(names, columns, rows)
    if not any(None in column for column in columns):
        return objects
    return [{name: value for name, value in each.items() if value is not None} for each in objects]


def _dicts(
    names: tuple[str, ...], columns: Sequence[Sequence[Value]], rows: int
) -> Iterable[dict[str, Value]]:
    return map(dict, map(zip, repeat(names), zip(*columns, strict=True))) if names else repeat({}, rows)


def _maker(names: tuple[str, ...], rows: int, *, sparse: bool) -> _Maker | None:
    key = (sparse, names)
    if key not in _makers:
        if rows < _FREQUENT_ROWS or len(_makers) >= _MOST_CLASSES or not names:
            return None
        _makers[key] = _class_of(names, sparse)
    return _makers[key]


def _class_of(names: tuple[str, ...], sparse: bool) -> _Maker | None:
    fields = [f"f{n}" for n in range(len(names))]
    # msgspec reads the type of a member at run time; its stub accepts classes alone.
    members: list[Any] = [(field, Any, None) if sparse else (field, Any) for field in fields]
    try:
        return msgspec.defstruct(
            "Event", members, rename=dict(zip(fields, names, strict=True)), omit_defaults=sparse, gc=False
        )
    except ValueError:  # a name with a character that must be escaped in JSON
        return None
