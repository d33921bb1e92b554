"""Parses shares in pipeline files, such as ``max_quarantined``, which are written as ``"0.5%"`` or ``0.005``."""

from __future__ import annotations

import re
from decimal import Decimal


def parse_share(value: object) -> float:
    """Return a text such as ``"0.5%"``, or a number such as ``0.005``, as a number from 0 to 1.

    Raises:
        ValueError: the value is neither, or is outside this range.
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*%\s*", value) if isinstance(value, str) else None
    # Decimal is exact: with floats, "0.7%" would not equal 7 of 1000.
    number = float(Decimal(match[1]) / 100) if match else value
    if isinstance(number, bool) or not isinstance(number, int | float) or not 0 <= number <= 1:
        raise ValueError('write a share like "0.5%" or 0.005, from 0% to 100%')
    return float(number)
