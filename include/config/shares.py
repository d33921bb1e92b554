"""Shares of a whole in pipeline files, written as ``"0.5%"`` or ``0.005``."""

from __future__ import annotations

import re
from decimal import Decimal


def parse_share(value: object) -> float:
    """Return ``"0.5%"`` or ``0.005`` as a share between 0 and 1.

    Raises:
        ValueError: the value is not a share between 0 and 1.
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*%\s*", value) if isinstance(value, str) else None
    # Via Decimal: 0.7% must equal 7 of 1000.
    number = float(Decimal(match[1]) / 100) if match else value
    if isinstance(number, bool) or not isinstance(number, int | float) or not 0 <= number <= 1:
        raise ValueError('write a share like "0.5%" or 0.005, from 0% to 100%')
    return float(number)
