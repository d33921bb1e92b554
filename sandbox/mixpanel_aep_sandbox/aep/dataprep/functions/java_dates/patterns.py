"""Java's patterns of dates, as a list of what they are made of (EP:data-prep/data-handling.md#format).

Letters are ``DateTimeFormatter``'s, but for ``u`` and ``F``, which the documentation describes as ``SimpleDateFormat``
has them: the number of the day in its week, and which of its weekdays in the month a day is.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from mixpanel_aep_sandbox.aep.dataprep.language.errors import EvaluationError

LETTERS = "GYyMLwWDdFEuaHkKhmsSzZXxVOQq"
_LONGEST = 100


@dataclass(frozen=True)
class Part:
    letter: str
    """One of LETTERS, or "" for text that stands for itself."""
    count: int
    text: str = ""

    @property
    def is_numeric(self) -> bool:
        return self.letter in "YywWDdFuHkKhmsS" or (self.letter in "MLQq" and self.count <= 2)

    @property
    def is_fixed(self) -> bool:
        """A number of exactly so many digits."""
        return self.is_numeric and (
            (self.count >= 2 and self.letter not in "Yy") or self.letter == "S" or self.count == 2
        )


@lru_cache(maxsize=512)
def pattern_parts(pattern: str) -> tuple[Part, ...]:
    """Raises EvaluationError for a letter that means nothing, or a quote that is not closed."""
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
                raise EvaluationError(f"The date format's letter {letter!r} means nothing.")
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
