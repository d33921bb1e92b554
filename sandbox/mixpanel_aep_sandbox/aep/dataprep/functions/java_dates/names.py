"""Names of months, days and zones in English, the language of Adobe's examples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

_FIRST_HALF: Final = ("January", "February", "March", "April", "May", "June")
_SECOND_HALF: Final = ("July", "August", "September", "October", "November", "December")
MONTHS: Final = (*_FIRST_HALF, *_SECOND_HALF)
DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
QUARTERS: Final = ("1st quarter", "2nd quarter", "3rd quarter", "4th quarter")
ERAS: Final = ("AD", "Anno Domini", "A")

ZONES: Final = {
    "UTC": "Coordinated Universal Time",
    "GMT": "Greenwich Mean Time",
    "PST": "Pacific Standard Time",
    "PDT": "Pacific Daylight Time",
    "MST": "Mountain Standard Time",
    "MDT": "Mountain Daylight Time",
    "CST": "Central Standard Time",
    "CDT": "Central Daylight Time",
    "EST": "Eastern Standard Time",
    "EDT": "Eastern Daylight Time",
    "CET": "Central European Standard Time",
    "CEST": "Central European Summer Time",
    "EET": "Eastern European Standard Time",
    "EEST": "Eastern European Summer Time",
    "WET": "Western European Standard Time",
    "WEST": "Western European Summer Time",
    "BST": "British Summer Time",
    "IST": "India Standard Time",
    "JST": "Japan Standard Time",
}
"""Long names of time zones by their short names; the long name of any other zone is its id [I]."""


def named(names: Sequence[str], number: int, count: int) -> str:
    """Return the name of a month or weekday as a date pattern requires it.

    It is the full name for four equal letters, the first character for five, otherwise the first three characters.

    Args:
        names: The full names in order.
        number: The number of the name, from 1.
        count: The number of equal letters in the pattern.
    """
    name = names[number - 1]
    return name if count == 4 else name[:1] if count == 5 else name[:3]
