"""Parse texts to instants by Java's date patterns."""

from __future__ import annotations

import calendar
import re
from datetime import datetime, timedelta
from functools import lru_cache

from include.xdm.dataprep.functions.java_dates.patterns import Part, pattern_parts
from include.xdm.dataprep.functions.moments import valid_wall_time
from include.xdm.dataprep.functions.zones import ABBREVIATIONS, zone_named
from include.xdm.dataprep.language.errors import Failure

_ABBREVIATED = "|".join(sorted(ABBREVIATIONS, key=len, reverse=True))
_ZONE = rf"(?:[A-Za-z]+(?:/[A-Za-z0-9_+-]+)+|(?:UTC|GMT)[+-]\d{{1,2}}(?::\d{{2}})?|{_ABBREVIATED})"
_MONTHS, _DAYS = list(calendar.month_name), list(calendar.day_name)
_DIGITS = {"d", "D", "H", "k", "K", "h", "m", "s"}


def parse_date(text: str, pattern: str) -> datetime:
    """Parse a text as an instant by a Java date pattern; the defaults are January 1, midnight and UTC.

    Raises:
        ValueError: the text does not fit, or is not a day of the calendar.
    """
    expression, letters = pattern_regex(pattern)
    match = expression.fullmatch(text)
    if match is None:
        raise Failure("the date does not fit its pattern")
    fields: dict[str, str] = {}
    for part, value in zip(letters, match.groups(), strict=True):
        fields[{"L": "M"}.get(part.letter, part.letter)] = value
    place = next((fields[letter] for letter in "XxZzVO" if letter in fields), "UTC")
    where = zone_named(place.upper() if place.upper() in ("Z", "GMT") else place)
    moment = datetime(_year(fields), _month(fields), int(fields.get("d", 1)), _hour(fields), int(fields.get("m", 0)),
                      int(fields.get("s", 0)), int(fields.get("S", "0").ljust(6, "0")[:6]), where)  # fmt: skip
    if "D" in fields:
        moment = moment.replace(month=1, day=1) + timedelta(days=int(fields["D"]) - 1)
    return valid_wall_time(moment)


@lru_cache(256)
def pattern_regex(pattern: str) -> tuple[re.Pattern[str], tuple[Part, ...]]:
    """Return a regular expression with one group for each letter of a Java date pattern, and the letters.

    Raises:
        ValueError: the pattern is invalid, or has a letter that does not describe the instant.
    """
    expression, groups = "", []
    for part in pattern_parts(pattern):
        if not part.letter:
            expression += re.escape(part.text)
            continue
        expression += f"((?i:{_readable(part)}))"
        groups.append(part)
    if all(part.letter != "y" for part in groups):
        raise ValueError("a date cannot be read without a year (y)")
    return re.compile(expression, re.ASCII), tuple(groups)


def _readable(part: Part) -> str:
    letter, count = part.letter, part.times
    if letter == "y":
        return {1: r"\d{1,4}", 2: r"\d{2}"}.get(count, rf"\d{{{count}}}")
    if letter in "ML":
        names = {3: [name[:3] for name in _MONTHS[1:]], 4: _MONTHS[1:]}.get(count)
        return "|".join(names) if names else r"\d{1,2}" if count == 1 else rf"\d{{{count}}}"
    if letter in _DIGITS:
        return r"\d{1,3}" if letter == "D" and count == 1 else r"\d{1,2}" if count == 1 else rf"\d{{{count}}}"
    if letter == "E":
        return "|".join([*_DAYS, *(day[:3] for day in _DAYS)])
    if letter == "Z" and count < 4:
        return r"[+-]\d{4}"
    short = {1: r"[+-]\d{2}(?:\d{2})?", 2: r"[+-]\d{4}", 3: r"[+-]\d{2}:\d{2}"}
    offset = short.get(count, r"[+-]\d{2}:?\d{2}")
    fixed = {
        "S": rf"\d{{{min(count, 9)}}}",
        "a": "AM|PM",
        "G": "AD|Anno Domini",
        "x": offset,
        "X": f"Z|{offset}",
        "Z": r"Z|(?:GMT)?[+-]\d{2}:?\d{2}|GMT",
        "O": r"GMT(?:[+-]\d{1,2}(?::\d{2})?)?",
        "z": rf"{_ZONE}|Z|[+-]\d{{2}}(?::?\d{{2}})?",
    }
    fixed["V"] = fixed["z"]
    if letter not in fixed:
        raise ValueError(f"{letter!r} can be written but not read")
    return fixed[letter]


def _year(fields: dict[str, str]) -> int:
    year = fields["y"]
    return 2000 + int(year) if len(year) == 2 else int(year)


def _month(fields: dict[str, str]) -> int:
    month = fields.get("M", "1")
    names = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
    return int(month) if month.isdigit() else names.index(month[:3].lower()) + 1


def _hour(fields: dict[str, str]) -> int:
    if "H" in fields:
        return int(fields["H"])
    if "k" in fields:
        return int(fields["k"]) % 24
    hour = fields.get("h", fields.get("K"))
    if hour is None:
        return 0
    if int(hour) > 12:
        raise Failure("the hour is above 12")
    return int(hour) % 12 + (12 if fields.get("a", "AM").upper() == "PM" else 0)
