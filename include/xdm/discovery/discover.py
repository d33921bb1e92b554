"""Profile the properties of a project's events: count the JSON types of values, and collect examples.

Profiles of parts of the data are merged into one; the result does not depend on their order.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple, NoReturn, TypeAlias

import msgspec

from include.xdm.events.line_parser import DEPTH_LIMIT, deeper_than
from include.xdm.schema.xdm_field import INTEGER_LIMITS, Kind

OBJECT_DEPTH = 3
"""The depth to which the members of objects are profiled; a deeper object counts as one JSON text."""
MANY_KEYS = 50
"""The maximum number of member names over all events; an object with more is a map, whose names are data."""
EXAMPLES = 3
_EXAMPLE_CHARACTERS = 40
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,3})?(?:Z|[+-]\d\d:\d\d)")


class ExactNumber(NamedTuple):
    """A number that neither XDM's long nor a double represents exactly."""

    digits: str


ExactValue: TypeAlias = (
    "dict[str, ExactValue] | list[ExactValue] | str | int | float | bool | ExactNumber | None"
)
"""A JSON value as ``read_value`` returns it, with all digits of its numbers."""


class _Line(msgspec.Struct):
    properties: dict[str, msgspec.Raw]


_decode = msgspec.json.Decoder(_Line).decode


@dataclass
class Profile:
    """The statistics of the values of one property, object member or list item, from which its field is proposed.

    Attributes:
        kinds: the number of values by ``kind_of``.
        keys: the profile of each member of the objects, by name.
        items: one profile of the items of all lists; None without lists.
        shapes: the alphabetically first ``EXAMPLES`` shapes (``shape_of``).
        values: the alphabetically first ``EXAMPLES`` values as texts, shortened.
    """

    kinds: Counter[str] = field(default_factory=Counter)
    keys: dict[str, Profile] = field(default_factory=dict)
    opaque: bool = False
    """Whether the objects have more than ``MANY_KEYS`` names or are nested too deeply, so that ``keys`` is empty."""
    items: Profile | None = None
    shapes: tuple[str, ...] = ()
    values: tuple[str, ...] = ()

    def add_value(self, value: ExactValue, depth: int = 1) -> None:
        """Add a value to the statistics; ``depth`` is 1 for the value of a property, 2 for its members and items."""
        kind = kind_of(value)
        self.kinds[kind] += 1
        if isinstance(value, dict):
            self._add_members(value, depth)
        elif isinstance(value, list):
            self.items = self.items or Profile()
            for item in value:
                self.items.add_value(item, depth + 1)
        elif kind != "nothing":
            text = str(value.digits if isinstance(value, ExactNumber) else value)
            self._keep_smallest((shape_of(text[:_EXAMPLE_CHARACTERS]),), (text[:_EXAMPLE_CHARACTERS],))

    def _add_members(self, value: dict[str, ExactValue], depth: int) -> None:
        if depth > OBJECT_DEPTH:
            self.opaque = True
        if not self.opaque:
            for name, inner in value.items():
                _profile(self.keys, name).add_value(inner, depth + 1)
            self._limit_members()

    def merge(self, other: Profile) -> None:
        """Add the statistics of another profile of the same property, member or item."""
        self.kinds.update(other.kinds)
        self.opaque |= other.opaque
        for name, inner in other.keys.items():
            _profile(self.keys, name).merge(inner)
        self._limit_members()
        if other.items is not None:
            self.items = self.items or Profile()
            self.items.merge(other.items)
        self._keep_smallest(other.shapes, other.values)

    def _limit_members(self) -> None:
        self.opaque |= len(self.keys) > MANY_KEYS
        if self.opaque:
            self.keys = {}

    def _keep_smallest(self, shapes: tuple[str, ...], values: tuple[str, ...]) -> None:
        self.shapes = _smallest(self.shapes, shapes)
        self.values = _smallest(self.values, values)


@dataclass
class Discovery:
    """The profiles of all properties of a project's events, by property name.

    ``rows``: the number of profiled events; ``unreadable``: the number of lines that are not valid events.
    """

    rows: int = 0
    unreadable: int = 0
    properties: dict[str, Profile] = field(default_factory=dict)

    def add_lines(self, lines: Iterable[bytes]) -> None:
        """Add the events of an export's lines, which have no newlines and may be of any day."""
        for line in lines:
            try:
                if deeper_than(line, DEPTH_LIMIT):
                    raise ValueError("it nests too deep")
                values = {name: read_value(raw) for name, raw in _decode(line).properties.items()}
            except (msgspec.MsgspecError, ValueError):
                self.unreadable += 1
                continue
            self.rows += 1
            for name, value in values.items():
                _profile(self.properties, name).add_value(value)

    def merge(self, other: Discovery) -> None:
        """Add the statistics of another discovery, which has read other lines."""
        self.rows += other.rows
        self.unreadable += other.unreadable
        for name, profile in other.properties.items():
            _profile(self.properties, name).merge(profile)


def _profile(profiles: dict[str, Profile], name: str) -> Profile:
    found = profiles.get(name)
    if found is None:
        found = profiles[name] = Profile()
    return found


def _smallest(kept: tuple[str, ...], more: tuple[str, ...]) -> tuple[str, ...]:
    """Return the alphabetically first ``EXAMPLES`` texts of both, so that the order of the events has no effect."""
    if all(text in kept or (len(kept) == EXAMPLES and text > kept[-1]) for text in more):
        return kept
    return tuple(sorted({*kept, *more})[:EXAMPLES])


def read_value(raw: bytes | msgspec.Raw) -> ExactValue:
    """Decode a JSON value; a number is an int or a float if that is exact, otherwise an ``ExactNumber``."""
    text = bytes(raw)
    if text[:1] == b'"':
        return msgspec.json.decode(text, type=str)  # refuses lone surrogates, as the event parser does
    value: ExactValue = _decode_json(text.decode())
    return value


def kind_of(value: ExactValue) -> str:
    """Return the kind of a value: its JSON type, more precise for numbers and texts.

    One of ``nothing`` (null or the empty string), ``boolean``, ``integer``, ``number``, ``exact``, ``string``, ``date-time``, ``object``,
    ``list``.
    """
    if value is None or value == "":
        return "nothing"
    if isinstance(value, str):
        return "date-time" if _is_date_time(value) else "string"
    names = {
        bool: "boolean",
        int: "integer",
        float: "number",
        ExactNumber: "exact",
        dict: "object",
        list: "list",
    }
    return names[type(value)]


@lru_cache(maxsize=10_000)
def shape_of(text: str) -> str:
    """Return the shape of a text, which shows its form without its content: that of ``2026-07-01`` is ``9-9-9``.

    A run of letters is replaced by ``a``, a run of digits by ``9``, a mixed run by ``x``; spaces and ``-_.:/@+`` are
    kept, and other characters are replaced by ``?``.
    """
    words = re.sub(r"[^\W_]+", _word, text[:_EXAMPLE_CHARACTERS])
    return re.sub(r"[^a9x _.:/@+-]", "?", words)


def _word(match: re.Match[str]) -> str:
    return "9" if match[0].isdecimal() else "a" if match[0].isalpha() else "x"


def _integer(text: str) -> int | ExactNumber:
    low, high = INTEGER_LIMITS[Kind.LONG]
    if len(text) > len(str(low)):  # Python refuses to convert a text of thousands of digits
        return ExactNumber(text)
    return number if low <= (number := int(text)) <= high else ExactNumber(text)


def _number(text: str) -> float | ExactNumber:
    number = float(text)
    if not math.isfinite(number) or len(text) > 40 or Decimal(repr(number)) != Decimal(text):
        return ExactNumber(text)
    return number


def _reject_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")


_decode_json = json.JSONDecoder(
    parse_int=_integer, parse_float=_number, parse_constant=_reject_constant
).decode


def _is_date_time(text: str) -> bool:
    """Return whether a text is a full RFC 3339 date-time with at most milliseconds, the precision of XDM."""
    if not _DATE_TIME.fullmatch(text):
        return False
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False
