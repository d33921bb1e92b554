"""Validates the cron expressions in pipeline files, because Airflow does not load a DAG file with an invalid one."""

from __future__ import annotations

import re

_FIELDS = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of the month", 1, 31, ()),
    ("month", 1, 12, ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")),
    ("day of the week", 0, 7, ("sun", "mon", "tue", "wed", "thu", "fri", "sat")),
)
_PART = re.compile(r"(?:\*|(?P<first>\w+)(?:-(?P<last>\w+))?)(?:/(?P<step>[1-9]\d?))?", re.ASCII)


_MONTH_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def normalize_cron(text: str) -> str:
    """Return a valid cron expression of five fields with one space between the fields.

    Raises:
        ValueError: a field is invalid, or the expression has only dates that do not exist, such as 30 February.
    """
    fields = text.split()
    if len(fields) != len(_FIELDS):
        raise ValueError("a schedule is a cron expression of five fields such as '0 12 * * 0'")
    for field, (name, low, high, names) in zip(fields, _FIELDS, strict=True):
        if not all(_is_valid_part(part, low, high, names) for part in field.split(",")):
            raise ValueError(f"{field!r} is not a valid {name} in a cron expression")
    found = " ".join(fields)
    days, months = (_selected_numbers(fields[place], *_FIELDS[place][1:]) for place in (2, 3))
    # Airflow accepts such an expression, and then fails for all DAGs of the file when it computes the next run.
    if "*" in fields[4].split(",") and min(days) > max(_MONTH_DAYS[month - 1] for month in months):
        raise ValueError(f"the dates of the cron expression {found!r} do not exist in any year")
    return found


def _selected_numbers(field: str, low: int, high: int, names: tuple[str, ...]) -> set[int]:
    """Return all numbers that a valid field selects, such as 0, 15, 30 and 45 for ``*/15`` in the field of minutes.

    ``low``, ``high``: the smallest and the largest number of the field. ``names``: names for its numbers, if any.
    """
    found: set[int] = set()
    for part in field.lower().split(","):
        match = _PART.fullmatch(part)
        assert match is not None
        first = low if match["first"] is None else _parse_number(match["first"], low, names)
        last = first if match["first"] and not match["step"] else high
        last = _parse_number(match["last"], low, names) if match["last"] else last
        assert first is not None
        assert last is not None
        found |= set(range(first, last + 1, int(match["step"] or 1)))
    return found


def _is_valid_part(part: str, low: int, high: int, names: tuple[str, ...]) -> bool:
    match = _PART.fullmatch(part.lower())
    if match is None:
        return False
    bounds = [_parse_number(text, low, names) for text in (match["first"], match["last"]) if text is not None]
    numbers = [number for number in bounds if number is not None]
    return (
        len(numbers) == len(bounds)
        and all(low <= number <= high for number in numbers)
        and numbers == sorted(numbers)
    )


def _parse_number(text: str, low: int, names: tuple[str, ...]) -> int | None:
    """Return the number that digits, or one of ``names`` such as ``jan``, mean; None if ``text`` is neither.

    ``low``: the number of the first name.
    """
    if text in names:
        return names.index(text) + low
    return int(text) if text.isdecimal() else None
