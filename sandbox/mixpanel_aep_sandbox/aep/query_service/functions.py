"""Functions of Spark SQL that DuckDB lacks or defines differently (EP:query-service/sql/spark-sql-functions.md)."""

from __future__ import annotations

import hashlib
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb


_WORD = 1 << 64
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_SHA2 = {0: "sha256", 224: "sha224", 256: "sha256", 384: "sha384", 512: "sha512"}
_MACROS = (
    "substr(s, p) AS substring(s::VARCHAR, CASE WHEN p = 0 THEN 1 ELSE p END),"
    " (s, p, l) AS substring(s::VARCHAR, CASE WHEN p = 0 THEN 1 ELSE p END, greatest(l, 0))",
    # The usual conversion without Python, which would take a hundred times as long.
    "conv(n, f, t) AS CASE WHEN f = 16 AND t = 10 AND regexp_full_match(n::VARCHAR, '[0-9A-Fa-f]{1,16}')"
    " THEN (('0x' || n::VARCHAR)::UBIGINT)::VARCHAR ELSE spark_conv(n::VARCHAR, f::INTEGER, t::INTEGER) END",
    "sha2(s, bits) AS spark_sha2(encode(s::VARCHAR), bits::INTEGER)",
    "crc32(s) AS spark_crc32(encode(s::VARCHAR))",
    "collect_set(x) AS list(DISTINCT x) FILTER (WHERE x IS NOT NULL)",
    "collect_list(x) AS list(x) FILTER (WHERE x IS NOT NULL)",
    "to_timestamp(s) AS CAST(s AS TIMESTAMP)",
    "from_utc_timestamp(ts, zone) AS (CAST(ts AS TIMESTAMP) AT TIME ZONE 'UTC') AT TIME ZONE zone",
    "to_utc_timestamp(ts, zone) AS (CAST(ts AS TIMESTAMP) AT TIME ZONE zone) AT TIME ZONE 'UTC'",
)


def conv(number: str | None, from_base: int | None, to_base: int | None) -> str | None:
    """Return Spark's ``conv``: the leading digits, as an unsigned number of 64 bits; negative bases are signed."""
    if number is None or from_base is None or to_base is None:
        return None
    text = number.strip(" ")
    low, high = 2, 36
    if not text or not low <= abs(from_base) <= high or not low <= abs(to_base) <= high:
        return None
    negative = text.startswith("-")
    value = 0
    for digit in text[negative:].upper():
        place = _DIGITS.find(digit)
        if not 0 <= place < abs(from_base):
            break
        value = min(value * abs(from_base) + place, _WORD - 1)
    if negative:
        value = -value % _WORD
    if to_base < 0 and value >= _WORD // 2:
        return "-" + _write_number(_WORD - value, -to_base)
    return _write_number(value, abs(to_base))


def _write_number(value: int, base: int) -> str:
    digits = ""
    while value:
        value, place = divmod(value, base)
        digits = _DIGITS[place] + digits
    return digits or "0"


def sha2(data: bytes | None, bits: int | None) -> str | None:
    """Return Spark's ``sha2``: lower-case hex; None for an unknown length."""
    name = None if bits is None else _SHA2.get(bits)
    return hashlib.new(name, data).hexdigest() if name and data is not None else None


def crc32(data: bytes) -> int:
    """Return the CRC-32 checksum."""
    return zlib.crc32(data)


def add_functions(connection: duckdb.DuckDBPyConnection) -> None:
    """Add the functions to a connection of DuckDB."""
    # "special": they also receive NULL, and may return it.
    for name, function, types in (
        ("spark_conv", conv, ["VARCHAR", "INTEGER", "INTEGER"]),
        ("spark_sha2", sha2, ["BLOB", "INTEGER"]),
    ):
        connection.create_function(name, function, types, "VARCHAR", null_handling="special")
    connection.create_function("spark_crc32", crc32, ["BLOB"], "BIGINT")
    for macro in _MACROS:
        connection.execute(f"CREATE MACRO {macro}")
