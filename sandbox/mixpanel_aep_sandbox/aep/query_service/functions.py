"""Functions of Spark SQL that DuckDB does not have, or defines differently.

Source: EP:query-service/sql/spark-sql-functions.md.
"""

from __future__ import annotations

import hashlib
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb


_TWO_TO_64 = 1 << 64
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_SHA2 = {0: "sha256", 224: "sha224", 256: "sha256", 384: "sha384", 512: "sha512"}
_MACROS = (
    "substr(s, p) AS substring(s::VARCHAR, CASE WHEN p = 0 THEN 1 ELSE p END),"
    " (s, p, l) AS substring(s::VARCHAR, CASE WHEN p = 0 THEN 1 ELSE p END, greatest(l, 0))",
    # The most frequent conversion in pure SQL, which is a hundred times as fast as the Python function.
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
    """Convert a number in text form from one base to another, as Spark's ``conv`` does.

    The leading valid digits are read as an unsigned 64-bit number. With a negative ``to_base``, the result is signed.
    Return None for a null or empty argument, or a base outside of 2 to 36.
    """
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
        value = min(value * abs(from_base) + place, _TWO_TO_64 - 1)
    if negative:
        value = -value % _TWO_TO_64
    if to_base < 0 and value >= _TWO_TO_64 // 2:
        return "-" + _write_number(_TWO_TO_64 - value, -to_base)
    return _write_number(value, abs(to_base))


def _write_number(value: int, base: int) -> str:
    """Return the digits of a non-negative number in a base, in upper case."""
    digits = ""
    while value:
        value, place = divmod(value, base)
        digits = _DIGITS[place] + digits
    return digits or "0"


def sha2(data: bytes | None, bits: int | None) -> str | None:
    """Return a SHA-2 digest in lower-case hexadecimal, as Spark's ``sha2`` does.

    Args:
        data: The bytes; None for null.
        bits: The length of the digest: 224, 256, 384, 512, or 0 for 256.

    Returns:
        The digest, or None for another length or a null argument.
    """
    name = None if bits is None else _SHA2.get(bits)
    return hashlib.new(name, data).hexdigest() if name and data is not None else None


def crc32(data: bytes) -> int:
    """Return the CRC-32 checksum of the bytes as an unsigned integer, as Spark's ``crc32`` does."""
    return zlib.crc32(data)


def add_functions(connection: duckdb.DuckDBPyConnection) -> None:
    """Register Spark's functions in a DuckDB connection."""
    # With null_handling="special", a function also receives NULL and may return NULL.
    for name, function, types in (
        ("spark_conv", conv, ["VARCHAR", "INTEGER", "INTEGER"]),
        ("spark_sha2", sha2, ["BLOB", "INTEGER"]),
    ):
        connection.create_function(name, function, types, "VARCHAR", null_handling="special")
    connection.create_function("spark_crc32", crc32, ["BLOB"], "BIGINT")
    for macro in _MACROS:
        connection.execute(f"CREATE MACRO {macro}")
