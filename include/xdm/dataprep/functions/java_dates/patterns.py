"""Split Java's date patterns into their parts (EP:data-prep/data-handling.md#format)."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

LETTERS = "GyYMLwWDdFEuaHkKhmsSzZXxVOQq"


class Part(NamedTuple):
    """A part of a date pattern: a letter, repeated ``times`` times; or a literal ``text``, with an empty letter."""

    letter: str
    times: int
    text: str


_TOKEN = re.compile(r"'((?:[^']|'')*)'|([A-Za-z])\2*|(.)", re.DOTALL)


@lru_cache(256)
def pattern_parts(pattern: str) -> tuple[Part, ...]:
    """Split a Java date pattern into letters and literal texts.

    Raises:
        ValueError: a letter is not in Java's patterns, or a quote has no end.
    """
    found = []
    for token in _TOKEN.finditer(pattern):
        quoted, letter, text = token.groups()
        if letter:
            if letter not in LETTERS:
                raise ValueError(
                    f"{letter!r} is not a letter of date patterns; write a text in single quotes"
                )
            found.append(Part(letter, len(token.group()), ""))
        elif quoted is not None:
            found.append(Part("", 0, quoted.replace("''", "'") or "'"))
        elif text in "'[]{}#":
            raise ValueError(
                f"the {text} in the date pattern {pattern!r} is not supported; write it in single quotes"
            )
        else:
            found.append(Part("", 0, text))
    if not found:
        raise ValueError("the date pattern is empty")
    return tuple(found)
