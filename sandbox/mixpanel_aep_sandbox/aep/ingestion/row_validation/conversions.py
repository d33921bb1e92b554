"""Conversion of a row's values to the types of their fields (EP:ingestion/batch-ingestion, data type conversion)."""

from __future__ import annotations

import math
import re
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from mixpanel_aep_sandbox.aep.ingestion.row_validation.json_schema import kind_of
from mixpanel_aep_sandbox.aep.ingestion.row_validation.row_messages import date_text, type_text
from mixpanel_aep_sandbox.core.json_types import JsonObject

_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EXPECTED = {
    "string": "String",
    "number": "Number",
    "integer": "Integer",
    "boolean": "Boolean",
    "array": "JSONArray",
    "object": "JSONObject",
    "map": "JSONObject",
}


@dataclass
class Conversion:
    """The conversion of one row to the types of its fields, and the errors that it finds."""

    nulls: bool
    """Whether a null means a missing field (Parquet) or is an error (JSON)."""
    errors: list[tuple[str, str]] = field(default_factory=list)
    """Failed conversions: the JSON Pointer of the value, and a message."""
    missing: list[str] = field(default_factory=list)
    """JSON Pointers of required fields that are null."""
    unknown: list[str] = field(default_factory=list)
    """JSON Pointers of fields that are not in the schema."""

    def row(self, row: JsonObject, schema: JsonObject) -> JsonObject:
        """Return a row in which the values have the types of their fields in the schema.

        Fields outside of the schema are omitted [I]. Values that cannot be converted stay unchanged, and are added to
        ``errors``.

        Args:
            row: The row.
            schema: The resolved schema.
        """
        return self._object(row, schema, "#")

    def _object(self, value: JsonObject, schema: JsonObject, at: str) -> JsonObject:
        kept: JsonObject = {}
        fields, required = schema.get("properties", {}), schema.get("required", [])
        self.unknown += [f"{at}/{name}" for name in value if name not in fields]
        for name, child in fields.items():
            if name not in value:
                continue
            pointer = f"{at}/{name}"
            if value[name] is None:
                if not self.nulls:
                    self._no_null(pointer, name in required)
                continue
            converted = self._value(value[name], child, pointer)
            if converted == {} and self.nulls:
                continue  # a Parquet struct whose members are all null
            kept[name] = converted
        return kept

    def _no_null(self, pointer: str, required: bool) -> None:
        """Record the error of a field that is null, by whether the field is required."""
        if required:
            self.missing.append(pointer)
        else:
            self._fail(pointer, "found: Null")

    def _fail(self, pointer: str, message: str) -> None:
        self.errors.append((pointer, message))

    def _value(self, value: object, schema: JsonObject, at: str) -> object:
        """Convert one value by its field; if this fails, record an error and return the value unchanged."""
        kind = kind_of(schema)
        if kind == "object" and isinstance(value, dict):
            return self._object(value, schema, at)
        if kind == "map" and isinstance(value, dict):
            return self._map(value, schema["additionalProperties"], at)
        if kind == "array" and isinstance(value, list):
            return [self._item(part, schema.get("items", {}), f"{at}/{n}") for n, part in enumerate(value)]
        converted = _scalar(value, kind)
        if converted is None:
            text = (
                date_text(value, kind)
                if kind in ("date", "date-time")
                else type_text(value, _EXPECTED.get(kind, kind))
            )
            self._fail(at, text)
            return value
        return converted

    def _map(self, value: JsonObject, schema: JsonObject, at: str) -> JsonObject:
        return {name: self._item(part, schema, f"{at}/{name}") for name, part in value.items()}

    def _item(self, value: object, schema: JsonObject, at: str) -> object:
        if value is None:
            self._fail(at, "found: Null")
            return None
        return self._value(value, schema, at)


def _scalar(value: object, kind: str) -> object:
    """Convert a plain value to the type of a field.

    Args:
        value: The value, which is not an object or array.
        kind: The kind of the field, as ``json_schema.kind_of`` returns it.

    Returns:
        The converted value, or None if the value cannot be converted.
    """
    if kind in ("", "null"):
        return value
    if isinstance(value, bool):
        return value if kind == "boolean" else None
    if isinstance(value, float) and not math.isfinite(value):
        return None  # [I] JSON has no such number
    if isinstance(value, str):
        return _from_text(value, kind)
    if isinstance(value, (int, float)):
        return _from_number(value, kind)
    return None


def _from_text(value: str, kind: str) -> object:
    """Convert a text to ``kind``; return None if this is not possible."""
    if kind in ("string", "date", "date-time"):
        return value
    if kind not in ("integer", "number") or not _NUMBER.fullmatch(value):
        return None
    if kind == "integer" and re.fullmatch(r"[+-]?[0-9]{1,30}", value):
        return int(value)
    number = float(value)
    if kind == "number":
        return number if math.isfinite(number) else None
    return int(number) if number.is_integer() else None


def _from_number(value: int | float, kind: str) -> object:
    """Convert a finite number to ``kind``; return None if this is not possible."""
    if kind == "string":
        return str(value)
    if kind == "number":
        return value if abs(value) <= sys.float_info.max else None
    if kind == "integer":
        return value if isinstance(value, int) else int(value) if value.is_integer() else None
    if kind in ("date", "date-time") and isinstance(value, int):
        return _moment(value, kind)
    return None


def _moment(milliseconds: int, kind: str) -> str | None:
    """Convert epoch milliseconds to the text of a ``date`` or ``date-time``; None outside of the years 1 to 9999.

    Only Long can be converted to dates, not Integer or Double; integers in JSON are Long.
    """
    try:
        moment = _EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError:
        return None
    if kind == "date":
        return moment.date().isoformat()
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
