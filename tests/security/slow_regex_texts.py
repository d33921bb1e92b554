"""Texts for which a backtracking regular expression is slow, derived from the expression itself.

For each repetition: a prefix that reaches it, many repetitions, and an end that makes the match fail.
"""

from __future__ import annotations

import random
import re
import re._constants as code  # type: ignore[import-not-found]
import re._parser as parser  # type: ignore[import-not-found]
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_REPEATS = (code.MAX_REPEAT, code.MIN_REPEAT, code.POSSESSIVE_REPEAT)
_ENDS = ("", "\x00", "!", '"')
_ALWAYS = ("a", " ", "1", '"', '\\"', "[", "a ", ". ")
_CATEGORIES = {
    code.CATEGORY_DIGIT: "17", code.CATEGORY_WORD: "a_1", code.CATEGORY_SPACE: " \t", code.CATEGORY_NOT_DIGIT: "a.",
    code.CATEGORY_NOT_WORD: ". ", code.CATEGORY_NOT_SPACE: "a1",
}  # fmt: skip
_LITTLE_SECONDS = 0.02
"""Of a text of some thousand characters a linear expression takes a hundredth of it."""


def slow_text(pattern: re.Pattern[Any], methods: tuple[str, ...], characters: int = 8000) -> str | None:
    """Return the first text for which double length takes more than double processor time, or None."""
    for prefix, pump, end in sorted(set(attacks(pattern))):
        for name in methods:
            seconds = _Seconds(pattern, name, prefix, pump, end)
            once = seconds(characters)
            if once < _LITTLE_SECONDS / 4:  # A square of it would take longer.
                continue
            once, twice = min(once, seconds(characters)), min(seconds(2 * characters) for _ in range(2))
            if twice > _LITTLE_SECONDS and twice > 2.7 * once:
                return f"{name}: {prefix!r} + {pump!r} * n + {end!r}: {twice:.3f} s after {once:.3f} s"
    return None


@dataclass(frozen=True)
class _Seconds:
    """Return how long one match takes for a text whose middle has so many characters."""

    pattern: re.Pattern[Any]
    method: str
    prefix: str
    pump: str
    end: str

    def __call__(self, length: int) -> float:
        text: Any = self.prefix + (self.pump * length)[:length] + self.end
        if isinstance(self.pattern.pattern, bytes):
            text = text.encode("latin-1", "replace")
        began = time.process_time()
        found = getattr(self.pattern, self.method)(text)
        for _ in found if self.method == "finditer" else ():
            pass
        return time.process_time() - began


def attacks(pattern: re.Pattern[Any]) -> Iterator[tuple[str, str, str]]:
    """Yield beginning, repeated part and end of texts."""
    source, flags = pattern.pattern, pattern.flags
    if isinstance(source, bytes):
        source, flags = source.decode("latin-1"), flags | re.ASCII
    chance = random.Random(1)
    for prefix, pump in (
        *_repeated(parser.parse(source, flags), "", chance),
        *(("", text) for text in _ALWAYS),
    ):
        if pump:
            yield from ((prefix, pump, end) for end in _ENDS)


def _repeated(items: Any, before: str, chance: random.Random) -> Iterator[tuple[str, str]]:
    for kind, value in items:
        if kind in _REPEATS:
            if value[1] > 50:
                yield from ((before, pump) for pump in _pumps(value[2], chance))
            yield from _repeated(value[2], before, chance)
        elif kind in (code.SUBPATTERN, code.ATOMIC_GROUP):
            yield from _repeated(value[-1] if kind is code.SUBPATTERN else value, before, chance)
        elif kind is code.BRANCH:
            for branch in value[1]:
                yield from _repeated(branch, before, chance)
        before += _one(kind, value, chance)


def _pumps(items: Any, chance: random.Random) -> Iterator[str]:
    """Yield what a repetition repeats: every alternative of a choice."""
    kind, value = items[0] if len(items) == 1 else (None, None)
    if kind is code.SUBPATTERN:
        yield from _pumps(value[-1], chance)
    elif kind is code.BRANCH:
        for branch in value[1]:
            yield from _pumps(branch, chance)
    elif kind is code.IN and value[0][0] is not code.NEGATE:
        yield from _characters(value)
    else:
        yield from (_sample(items, chance) for _ in range(3))


def _sample(items: Any, chance: random.Random) -> str:
    return "".join(_one(kind, value, chance) for kind, value in items)


def _one(kind: Any, value: Any, chance: random.Random) -> str:
    """Return a text that an item of an expression matches; nothing for lookarounds."""
    if kind is code.LITERAL:
        return chr(value)
    if kind is code.NOT_LITERAL:
        return "b" if value != ord("b") else "c"
    if kind is code.ANY:
        return "a"
    if kind is code.IN:
        return _character(value, chance)
    if kind is code.BRANCH:
        return _sample(chance.choice(value[1]), chance)
    if kind is code.SUBPATTERN:
        return _sample(value[-1], chance)
    if kind is code.ATOMIC_GROUP:
        return _sample(value, chance)
    if kind in _REPEATS:
        return _sample(value[2], chance) * max(int(value[0]), 1)
    return ""


def _character(choices: Any, chance: random.Random) -> str:
    found = _characters(choices)
    if choices[0][0] is code.NEGATE:
        return next((text for text in "a1 .-_\n\x00é" if text not in found), "é")
    return chance.choice(found)


def _characters(choices: Any) -> str:
    found = ""
    for kind, value in choices:
        if kind is code.LITERAL:
            found += chr(value)
        elif kind is code.RANGE:
            found += chr(value[0])
        elif kind is code.CATEGORY:
            found += _CATEGORIES.get(value, "a")
    return found
