"""Create converters of JSON arrays, maps and objects from the schema of an XDM field.

A converter takes a JSON value and a tally: a list with one number, to which it adds the number of scalar values that
it converted. A smaller number than the value contains shows that the conversion was incomplete.
"""

from __future__ import annotations

from collections.abc import Callable

from include.xdm.convert.scalars import scalar
from include.xdm.convert.values import EMPTY_TEXTS, Value, text_of
from include.xdm.schema.xdm_field import Kind, XdmField

Tally = list[int]
Nested = Callable[[Value, Tally], object]


def nested(field: XdmField, *, is_top: bool = False) -> Nested:
    """Return the converter of a field of any kind.

    Objects are converted to dicts, maps to lists of pairs, and empty values to None. An array is converted completely
    or not at all, because a missing item would shift the following ones. ``is_top``: whether the field is the
    destination of a mapping; an array of objects there may not contain other values.
    """
    if field.kind is Kind.ARRAY:
        return _array(field.item, is_top)
    if field.kind is Kind.MAP:
        return _map(field.item)
    if field.kind is Kind.OBJECT:
        return _object(field)
    return _leaf(scalar(field.kind))


def _leaf(convert: Callable[[Value], object]) -> Nested:
    def leaf(value: Value, tally: Tally) -> object:
        converted = convert(value)
        if converted is not None:
            tally[0] += 1
        return converted

    return leaf


def _text(value: Value, tally: Tally) -> str | None:
    """Convert a value to text, for items of an array or map that the schema does not describe."""
    text = text_of(value)
    if text:
        tally[0] += 1
    return text


def _array(item: XdmField | None, is_top: bool) -> Nested:
    inner = nested(item) if item else _text
    empty = emptiness_test(item)
    only_objects = is_top and item is not None and item.kind is Kind.OBJECT

    def array(value: Value, tally: Tally) -> object:
        if not isinstance(value, list):
            return None
        before = tally[0]
        kept = [made for each in value if (made := inner(each, tally)) is not None]
        if kept and (len(kept) == len(value) or _is_whole(value, len(kept))):
            return kept
        tally[0] = before
        return None

    def _is_whole(value: list[Value], kept: int) -> bool:
        if only_objects and any(each not in (None, "") and not isinstance(each, dict) for each in value):
            return False
        return kept >= sum(not empty(each) for each in value)

    return array


def _object(field: XdmField) -> Nested:
    children = field.children
    compiled: dict[str, Nested] = {}

    def member(name: str) -> Nested | None:
        if name not in compiled:
            if name not in children:
                return None
            compiled[name] = nested(children[name])
        return compiled[name]

    def object_(value: Value, tally: Tally) -> object:
        if not isinstance(value, dict):
            return None
        made = {
            name: converted
            for name, inside in value.items()
            if (convert := member(name)) is not None and (converted := convert(inside, tally)) is not None
        }
        return made or None

    return object_


def _map(item: XdmField | None) -> Nested:
    inner = nested(item) if item else _text

    def map_(value: Value, tally: Tally) -> object:
        if not isinstance(value, dict):
            return None
        pairs = [(name, made) for name, inside in value.items() if (made := inner(inside, tally)) is not None]
        return pairs or None

    return map_


def emptiness_test(field: XdmField | None) -> Callable[[Value], bool]:
    """Return a function that returns whether a value is empty for a field; such an item of an array may be omitted."""
    if field is None or field.kind is Kind.STRING:
        return lambda value: value is None or value == ""
    if field.kind.is_scalar:
        return lambda value: (text_of(value) or "") in EMPTY_TEXTS
    if field.kind is Kind.MAP:
        return lambda value: not isinstance(value, dict) or not value
    if field.kind is Kind.ARRAY:
        inner = emptiness_test(field.item)
        return lambda value: not isinstance(value, list) or all(map(inner, value))
    return _empty_object(field)


def _empty_object(field: XdmField) -> Callable[[Value], bool]:
    children = field.children
    compiled: dict[str, Callable[[Value], bool]] = {}

    def is_empty(value: Value) -> bool:
        if not isinstance(value, dict):
            return True
        for name, inside in value.items():
            if name in children:
                if name not in compiled:
                    compiled[name] = emptiness_test(children[name])
                if not compiled[name](inside):
                    return False
        return True

    return is_empty
