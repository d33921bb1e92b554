"""Determine which characters the items of a parsed regular expression match, in an alphabet that is large enough."""

from __future__ import annotations

import re._constants as code  # type: ignore[import-not-found]
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

Operand: TypeAlias = Any
"""The operand of a code of ``re._constants``; it has another type for each code."""
Items: TypeAlias = Sequence[tuple[object, Operand]]
"""A regular expression as ``re._parser`` returns it: codes with their operands."""

REPEATS = (code.MAX_REPEAT, code.MIN_REPEAT, code.POSSESSIVE_REPEAT)
SAMPLES = frozenset(map(ord, "aAzZ019_ \t\n.-,\u00e9\u4e00"))
_CATEGORIES: dict[object, Callable[[str], bool]] = {
    code.CATEGORY_DIGIT: lambda character: character.isdigit(),
    code.CATEGORY_WORD: lambda character: character.isalnum() or character == "_",
    code.CATEGORY_SPACE: lambda character: character.isspace(),
    code.CATEGORY_NOT_DIGIT: lambda character: not character.isdigit(),
    code.CATEGORY_NOT_WORD: lambda character: not (character.isalnum() or character == "_"),
    code.CATEGORY_NOT_SPACE: lambda character: not character.isspace(),
}


def matches(kind: object, value: Operand, character: int) -> bool:
    """Return whether an item of an expression matches a character; ``kind``, ``value``: its code and operand."""
    if kind is code.ANY:
        return character != ord("\n")
    if kind is code.LITERAL:
        return bool(character == value)
    if kind is code.NOT_LITERAL:
        return bool(character != value)
    negated, found = False, False
    for inner, of_it in value:
        if inner is code.NEGATE:
            negated = True
        elif inner is code.LITERAL:
            found = found or character == of_it
        elif inner is code.RANGE:
            found = found or of_it[0] <= character <= of_it[1]
        elif inner is code.CATEGORY:
            found = found or _CATEGORIES[of_it](chr(character))
    return found != negated


def characters(items: Items) -> list[int]:
    """Return every character that an expression contains, and its neighbours, as code points.

    Together with ``SAMPLES`` they distinguish the sets of characters that the items match.
    """
    found: list[int] = []
    for kind, value in items:
        if kind in (code.LITERAL, code.NOT_LITERAL):
            found += [value, value + 1]
        elif kind is code.IN:
            for inner, of_it in value:
                ends = (of_it,) if inner is code.LITERAL else of_it if inner is code.RANGE else ()
                found += [each for end in ends for each in (max(end - 1, 0), end, end + 1)]
        elif kind in REPEATS:
            found += characters(value[2])
        elif kind is code.SUBPATTERN:
            found += characters(value[-1])
        elif kind is code.ATOMIC_GROUP:
            found += characters(value)
        elif kind is code.BRANCH:
            found += [each for branch in value[1] for each in characters(branch)]
    return [each for each in found if each < 0x110000]
