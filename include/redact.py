"""Removes secrets and control characters from texts for logs, messages and web pages."""

from __future__ import annotations

import re
from collections.abc import Iterable

MASK = "***"
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9+/=._~-]{6,}")
# Line ends, control characters of terminals, and marks that change the direction in which a text is read.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]+")


def scrub(text: str, secrets: Iterable[str] = ()) -> str:
    """Return ``text`` after each secret, and each credential after the word Bearer or Basic, is replaced by ``***``."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, MASK)
    return _BEARER.sub(lambda match: f"{match.group(1)} {MASK}", text)


def one_line(text: str, limit: int = 80) -> str:
    """Return ``text`` as one line of at most ``limit`` characters; control characters are replaced by spaces."""
    flat = _CONTROL.sub(" ", text).strip()
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"
