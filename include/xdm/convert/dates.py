"""Convert texts to dates and instants: ISO 8601 in this module, other forms by DuckDB or Data Prep's date patterns."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from include.xdm.dataprep.functions.dates import date_or_none
from include.xdm.dataprep.functions.moments import write_moment

if TYPE_CHECKING:
    import duckdb

_SPACE = r"[\t\n\f\r ]*"
_DAY = re.compile(
    rf"{_SPACE}([0-9]{{4}})-([0-9]{{1,2}})-([0-9]{{1,2}})(?:[T ]00:00(?::00(?:\.0+)?)?Z?)?{_SPACE}"
)
_ISO = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
    r"(?:[T ]([01][0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9])(?:\.([0-9]{1,6}))?(Z|[+-](?:0[0-9]|1[0-4]):[0-5][0-9])?)?"
)
"""The common forms of ISO 8601, which every parser reads in the same way."""
_MOMENT = re.compile(rf"{_SPACE}[0-9]{{4}}-[0-9]{{1,2}}-[0-9]{{1,2}}(?:[T ][^(]*)?", re.DOTALL)
"""Texts that DuckDB may parse; others that it accepts, 'infinity', 'epoch' and years before Christ, are excluded."""
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_LATEST_MS = 253_402_300_799_000
"""9999-12-31T23:59:59Z"""
_EARLIEST_MS = -62_135_596_800_000
_LONGEST = 64


def parse_day(text: str) -> date | None:
    """Parse a text as a date; return None for other texts, and for a time of day other than midnight."""
    return _day_cached(text) if len(text) <= _LONGEST else None


def parse_milliseconds(text: str) -> int | None:
    """Parse a text as an instant, in UTC if it has no zone; return milliseconds since 1970, rounded down, or None."""
    return _instant_cached(text) if len(text) <= _LONGEST else None


def parse_iso_milliseconds(text: str | None) -> int | None:
    """Parse a text in a common form of ISO 8601 as an instant; return milliseconds since 1970, or None for others."""
    return None if text is None else _iso(text)


def parse_by_duckdb(texts: Iterable[str]) -> None:
    """Parse all texts that need DuckDB with one query, and cache the results for ``parse_milliseconds``."""
    odd = [
        t
        for t in dict.fromkeys(texts)
        if len(t) <= _LONGEST and not _ISO.fullmatch(t) and _MOMENT.fullmatch(t)
    ]
    unknown = [text for text in odd if text not in _cast]
    if unknown:
        if len(_cast) + len(unknown) > _MOST_CAST:
            _cast.clear()
        _cast.update(zip(unknown, _by_duckdb(unknown), strict=True))


_MOST_CAST = 200_000
_cast: dict[str, int | None] = {}


@lru_cache(65_536)
def _day_cached(text: str) -> date | None:
    found = _plain_day(text)
    if found is None and (guessed := _guess_milliseconds(text)) is not None:
        found = _plain_day(guessed)
    return found


def _plain_day(text: str) -> date | None:
    match = _DAY.fullmatch(text)
    try:
        return date(*map(int, match.groups())) if match else None
    except ValueError:
        return None


@lru_cache(65_536)
def _instant_cached(text: str) -> int | None:
    found = _iso(text)
    if found is None and not _ISO.fullmatch(text) and _MOMENT.fullmatch(text):
        if text not in _cast:
            parse_by_duckdb([text])
        found = _cast[text]
    if found is None and (guessed := _guess_milliseconds(text)) is not None:
        found = _iso(guessed)
    return found


def _iso(text: str) -> int | None:
    match = _ISO.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    try:
        days = date(int(year), int(month), int(day)).toordinal() - _EPOCH_DAY
    except ValueError:
        return None
    seconds = days * 86_400
    if hour is not None:
        seconds += int(hour) * 3600 + int(minute) * 60 + int(second)
        if zone not in (None, "Z"):
            offset = int(zone[1:3]) * 3600 + int(zone[4:6]) * 60
            seconds += offset if zone[0] == "-" else -offset
    digits = (fraction or "").ljust(6, "0")
    if not seconds * 1000 >= _EARLIEST_MS or (seconds * 1000, int(digits)) > (_LATEST_MS, 0):
        return None
    return seconds * 1000 + int(digits[:3])


def _guess_milliseconds(text: str) -> str | None:
    try:
        guessed = date_or_none(text)
        return None if guessed is None else write_moment(guessed)
    except (ValueError, OverflowError, ZeroDivisionError):
        return None


@cache
def _connection() -> duckdb.DuckDBPyConnection:
    import duckdb

    return duckdb.connect(
        ":memory:", config={"TimeZone": "UTC", "threads": 1, "autoinstall_known_extensions": False}
    )


def _by_duckdb(texts: list[str]) -> list[int | None]:
    import pyarrow as pa

    db = _connection()
    db.register("odd_moments", pa.table({"n": range(len(texts)), "t": texts}))
    moment = "TRY_CAST(t AS TIMESTAMPTZ)"
    within = f"{moment} BETWEEN TIMESTAMPTZ '0001-01-01 00:00:00+00' AND TIMESTAMPTZ '9999-12-31 23:59:59+00'"
    query = f"SELECT CASE WHEN {within} THEN epoch_ms(date_trunc('millisecond', {moment})) END FROM odd_moments ORDER BY n"  # noqa: S608
    found = [value for (value,) in db.execute(query).fetchall()]
    db.unregister("odd_moments")
    return found
