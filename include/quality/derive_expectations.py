"""Derive the expectations on rows from the constraints of an XDM schema and from the rules for events."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, datetime

from include.json_types import JsonValue
from include.quality.constraints import (
    BETWEEN,
    IN_SET,
    JSON_SCHEMA,
    LENGTHS,
    NOT_NULL,
    GxArguments,
    cannot_check,
)
from include.quality.event_rules import EventRules, event_expectations
from include.quality.expectation_spec import ExpectationSpec
from include.quality.view import Part, Path, View
from include.xdm.schema.xdm_field import Kind, XdmField
from include.xdm.schema.xdm_schema import XdmSchema

_BOUNDS = {
    "minimum": ("min_value", False), "maximum": ("max_value", False),
    "exclusiveMinimum": ("min_value", True), "exclusiveMaximum": ("max_value", True),
}  # fmt: skip
_SIZES = {
    Kind.ARRAY: {"minItems": "min_value", "maxItems": "max_value"},
    Kind.MAP: {"minProperties": "min_value", "maxProperties": "max_value"},
}
_COMBINED = ("allOf", "anyOf", "oneOf", "not")
_WHOLE_VALUE_KEYWORDS = {
    Kind.ARRAY: ("enum", "const", "contains", *_COMBINED),
    Kind.MAP: ("enum", "const", "patternProperties", "dependencies", *_COMBINED),
    Kind.OBJECT: (
        "enum", "const", "minProperties", "maxProperties", "propertyNames", "patternProperties", "dependencies",
        *_COMBINED,
    ),
}  # fmt: skip
"""The keywords of JSON Schema that are checked on the JSON of a complete array, map or object."""
_TEXT_KEYWORDS = ("pattern", "format")
_SHOWN_KEYWORDS = ("pattern", "format", "multipleOf", "minProperties", "maxProperties", *_BOUNDS)
"""The keywords whose value is short enough to be shown in a reason."""


def derive_expectations(schema: XdmSchema, columns: set[Path], rules: EventRules) -> list[ExpectationSpec]:
    """Return the expectations on rows with the given columns.

    Args:
        schema: the XDM schema.
        columns: the path of every leaf column of the rows (``include.quality.leaf_columns.leaf_paths``).
        rules: the rules for events that are not in the schema.

    Returns:
        The expectations of the schema's fields, in the order of the schema, then those of the rules. Fields without a
        column are left out, except for the expectation that a required field is present.

    Raises:
        ValidationBroken: a constraint of the schema has an invalid value.
    """
    with_columns = {(), *(path[:length] for path in columns for length in range(1, len(path) + 1))}
    specs = [
        spec
        for node in _walk(schema.root)
        if node.path in with_columns
        for spec in _field_expectations(node, with_columns)
    ]
    return [*specs, *event_expectations(schema, rules)]


def _walk(node: XdmField) -> Iterator[XdmField]:
    """Yield a field and all fields below it, including those in arrays and maps, in the order of the schema."""
    yield node
    for child in node.children.values():
        yield from _walk(child)
    if node.item is not None:
        yield from _walk(node.item)


def _field_expectations(node: XdmField, with_columns: set[Path]) -> Iterator[ExpectationSpec]:
    if node.kind.is_scalar:
        yield from _scalar_expectations(node)
    else:
        yield from _whole_value_expectations(node)
    if node.kind is Kind.OBJECT:
        yield from _member_expectations(node)
    elif node.item is not None and (*node.path, "*") in with_columns:
        yield from _item_expectations(node, node.item)


def _member_expectations(node: XdmField) -> Iterator[ExpectationSpec]:
    """Yield an expectation for each required member of an object; the root object is the row."""
    # For an object in an array, the columns do not show which item is incomplete, so the reason names no parent.
    name = "required" if not node.path or "*" in node.path else "required_inside"
    for member in [
        *(m for m in node.children if m in node.required),
        *sorted(node.required - set(node.children)),
    ]:
        yield ExpectationSpec(View((*node.path, member), Part.PRESENCE), name, None, NOT_NULL)


def _item_expectations(node: XdmField, item: XdmField) -> Iterator[ExpectationSpec]:
    """Yield the expectations that the items of an array, or the values of a map, have a type, and on a map's keys."""
    kind = item.kind.value if item.kind is not Kind.MAP else "object"
    yield ExpectationSpec(View(item.path, Part.PRESENCE), "type", kind, NOT_NULL)
    names = node.constraints.get("propertyNames")
    if node.kind is Kind.MAP and names is not None:
        yield _json_schema_expectation(View(node.path, Part.KEYS), "propertyNames", None, names)


def _scalar_expectations(node: XdmField) -> Iterator[ExpectationSpec]:
    """Yield the expectations on the values of a scalar field."""
    limits, view = node.constraints, View(node.path, Part.VALUE)
    if "enum" in limits:
        yield _enum_expectation(view, "enum", limits["enum"], limits["enum"], node.kind)
    if "const" in limits:
        yield _enum_expectation(view, "const", limits["const"], [limits["const"]], node.kind)
    if node.kind is Kind.STRING:
        yield from (
            _json_schema_expectation(view, name, limits[name]) for name in _TEXT_KEYWORDS if name in limits
        )
        for name, argument in (("minLength", "min_value"), ("maxLength", "max_value")):
            if name in limits:
                kwargs = {argument: _length(view, name, limits[name])}
                yield ExpectationSpec(view, name, limits[name], LENGTHS, kwargs)
    if node.kind.is_numeric:
        yield from (_bound_expectation(view, name, limits[name]) for name in _BOUNDS if name in limits)
        if "multipleOf" in limits:
            yield _json_schema_expectation(view, "multipleOf", limits["multipleOf"])
    if node.kind not in (
        Kind.DATE,
        Kind.DATE_TIME,
    ):  # columns of dates contain no text to which a schema could apply
        yield from (
            _json_schema_expectation(view, name, limits[name]) for name in _COMBINED if name in limits
        )


def _whole_value_expectations(node: XdmField) -> Iterator[ExpectationSpec]:
    """Yield the expectations on complete arrays, maps or objects, and on their sizes."""
    limits, json_view = node.constraints, View(node.path, Part.JSON)
    label = "" if node.path else "the event"
    for name, argument in _SIZES.get(node.kind, {}).items():
        if name in limits:
            kwargs = {argument: _length(json_view, name, limits[name])}
            yield ExpectationSpec(View(node.path, Part.SIZE), name, limits[name], BETWEEN, kwargs)
    if limits.get("uniqueItems") is True and node.kind is Kind.ARRAY:
        yield _json_schema_expectation(json_view, "uniqueItems", True)
    for name in _WHOLE_VALUE_KEYWORDS[node.kind]:
        if name in limits:
            yield _json_schema_expectation(json_view, name, limits[name], label=label)
    if node.kind is Kind.MAP:
        for key in sorted(node.required):
            named = ".".join((*node.path, key))
            yield _json_schema_expectation(json_view, "required", [key], label=named)


def _json_schema_expectation(
    view: View, name: str, limit: JsonValue, names: JsonValue = None, *, label: str = ""
) -> ExpectationSpec:
    """Return the expectation that values fit a JSON Schema.

    Args:
        view: the values.
        name: the keyword, such as ``pattern``.
        limit: the value of the keyword.
        names: the schema that a map's keys have to fit; if None, the schema consists of the keyword and its value.
        label: the name of the field in sentences, if it is not the path.
    """
    document = json.dumps({name: limit} if names is None else names, sort_keys=True)
    kwargs = {"json_schema": document, "is_json": view.part is Part.JSON}
    shown = limit if name in _SHOWN_KEYWORDS else None
    return ExpectationSpec(view, name, shown, JSON_SCHEMA, kwargs, label=label)


def _bound_expectation(view: View, name: str, limit: JsonValue) -> ExpectationSpec:
    """Return the expectation that numbers are not below a minimum, or not above a maximum.

    GX compares doubles, so a limit that a double cannot represent exactly is checked by a JSON Schema instead.
    """
    if isinstance(limit, int) and not isinstance(limit, bool) and float(limit) != limit:
        return _json_schema_expectation(view, name, limit)
    argument, strict = _BOUNDS[name]
    if isinstance(limit, bool) or not isinstance(limit, int | float):
        raise cannot_check(view.name, name)
    kwargs: GxArguments = {argument: limit} | ({f"strict_{argument[:3]}": True} if strict else {})
    return ExpectationSpec(view, name, limit, BETWEEN, kwargs)


def _enum_expectation(
    view: View, name: str, limit: JsonValue, members: JsonValue, kind: Kind
) -> ExpectationSpec:
    """Return the expectation that values are among ``members``. ``name``, ``limit``: the keyword and its value."""
    if not isinstance(members, list):
        raise cannot_check(view.name, name)
    values = [kept for value in members if (kept := _stored_value(value, kind)) is not None]
    return ExpectationSpec(view, name, limit, IN_SET, {"value_set": values})


def _stored_value(value: JsonValue, kind: Kind) -> bool | float | str | date | None:
    """Return an allowed value of an enum in the type of the column, or None if the column cannot contain it."""
    if kind is Kind.BOOLEAN or isinstance(value, bool):
        return value if kind is Kind.BOOLEAN and isinstance(value, bool) else None
    if kind.is_numeric:
        return value if isinstance(value, int | float) else None
    if not isinstance(value, str):
        return None
    try:
        if kind is Kind.DATE:
            return date.fromisoformat(value)
        return datetime.fromisoformat(value) if kind is Kind.DATE_TIME else value
    except ValueError:  # the text is not a date, so no value of the column equals it
        return None


def _length(view: View, name: str, limit: JsonValue) -> int:
    """Return the value of a constraint on a length as an integer.

    Raises:
        ValidationBroken: the value is not a whole number.
    """
    if isinstance(limit, bool) or not isinstance(limit, int | float) or limit != int(limit):
        raise cannot_check(view.name, name)
    return int(limit)
