"""Error messages for invalid values, in the words of Adobe's samples (EP:ingestion/quality/retrieve-failed-batches.md).

The samples show messages of a known Java validator for JSON Schema. Other errors have this validator's messages [I].
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import jsonschema_rs


_EXPECTED = {
    "date": "yyyy-MM-dd",
    "date-time": "yyyy-MM-dd'T'HH:mm:ssZ, yyyy-MM-dd'T'HH:mm:ss.[0-9]{1,9}Z,"
    " yyyy-MM-dd'T'HH:mm:ss[+-]HH:mm, yyyy-MM-dd'T'HH:mm:ss.[0-9]{1,9}[+-]HH:mm",
}
_KINDS = (
    (bool, "Boolean"),
    (int, "Long"),
    (float, "Double"),
    (str, "String"),
    (list, "JSONArray"),
    (dict, "JSONObject"),
)
_TEXTS: dict[str, Callable[..., str]] = {
    "enum": lambda value, _: f"{value} is not a valid enum value",
    "const": lambda value, limit: f"{value} is not {limit}",
    "pattern": lambda value, limit: f"string [{value}] does not match pattern {limit}",
    "format": lambda value, limit: f"[{value}] is not a valid {limit}",
    "minLength": lambda value, limit: f"expected minLength: {limit}, actual: {len(value)}",
    "maxLength": lambda value, limit: f"expected maxLength: {limit}, actual: {len(value)}",
    "minimum": lambda value, limit: f"{value} is not greater or equal to {limit}",
    "maximum": lambda value, limit: f"{value} is not less or equal to {limit}",
    "exclusiveMinimum": lambda value, limit: f"{value} is not greater than {limit}",
    "exclusiveMaximum": lambda value, limit: f"{value} is not less than {limit}",
    "multipleOf": lambda value, limit: f"{value} is not a multiple of {limit}",
    "minItems": lambda value, limit: f"expected minimum item count: {limit}, found: {len(value)}",
    "maxItems": lambda value, limit: f"expected maximum item count: {limit}, found: {len(value)}",
    "uniqueItems": lambda _value, _: "array items are not unique",
    "minProperties": lambda value, limit: f"minimum size: [{limit}], found: [{len(value)}]",
}


def violation_text(error: jsonschema_rs.ValidationError) -> tuple[str, str]:
    """Return the violated keyword of JSON Schema and Adobe's message for an error of jsonschema-rs."""
    import jsonschema_rs  # imported late, for a quick start

    keyword, value = error.kind.name, error.instance
    if isinstance(error.kind, jsonschema_rs.ValidationErrorKind.AnyOf):
        # Only the schemas of dates use anyOf: a text or milliseconds.
        kinds = [why.kind for alternative in error.kind.context for why in alternative]
        is_date = any(kind.name == "format" and kind.value == "date" for kind in kinds)
        return "format", date_text(value, "date" if is_date else "date-time")
    text = _TEXTS.get(keyword)
    return keyword, text(value, error.kind.value) if text else error.message


def date_text(value: object, kind: str) -> str:
    """Return the message for an invalid value of a field whose kind is ``date`` or ``date-time``."""
    return f"[{value}] is not a valid {kind}. Expected [{_EXPECTED[kind]}]"


def type_text(value: object, kind: str) -> str:
    """Return the message for a value that cannot be converted to its field's type; ``kind`` is Adobe's type name."""
    found = next((name for known, name in _KINDS if isinstance(value, known)), "Null")
    return f"expected type: {kind}, found: {found}"


def schema_location(pointer: str) -> str:
    """Convert a value's pointer to the pointer in its schema: ``#/a/0/b`` to ``#/properties/a/items/properties/b``."""
    parts = pointer.removeprefix("#").split("/")[1:]
    return "#" + "".join("/items" if part.isdecimal() else f"/properties/{part}" for part in parts)
