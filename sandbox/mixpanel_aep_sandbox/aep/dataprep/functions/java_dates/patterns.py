"""Parsing of Java's date patterns into their parts (EP:data-prep/data-handling.md#format).

The letters have the meaning of ``DateTimeFormatter``, except ``u`` and ``F``, which Adobe documents as in
``SimpleDateFormat``: the number of the day in its week (Monday is 1), and the number of its weekday in the month.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from mixpanel_aep_sandbox.aep.dataprep.language.errors import EvaluationError

LETTERS = "GYyMLwWDdFEuaHkKhmsSzZXxVOQq"
_LONGEST = 100


@dataclass(frozen=True)
class Part:
    """One part of a date pattern: a run of equal letters, or literal text."""

    letter: str
    """One of LETTERS, or "" for literal text."""
    count: int
    """The number of equal letters, or the length of the literal text."""
    text: str = ""
    """The literal text; empty for letters."""

    @property
    def is_numeric(self) -> bool:
        """Return whether dates have a number at this part, not a name or a zone."""
        return self.letter in "YywWDdFuHkKhmsS" or (self.letter in "MLQq" and self.count <= 2)

    @property
    def is_fixed(self) -> bool:
        """Return whether dates have a number with exactly ``count`` digits at this part."""
        return self.is_numeric and (
            (self.count >= 2 and self.letter not in "Yy") or self.letter == "S" or self.count == 2
        )


@lru_cache(maxsize=512)
def pattern_parts(pattern: str) -> tuple[Part, ...]:
    """Split a date pattern into its parts, in order.

    Raises EvaluationError if the pattern is too long, or has an unknown letter or an unclosed quote.
    """
    if len(pattern) > _LONGEST:
        raise EvaluationError(f"A date format may have at most {_LONGEST} characters.")
    parts: list[Part] = []
    at = 0
    while at < len(pattern):
        letter = pattern[at]
        if letter == "'":
            text, at = _quoted(pattern, at)
            parts.append(Part("", len(text), text))
            continue
        end = at
        while end < len(pattern) and pattern[end] == letter:
            end += 1
        if letter.isascii() and letter.isalpha():
            if letter not in LETTERS:
                raise EvaluationError(f"Unknown letter {letter!r} in the date format.")
            parts.append(Part(letter, end - at))
        elif letter in "[]{}#":
            raise EvaluationError(f"The character {letter!r} must be in quotes in a date format.")
        else:
            parts.append(Part("", end - at, letter * (end - at)))
        at = end
    return tuple(parts)


def _quoted(pattern: str, at: int) -> tuple[str, int]:
    """Return the literal text of the quotes at index ``at``, and the index after them."""
    if pattern.startswith("''", at):
        return "'", at + 2
    text, end = "", at + 1
    while end < len(pattern):
        if pattern.startswith("''", end):
            text, end = text + "'", end + 2
        elif pattern[end] == "'":
            return text, end + 1
        else:
            text, end = text + pattern[end], end + 1
    raise EvaluationError("The date format has a quote that is not closed.")
