"""Parsing of dates by Java's patterns, in one pass: each part of the pattern consumes as much text as it can."""

from __future__ import annotations

import re
from datetime import UTC, datetime, tzinfo

from mixpanel_aep_sandbox.aep.dataprep.functions.java_dates.names import DAYS, MONTHS, QUARTERS
from mixpanel_aep_sandbox.aep.dataprep.functions.java_dates.patterns import Part, pattern_parts
from mixpanel_aep_sandbox.aep.dataprep.functions.moments import ZonedDateTime
from mixpanel_aep_sandbox.aep.dataprep.functions.zones import zone_named
from mixpanel_aep_sandbox.aep.dataprep.language.errors import EvaluationError

_DIGITS = re.compile(r"[0-9]*")
_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_/+:-]*|[+-][0-9:]{2,8}")
_OFFSETS = {
    "X": r"Z|[+-][0-9]{2}(?:[0-9]{2})?",
    "XX": r"Z|[+-][0-9]{4}",
    "XXX": r"Z|[+-][0-9]{2}:[0-9]{2}",
    "XXXX": r"Z|[+-][0-9]{4}(?:[0-9]{2})?",
    "XXXXX": r"Z|[+-][0-9]{2}:[0-9]{2}(?::[0-9]{2})?",
}


def parse_date(text: str, pattern: str, default_zone: tzinfo = UTC) -> ZonedDateTime:
    """Parse a text by a date pattern of Java. A month or day that is not in the pattern is 1, a clock time is 0.

    Args:
        text: The text; the pattern must match all of it.
        pattern: Letters of Java's ``DateTimeFormatter``.
        default_zone: The zone of a time whose pattern has no zone or offset.

    Returns:
        The time; a clock time that the zone skips is moved forward by the length of the gap.

    Raises:
        EvaluationError: The text does not match the pattern, or is not a valid date.
    """
    parts = pattern_parts(pattern)
    found: dict[str, int | tzinfo] = {}
    at = 0
    for position, part in enumerate(parts):
        end = _take(text, at, part, _reserved_digits(parts, position), found)
        if end is None:
            raise EvaluationError(f"The text is not a date in the format {pattern!r}.")
        at = end
    if at != len(text):
        raise EvaluationError(f"The text is not a date in the format {pattern!r}.")
    try:
        return _resolve(found, default_zone)
    except (ValueError, OverflowError) as error:
        raise EvaluationError(f"The text has the format {pattern!r} but is not a valid date.") from error


def _reserved_digits(parts: tuple[Part, ...], position: int) -> int:
    """Return how many digits the fixed-width numbers directly after a part need: 4 after ``yyyy`` in ``yyyyMMdd``."""
    reserved = 0
    for part in parts[position + 1 :]:
        if not part.is_fixed:
            break
        reserved += part.count
    return reserved


def _take(text: str, at: int, part: Part, reserved: int, found: dict[str, int | tzinfo]) -> int | None:
    """Parse the text at an index by one part of a pattern, and store the result by the part's letter.

    Args:
        text: The text.
        at: The index.
        part: The part of the pattern.
        reserved: How many digits the following parts need.
        found: The parsed numbers and the zone, to which the result is added.

    Returns:
        The index after the parsed text, or None if the text does not match.
    """
    if not part.letter:
        return at + len(part.text) if text.startswith(part.text, at) else None
    if part.is_numeric:
        return _take_number(text, at, part, reserved, found)
    if part.letter in "XxZVzO":
        return _take_zone(text, at, part, found)
    for number, name in enumerate(_names(part), 1):
        if text[at : at + len(name)].casefold() == name.casefold():
            found[{"L": "M", "q": "Q"}.get(part.letter, part.letter)] = number
            return at + len(name)
    return None


def _names(part: Part) -> tuple[str, ...]:
    """Return the names that a part accepts, in the order of their numbers from 1."""
    names = {"M": MONTHS, "L": MONTHS, "E": DAYS, "a": ("AM", "PM"), "G": ("AD",)}.get(part.letter)
    if names is None:
        return QUARTERS if part.count == 4 else ("Q1", "Q2", "Q3", "Q4")
    return tuple(name[:3] for name in names) if part.count <= 3 else names


def _take_number(text: str, at: int, part: Part, reserved: int, found: dict[str, int | tzinfo]) -> int | None:
    """Parse a number as ``_take`` does, but leave the last ``reserved`` digits for the following parts."""
    match = _DIGITS.match(text, at)
    assert match is not None
    if part.is_fixed:
        digits = match[0][: part.count]
        if len(digits) < part.count:
            return None
    else:
        widest = part.count if part.letter in "Yy" and part.count >= 4 else 9
        digits = match[0][: max(min(len(match[0]) - reserved, widest), 0)]
        if len(digits) < part.count:
            return None
    if part.letter == "S":
        found["S"] = int(digits[:9].ljust(9, "0"))
    elif part.letter in "Yy" and part.count == 2:
        found[part.letter] = 2000 + int(digits)
    else:
        found[{"L": "M", "q": "Q"}.get(part.letter, part.letter)] = int(digits)
    return at + len(digits)


def _take_zone(text: str, at: int, part: Part, found: dict[str, int | tzinfo]) -> int | None:
    """Parse a zone or offset as ``_take`` does."""
    shape = _ZONE
    if part.letter in "Xx":
        shape = re.compile(_OFFSETS["X" * min(part.count, 5)])
    elif part.letter == "Z" and part.count != 4:
        shape = re.compile(r"[+-][0-9]{4}" if part.count < 4 else _OFFSETS["XXXXX"])
    match = shape.match(text, at)
    if match is None or (part.letter == "x" and match[0] == "Z"):
        return None
    found["zone"] = zone_named(match[0])
    return match.end()


def _resolve(found: dict[str, int | tzinfo], default_zone: tzinfo) -> ZonedDateTime:
    """Combine the parsed numbers and the zone, by their letters in the pattern, to a time.

    Raises:
        ValueError: they are not a valid date.
    """
    zone = found.pop("zone", default_zone)
    assert isinstance(zone, tzinfo)
    numbers = {letter: number for letter, number in found.items() if isinstance(number, int)}
    year, month, day = _day(numbers)
    moment = datetime(year, month, day, _hour(numbers), numbers.get("m", 0), numbers.get("s", 0), tzinfo=zone)
    # The conversion to UTC and back moves a clock time that the zone skips forward by the length of the gap.
    return ZonedDateTime(moment.astimezone(UTC).astimezone(zone), numbers.get("S", 0))


def _day(numbers: dict[str, int]) -> tuple[int, int, int]:
    """Return year, month and day from the parsed numbers, by their letters in the pattern.

    Raises:
        ValueError: the year is missing, or the date does not exist.
    """
    if "y" not in numbers and "Y" in numbers and not numbers.keys() & {"M", "d", "D"}:
        week_day = numbers.get("u", numbers.get("E", 1))
        monday = datetime.fromisocalendar(numbers["Y"], numbers.get("w", 1), week_day)
        return monday.year, monday.month, monday.day
    if "y" not in numbers:
        raise ValueError("no year")
    if "D" in numbers:
        ordinal = datetime(numbers["y"], 1, 1).toordinal() + numbers["D"] - 1  # noqa: DTZ001 - a day, not a time
        date = datetime.fromordinal(ordinal)
        if date.year != numbers["y"] or numbers["D"] < 1:
            raise ValueError("day of the year is out of range")
        return date.year, date.month, date.day
    month = numbers.get("M", (numbers.get("Q", 1) - 1) * 3 + 1)
    return numbers["y"], month, numbers.get("d", 1)


def _hour(numbers: dict[str, int]) -> int:
    """Return the hour, 0 to 23, from the parsed numbers, by their letters in the pattern."""
    if "H" in numbers:
        return numbers["H"]
    if "k" in numbers:
        return _require_in_range(numbers["k"], 1, 24) % 24
    if "h" in numbers or "K" in numbers:
        hour = (
            _require_in_range(numbers["h"], 1, 12) % 12
            if "h" in numbers
            else _require_in_range(numbers["K"], 0, 11)
        )
        return hour + 12 * (numbers.get("a") == 2)
    return 0


def _require_in_range(number: int, least: int, most: int) -> int:
    if not least <= number <= most:
        raise ValueError("hour is out of range")
    return number
