"""Fast reader of JSON rows, which parses and validates a row in one step.

It accepts only rows that are certainly valid without conversion. ``RowChecker`` parses all other rows again, converts
them and reports their errors. Therefore, a type here may accept fewer values than the schema, but never more.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from json.encoder import encode_basestring_ascii
from typing import Annotated, Any, Literal, TypeAlias, Union

import msgspec
from msgspec import UNSET, Meta, UnsetType

from mixpanel_aep_sandbox.aep.ingestion.row_validation.json_schema import (
    EARLIEST_MS,
    LATEST_MS,
    kind_of,
    scalar_schema,
    validator_of,
)
from mixpanel_aep_sandbox.aep.ingestion.row_validation.rules import IDENTITY_MAP, RowRules
from mixpanel_aep_sandbox.core.json_types import JsonObject

_DAYS = (
    r"(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
    r"|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))"
)
"""Regular expression of a month and day, without 29 February, which ``RowChecker`` checks."""
_DATE = rf"^[1-9][0-9]{{3}}-{_DAYS}\Z"
_DATE_TIME = rf"^[1-9][0-9]{{3}}-{_DAYS}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{{1,9}})?Z\Z"
_BOUNDS = {"minimum": "ge", "maximum": "le", "exclusiveMinimum": "gt", "exclusiveMaximum": "lt"}
_LARGEST = 2**63 - 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ERRORS = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def seconds_text(milliseconds: int) -> str:
    """Format epoch milliseconds as ``YYYY-MM-DDThh:mm:ss`` in UTC; the order of these texts is the order of times."""
    return (_EPOCH + timedelta(milliseconds=milliseconds)).strftime("%Y-%m-%dT%H:%M:%S")


FieldType: TypeAlias = Any
"""A type that is built at run time for msgspec's decoder; type checkers have no name for such types."""


class _Checked:
    """The base class of the types of values that a JSON Schema validator checks, because msgspec cannot.

    For each such field, ``_Types`` creates a subclass with the field's validator.
    """

    is_valid: Callable[[object], bool]
    text: object


class FastRows:
    """Recognizes valid JSON rows, without the cost of building a dictionary for each row.

    Args:
        rules: The schema of the rows, and whether ``identityMap`` must have a primary identity.
        latest_ms: The latest allowed ``timestamp`` in epoch milliseconds; None if any is allowed.
        known_only: Whether fields outside of the schema make a row invalid.
        most_fields: The maximum number of fields in a row.
    """

    def __init__(self, rules: RowRules, *, latest_ms: int | None, known_only: bool, most_fields: int) -> None:
        resolved = rules.schema
        self._types = _Types(known_only)
        self._decode = msgspec.json.Decoder(self._types.struct_type(resolved, "Row"), dec_hook=_hook).decode
        names = list(resolved.get("properties", {}))
        self._key = f"f{names.index('_id')}" if "_id" in names else ""
        self._stamp = f"f{names.index('timestamp')}" if "timestamp" in names else ""
        self._primary = _primary_fields(resolved) if rules.primary_in_map else None
        self._latest_ms, self._most_fields = latest_ms, most_fields
        self._latest = "" if latest_ms is None else seconds_text(latest_ms)

    def read_valid_row(self, raw: bytes) -> tuple[str, str | int | None] | None:
        """Return the ``_id`` of a valid row as a JSON string with quotes, and its ``timestamp`` or None.

        Return None for a row that may be invalid or needs a conversion; ``RowChecker`` decides about such rows.

        Args:
            raw: The text of the row.
        """
        if raw.count(b":") > self._most_fields:
            return None
        try:
            if not raw.isascii():
                raw.decode()  # the decoder does not check the encoding of fields outside of the schema
            row = self._decode(raw)
        except _ERRORS:
            return None
        stamp = getattr(row, self._stamp) if self._stamp else UNSET
        if self._latest_ms is not None and isinstance(stamp, int) and stamp > self._latest_ms:
            return None
        if self._latest_ms is not None and isinstance(stamp, str) and stamp[:19] >= self._latest:
            return None
        if self._primary and not _has_primary(row, *self._primary):
            return None
        key = getattr(row, self._key) if self._key else UNSET
        text = '""' if key is UNSET else encode_basestring_ascii(key if isinstance(key, str) else key.text)
        return text, None if stamp is UNSET else stamp


def _primary_fields(resolved: JsonObject) -> tuple[str, str]:
    """Return the struct's names of ``identityMap`` and of its flag ``primary``; two empty texts if one is missing."""
    names = list(resolved.get("properties", {}))
    identities = resolved["properties"][IDENTITY_MAP] if IDENTITY_MAP in names else {}
    items = identities.get("additionalProperties", {}).get("items", {}).get("properties", {})
    if "primary" not in items:
        return "", ""
    return f"f{names.index(IDENTITY_MAP)}", f"f{list(items).index('primary')}"


def _has_primary(row: msgspec.Struct, identities: str, primary: str) -> bool:
    """Return whether a row has an identity whose flag ``primary`` is true.

    Args:
        row: The decoded row.
        identities: The name of the struct's field for ``identityMap``; empty if the schema has none.
        primary: The name of the field for ``primary`` in the struct of an identity.
    """
    held = getattr(row, identities) if identities else UNSET
    if held is UNSET:
        return False
    return any(getattr(each, primary) is True for listed in held.values() for each in listed)


def _hook(kind: type[_Checked], value: object) -> _Checked:
    """Validate a value for msgspec, and wrap it. Raises ValueError if it is invalid."""
    if not kind.is_valid(value):
        raise ValueError
    checked = kind()
    checked.text = value
    return checked


class _Types:
    """Builds msgspec types for the fields of a resolved XDM schema."""

    def __init__(self, known_only: bool) -> None:
        self._known_only = known_only

    def struct_type(self, field: JsonObject, name: str) -> FieldType:
        """Return a struct class for an object, whose fields are named ``f0``, ``f1`` and so on."""
        fields = field.get("properties", {})
        required = set(field.get("required", []))
        if not fields or required - set(fields):
            return self._checked({"not": {}})
        members: list[tuple[str, FieldType] | tuple[str, FieldType, object]] = []
        for number, (key, child) in enumerate(fields.items()):
            kind = self.type_of(child, f"{name}_{number}")
            optional = (f"f{number}", Union[kind, UnsetType], UNSET)  # noqa: UP007 - of generated types
            members.append((f"f{number}", kind) if key in required else optional)
        members.sort(key=len)
        return msgspec.defstruct(
            name,
            members,
            rename={f"f{number}": key for number, key in enumerate(fields)},
            namespace={} if required else {"__post_init__": _not_empty},
            forbid_unknown_fields=self._known_only,
            gc=False,
        )

    def type_of(self, field: JsonObject, name: str) -> FieldType:
        """Return the type for a field of any kind; ``name`` is a prefix for the names of structs."""
        kind = kind_of(field)
        if kind == "object":
            return self.struct_type(field, name)
        if kind == "map":
            values = self.type_of(field["additionalProperties"], name)
            return Annotated[dict[str, values], Meta(min_length=1)]  # type: ignore[valid-type]
        if kind == "array":
            return self._array(field, name)
        if kind in ("date", "date-time"):
            moments = Annotated[int, Meta(ge=EARLIEST_MS, le=LATEST_MS)]
            texts = Annotated[str, Meta(pattern=_DATE if kind == "date" else _DATE_TIME)]
            return Union[texts, moments]  # noqa: UP007 - of generated types
        return self._scalar(field, kind)

    def _array(self, field: JsonObject, name: str) -> FieldType:
        items = self.type_of(field.get("items", {}), name)
        if field.get("uniqueItems"):
            return self._checked({"not": {}})
        most = field.get("maxItems")
        least = max(1, field.get("minItems", 1))
        return Annotated[list[items], Meta(min_length=least, max_length=most)]  # type: ignore[valid-type]

    def _scalar(self, field: JsonObject, kind: str) -> FieldType:
        schema = scalar_schema(field)
        limits = set(schema) - {"type"}
        if kind == "string" and limits <= {"minLength", "maxLength"}:
            return Annotated[str, Meta(min_length=schema["minLength"], max_length=schema.get("maxLength"))]
        if kind == "string" and limits == {"minLength", "enum"} and all(map(_is_text, schema["enum"])):
            return Literal[tuple(schema["enum"])]
        if kind == "boolean" and not limits:
            return bool
        if kind in ("integer", "number") and limits <= set(_BOUNDS):
            bounds = {_BOUNDS[name]: schema[name] for name in limits}
            types = (int,) if kind == "integer" else (int, float)
            if all(type(bound) in types and abs(bound) <= _LARGEST for bound in bounds.values()):
                return Annotated[types[-1], Meta(**_narrow_bounds(bounds))]
        return self._checked(schema or {"not": {"type": "null"}})

    def _checked(self, schema: JsonObject) -> FieldType:
        """Return a type for constraints that msgspec cannot express, such as formats, patterns and enums of numbers."""
        return type("Checked", (_Checked,), {"is_valid": staticmethod(validator_of(schema).is_valid)})


def _narrow_bounds(bounds: JsonObject) -> JsonObject:
    """Return the bounds of a number with at most one for each side, because msgspec accepts no more.

    Of an inclusive and an exclusive bound for the same side, only the narrower one is returned.
    """
    for plain, exclusive, sign in (("ge", "gt", 1), ("le", "lt", -1)):
        if plain in bounds and exclusive in bounds:
            drop = plain if sign * bounds[exclusive] >= sign * bounds[plain] else exclusive
            bounds = {name: bound for name, bound in bounds.items() if name != drop}
    return bounds


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value)


def _not_empty(row: msgspec.Struct) -> None:
    """Raise ValueError if no field of a struct is set, because XDM has no empty objects."""
    for name in row.__struct_fields__:
        if getattr(row, name) is not UNSET:
            return
    raise ValueError
