"""Java's date patterns, as a list of their parts (EP:data-prep/data-handling.md#format).

Letters are ``DateTimeFormatter``'s, except ``u`` and ``F``, which the documentation describes as in ``SimpleDateFormat``:
the number of the day in its week, and the number of its weekday in the month.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from mixpanel_aep_sandbox.aep.dataprep.language.errors import EvaluationError

LETTERS = "GYyMLwWDdFEuaHkKhmsSzZXxVOQq"
_LONGEST = 100


@dataclass(frozen=True)
class Part:
    """One part of a pattern."""

    letter: str
    """One of LETTERS, or "" for literal text."""
    count: int
    text: str = ""

    @property
    def is_numeric(self) -> bool:
        """Return whether the part is a number."""
        return self.letter in "YywWDdFuHkKhmsS" or (self.letter in "MLQq" and self.count <= 2)

    @property
    def is_fixed(self) -> bool:
        """Return whether the part is a number with a fixed count of digits."""
        return self.is_numeric and (
            (self.count >= 2 and self.letter not in "Yy") or self.letter == "S" or self.count == 2
        )


@lru_cache(maxsize=512)
def pattern_parts(pattern: str) -> tuple[Part, ...]:
    """Return the parts of a pattern. Raises EvaluationError for an unknown letter, or an unclosed quote."""
    if len(pattern) > _LONGEST:
        raise EvaluationError(f"A date format may have {_LONGEST} characters.")
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
            raise EvaluationError(f"A date format's {letter!r} has to be in quotes.")
        else:
            parts.append(Part("", end - at, letter * (end - at)))
        at = end
    return tuple(parts)


def _quoted(pattern: str, at: int) -> tuple[str, int]:
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
