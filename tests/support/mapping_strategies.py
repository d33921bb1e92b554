"""Random mapping sets, and the comparison of the rows that this project and the sandbox create with one of them."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from functools import partial

from hypothesis import strategies as st

from include.json_types import JsonObject, JsonValue
from include.xdm.dataprep.language.check import check
from include.xdm.dataprep.language.errors import LanguageError
from include.xdm.dataprep.language.parser import parse
from include.xdm.dataprep.language.types import Type
from include.xdm.mapping.destinations import can_hold
from tests.support.builders import (
    BOOLEAN,
    DATE,
    DATE_TIME,
    INT,
    LONG,
    NUMBER,
    STRING,
    TENANT,
    array_of,
    map_of,
    object_of,
    row,
    schema,
)
from tests.support.expression_strategies import NAMES, TEXTS, attribute, expressions

ITEM = object_of(a=STRING, b=NUMBER, type=STRING)
FIELDS: dict[str, JsonObject] = {
    "s": STRING, "l": LONG, "i": INT, "n": NUMBER, "y": BOOLEAN, "d": DATE, "t": DATE_TIME, "as": array_of(STRING), "ai": array_of(INT),
    "ao": array_of(ITEM), "ms": map_of(STRING), "o": ITEM, "deep": object_of(inner=object_of(s=STRING, l=LONG)),
}  # fmt: skip
TYPES = {"s": Type.STRING, "l": Type.NUMBER, "i": Type.NUMBER, "n": Type.NUMBER, "y": Type.BOOLEAN, "d": Type.DATE, "t": Type.DATE,
         "as": Type.ARRAY, "ai": Type.ARRAY, "ao": Type.ARRAY, "ms": Type.OBJECT, "o": Type.OBJECT}  # fmt: skip
PATHS = st.sampled_from(
    [*map(attribute, NAMES), "properties.obj.a", "properties.list[0]", "properties.list[1].a", "event"]
)


def mappings() -> st.SearchStrategy[list[JsonObject]]:
    """Generate mapping sets with disjoint destinations: at most one mapping, or one group of them, for each field."""
    attributes = [st.builds(row, PATHS, st.just(name)) for name in FIELDS if name != "deep"]
    formulas = [
        st.builds(row, expressions(kind, 1).filter(partial(fits, name)), st.just(name)).map(_formula)
        for name, kind in TYPES.items()
    ]
    constants = [
        st.builds(row, TEXTS.filter(bool), st.just("s")).map(lambda made: {**made, "sourceType": "STATIC"})
    ]
    groups = st.sampled_from([
        [row("properties.list[*].a", "ao[*].a"), row("properties.list[*].b", "ao[*].b")],
        [row("properties.list[*].a", "as")],
        [row("properties.obj.a", "as[0]"), row("properties.a", "as[2]"), _formula(row("upper(properties.b)", "as[1]"))],
        [row("properties.a", "ms.key"), _formula(row("properties.b == 5", "ms.other"))],
        [row("properties.obj", "o"), row("properties.a", "o.a")],
        [row("properties.a", "deep.inner.s"), _formula(row("size_of(properties.b)", "deep.inner.l"))],
    ])  # fmt: skip
    return st.lists(
        st.one_of(*attributes, *formulas, *constants).map(lambda made: [made]) | groups,
        min_size=1,
        max_size=8,
    ).map(_apart)


def _formula(made: JsonObject) -> JsonObject:
    return {**made, "sourceType": "EXPRESSION"}


def _apart(groups: list[list[JsonObject]]) -> list[JsonObject]:
    taken: set[str] = set()
    kept: list[JsonObject] = []
    for group in groups:
        fields = {field_of(made) for made in group}
        if not fields & taken:
            taken |= fields
            kept += group
    return kept


def field_of(made: JsonObject) -> str:
    return str(made["destination"]).split("mixpanel.")[1].split(".")[0].split("[")[0]


def can_be_right(expression: str) -> bool:
    try:
        check(parse(expression))
    except LanguageError:
        return False
    # Random there, derived from the event's id here; and a JSON text with a number beyond a double, which stays text here.
    return "uuid" not in expression and not ("json_to_object" in expression and "1e999" in expression)


def fits(name: str, expression: str) -> bool:
    field = schema((), **FIELDS).find((TENANT, "mixpanel", name))
    return can_be_right(expression) and field is not None and can_hold(field, check(parse(expression)).type)


def as_json(value: object) -> object:
    """Return a value of a row as XDM's JSON, without nulls."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list):
        return [as_json(item) for item in value]
    if isinstance(value, dict):
        return {key: as_json(part) for key, part in value.items() if part is not None} or None
    return value


def agree(name: str, one: JsonValue, other: JsonValue, failed: bool) -> bool:
    """Return whether this project's value ``one`` and AEP's value ``other`` are equal, or differ as documented.

    This project converts a value exactly or not at all, and may keep what AEP refuses: an array as its text, or the
    items that fit. It does not read a bare number as a date, because Mixpanel's numbers are seconds; AEP reads
    milliseconds. It drops a single value that is mapped to an object; AEP stores it in the member of its name.
    """
    kind = FIELDS[name]
    if failed:
        return other is None or kind not in (LONG, INT, NUMBER, DATE) or one is None
    if other is None or one is None:
        return (
            one == other
            or kind in (DATE, DATE_TIME)
            or beyond(other)
            or (kind is ITEM and isinstance(other, dict) and len(other) == 1)
        )
    if kind is DATE_TIME and isinstance(one, str) and isinstance(other, str):
        return datetime.fromisoformat(one) == cut(datetime.fromisoformat(other))
    return alike(one, other)


def alike(one: object, other: object) -> bool:
    """Return whether values are equal, except for the spelling of a number that became a text, and for the
    members of an object with more digits than a double keeps.
    """
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(alike, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        left_out = [other[key] for key in other.keys() - one.keys()]
        told_alike = one.keys() <= other.keys() and all(alike(part, other[key]) for key, part in one.items())
        return told_alike and all(isinstance(part, int) and abs(part) > 2**53 for part in left_out)
    if isinstance(one, str) and isinstance(other, str) and one != other:
        return is_float(one) and is_float(other) and float(one) == float(other)
    return bool(one == other)


def beyond(value: object) -> bool:
    """Return whether a value is a whole number, an infinite one, or one that a double does not hold exactly."""
    return isinstance(value, int | float) and (
        not math.isfinite(value) or abs(value) > 2**53 or value == int(value)
    )


def is_float(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def cut(moment: datetime) -> datetime:
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
