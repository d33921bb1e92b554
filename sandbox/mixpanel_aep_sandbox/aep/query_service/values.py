"""Conversion of values between DuckDB and PostgreSQL's protocol: type OIDs, text forms and binary forms."""

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


def oid_of_type(kind: str) -> int:
    """Return PostgreSQL's type OID for DuckDB's type name; structs, lists and maps are texts."""
    return NUMERIC if kind.startswith("DECIMAL") else _TYPES.get(kind, TEXT)


def byte_size(oid: int) -> int:
    """Return the size of a value of this type in bytes, or -1 if the size varies."""
    return _SIZES.get(oid, -1)


def encode_text(value: Any, oid: int) -> bytes | None:
    """Encode a Python value in PostgreSQL's text form for the type OID; return None for NULL."""
    if value is None:
        return None
    if oid == BOOL:
        return b"t" if value else b"f"
    if oid == BYTEA:
        return b"\\x" + bytes(value).hex().encode()
    if oid in (TIMESTAMP, TIMESTAMPTZ):
        return _format_time(value, oid).encode()
    return _format(value).encode()


def _format_time(value: datetime, oid: int) -> str:
    text = value.astimezone(UTC) if value.tzinfo else value
    return text.replace(tzinfo=None).isoformat(" ") + ("+00" if oid == TIMESTAMPTZ else "")


def _format(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return "(" + ",".join(_format_member(each, "(),", null="") for each in value.values()) + ")"
    if isinstance(value, (list, tuple)):
        return "{" + ",".join(_format_member(each, "{},", null="NULL") for each in value) + "}"
    if isinstance(value, bool):
        return "t" if value else "f"
    return str(value)


def _format_member(value: object, special: str, *, null: str) -> str:
    """Return a member of a struct or list as text, in quotes if it contains special characters.

    An example of a struct is ``(4816,"(ECID)",true)`` (EP:query-service/best-practices/writing-queries.md); lists have
    PostgreSQL's form (assumed [I]).

    Args:
        value: The member.
        special: The characters that have a meaning in the struct or list.
        null: The text for NULL.
    """
    if value is None:
        return null
    text = json.dumps(value) if isinstance(value, bool) else _format(value)
    if text and not any(letter in special + '"\\ \t\n' for letter in text) and text.upper() != "NULL":
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def encode_binary(value: Any, oid: int) -> bytes | None:
    """Encode a Python value in PostgreSQL's binary form for the type OID; return None for NULL."""
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
    return _encode_numeric(Decimal(value)) if oid == NUMERIC else _format(value).encode()


_MICROSECOND = datetime(2000, 1, 1, 0, 0, 0, 1, tzinfo=UTC) - _EPOCH


def _encode_numeric(value: Decimal) -> bytes:
    """Encode a number in the binary form of PostgreSQL's ``numeric``: a header, then groups of four decimal digits."""
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


def decode_to_literal(data: bytes | None, oid: int, *, binary: bool) -> str:
    """Convert a parameter, in PostgreSQL's binary or text form, to an SQL literal; None is converted to NULL.

    Args:
        data: The parameter.
        oid: The type OID; 0 if the client did not specify it.
        binary: Whether it is in binary form.

    Raises:
        ValueError, ArithmeticError: it does not match its type, or the binary form of the type is not supported.
    """
    if data is None:
        return "NULL"
    value = _decode(data, oid) if binary else data.decode()
    if oid in (INT2, INT4, INT8, FLOAT4, FLOAT8, NUMERIC):
        Decimal(value)  # only numbers are written without quotes
        return f"({value})"
    if oid == BOOL:
        return "true" if value.lower() in ("t", "true", "1") else "false"
    quoted = "'" + value.replace("'", "''") + "'"
    kinds = {DATE: "DATE", TIMESTAMP: "TIMESTAMP", TIMESTAMPTZ: "TIMESTAMPTZ"}
    return f"CAST({quoted} AS {kinds[oid]})" if oid in kinds else quoted


def _decode(data: bytes, oid: int) -> str:
    """Convert a value from PostgreSQL's binary form to its text form."""
    if oid in (0, TEXT, VARCHAR):
        return data.decode()
    try:
        return _decode_number(data, oid)
    except struct.error as error:
        raise ValueError("the value has a wrong length for its type") from error


def _decode_number(data: bytes, oid: int) -> str:
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
        return _decode_numeric(data)
    raise ValueError("the binary form of this type is not supported")


def _decode_numeric(data: bytes) -> str:
    count, weight, sign, scale = struct.unpack_from("!HhHH", data)
    groups = struct.unpack_from(f"!{count}H", data, 8)
    if sign not in (0, 0x4000):
        raise ValueError("not a finite number")
    value = sum((Decimal(group).scaleb(4 * (weight - at)) for at, group in enumerate(groups)), Decimal(0))
    return f"{-value if sign else value:.{scale}f}"
