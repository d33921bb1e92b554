"""Conversion of DuckDB's values for PostgreSQL clients: type numbers, texts, and the common binary forms."""

from __future__ import annotations

import json
import struct
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

BOOL, BYTEA, INT8, INT2, INT4, TEXT, FLOAT4, FLOAT8 = 16, 17, 20, 21, 23, 25, 700, 701
VARCHAR, DATE, TIMESTAMP, TIMESTAMPTZ, NUMERIC = 1043, 1082, 1114, 1184, 1700
_TYPES = {
    "BOOLEAN": BOOL,
    "TINYINT": INT2,
    "SMALLINT": INT2,
    "INTEGER": INT4,
    "BIGINT": INT8,
    "UTINYINT": INT2,
    "USMALLINT": INT4,
    "UINTEGER": INT8,
    "UBIGINT": NUMERIC,
    "HUGEINT": NUMERIC,
    "UHUGEINT": NUMERIC,
    "FLOAT": FLOAT4,
    "DOUBLE": FLOAT8,
    "DATE": DATE,
    "TIMESTAMP": TIMESTAMP,
    "TIMESTAMP_S": TIMESTAMP,
    "TIMESTAMP_MS": TIMESTAMP,
    "TIMESTAMP_NS": TIMESTAMP,
    "TIMESTAMP WITH TIME ZONE": TIMESTAMPTZ,
    "BLOB": BYTEA,
}
_SIZES = {BOOL: 1, INT2: 2, INT4: 4, INT8: 8, FLOAT4: 4, FLOAT8: 8, DATE: 4, TIMESTAMP: 8, TIMESTAMPTZ: 8}
_FORMATS = {INT2: "!h", INT4: "!i", INT8: "!q", FLOAT4: "!f", FLOAT8: "!d"}
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


def type_of(kind: str) -> int:
    """Return the number of the type; structs, lists and maps are shown as text."""
    return NUMERIC if kind.startswith("DECIMAL") else _TYPES.get(kind, TEXT)


def size_of(oid: int) -> int:
    """Return the number of bytes of a value, -1 if it varies."""
    return _SIZES.get(oid, -1)


def as_text(value: Any, oid: int) -> bytes | None:
    """Return a value in text form, None for NULL."""
    if value is None:
        return None
    if oid == BOOL:
        return b"t" if value else b"f"
    if oid == BYTEA:
        return b"\\x" + bytes(value).hex().encode()
    if oid in (TIMESTAMP, TIMESTAMPTZ):
        return _moment(value, oid).encode()
    return _plain(value).encode()


def _moment(value: datetime, oid: int) -> str:
    text = value.astimezone(UTC) if value.tzinfo else value
    return text.replace(tzinfo=None).isoformat(" ") + ("+00" if oid == TIMESTAMPTZ else "")


def _plain(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return "(" + ",".join(_part(each, "(),", null="") for each in value.values()) + ")"
    if isinstance(value, (list, tuple)):
        return "{" + ",".join(_part(each, "{},", null="NULL") for each in value) + "}"
    if isinstance(value, bool):
        return "t" if value else "f"
    return str(value)


def _part(value: object, special: str, *, null: str) -> str:
    """Return a member of a struct or list, in quotes if it would be ambiguous.

    Structs look like ``(4816,"(ECID)",true)`` (EP:query-service/best-practices/writing-queries.md); lists as in
    PostgreSQL [I].
    """
    if value is None:
        return null
    text = json.dumps(value) if isinstance(value, bool) else _plain(value)
    if text and not any(letter in special + '"\\ \t\n' for letter in text) and text.upper() != "NULL":
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def as_binary(value: Any, oid: int) -> bytes | None:
    """Return a value in binary form, None for NULL."""
    if value is None:
        return None
    if oid in _FORMATS:
        return struct.pack(_FORMATS[oid], value)
    if oid == BOOL:
        return b"\x01" if value else b"\x00"
    if oid == BYTEA:
        return bytes(value)
    if oid == DATE:
        return struct.pack("!i", (value - _EPOCH.date()).days)
    if oid in (TIMESTAMP, TIMESTAMPTZ):
        aware = value if value.tzinfo else value.replace(tzinfo=UTC)
        return struct.pack("!q", (aware - _EPOCH) // _MICROSECOND)
    return _numeric(Decimal(value)) if oid == NUMERIC else _plain(value).encode()


_MICROSECOND = datetime(2000, 1, 1, 0, 0, 0, 1, tzinfo=UTC) - _EPOCH


def _numeric(value: Decimal) -> bytes:
    """Return PostgreSQL's numeric: groups of four decimal digits around the point."""
    sign, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int):
        return struct.pack("!HhHH", 0, 0, 0xC000, 0)  # NaN
    scale = max(0, -exponent)
    text = "".join(map(str, digits)) + "0" * max(0, exponent)
    whole, part = (text[: len(text) - scale], text[len(text) - scale :]) if scale else (text, "")
    part = part.rjust(scale, "0")
    whole = whole.rjust(-(-len(whole) // 4) * 4, "0")
    part = part.ljust(-(-len(part) // 4) * 4, "0")
    groups = [int((whole + part)[at : at + 4]) for at in range(0, len(whole + part), 4)]
    weight = len(whole) // 4 - 1
    while groups and groups[0] == 0:
        groups.pop(0)
        weight -= 1
    while groups and groups[-1] == 0:
        groups.pop()
    weight = weight if groups else 0
    return struct.pack(f"!HhHH{len(groups)}H", len(groups), weight, 0x4000 if sign else 0, scale, *groups)


def literal_of(data: bytes | None, oid: int, *, binary: bool) -> str:
    """Return a bound parameter as SQL: numbers bare, other values as texts whose type the context determines.

    Raises ValueError for a value that does not match its type, or an unknown binary form.
    """
    if data is None:
        return "NULL"
    value = _read(data, oid) if binary else data.decode()
    if oid in (INT2, INT4, INT8, FLOAT4, FLOAT8, NUMERIC):
        Decimal(value)  # only numbers are written without quotes
        return f"({value})"
    if oid == BOOL:
        return "true" if value.lower() in ("t", "true", "1") else "false"
    quoted = "'" + value.replace("'", "''") + "'"
    kinds = {DATE: "DATE", TIMESTAMP: "TIMESTAMP", TIMESTAMPTZ: "TIMESTAMPTZ"}
    return f"CAST({quoted} AS {kinds[oid]})" if oid in kinds else quoted


def _read(data: bytes, oid: int) -> str:
    if oid in (0, TEXT, VARCHAR):
        return data.decode()
    try:
        return _read_number(data, oid)
    except struct.error as error:
        raise ValueError("a value of another length") from error


def _read_number(data: bytes, oid: int) -> str:
    if oid in _FORMATS:
        return str(struct.unpack(_FORMATS[oid], data)[0])
    if oid == BOOL:
        return "t" if data == b"\x01" else "f"
    if oid == DATE:
        days = int(struct.unpack("!i", data)[0])
        return date.fromordinal(_EPOCH.toordinal() + days).isoformat()
    if oid in (TIMESTAMP, TIMESTAMPTZ):
        moment: datetime = _EPOCH + int(struct.unpack("!q", data)[0]) * _MICROSECOND
        return moment.isoformat() if oid == TIMESTAMPTZ else moment.replace(tzinfo=None).isoformat(" ")
    if oid == NUMERIC:
        return _read_numeric(data)
    raise ValueError("a binary form that is not known")


def _read_numeric(data: bytes) -> str:
    count, weight, sign, scale = struct.unpack_from("!HhHH", data)
    groups = struct.unpack_from(f"!{count}H", data, 8)
    if sign not in (0, 0x4000):
        raise ValueError("not a finite number")
    value = sum((Decimal(group).scaleb(4 * (weight - at)) for at, group in enumerate(groups)), Decimal(0))
    return f"{-value if sign else value:.{scale}f}"
