"""Generation of a short text that a regular expression matches; the same expression always has the same text."""

from __future__ import annotations

import re
import re._parser as parser  # type: ignore[import-not-found]  # the syntax tree that re itself uses
from collections.abc import Iterator

_LETTERS = "a0A_-. "
_ANY = [*map(ord, _LETTERS), *range(33, 127), *range(0xA1, 0x250)]
_MOST_TRIES = 200


def generate_text(pattern: str, shortest: int, longest: int) -> str:
    """Return a text that a regular expression matches, or an empty text if none is found.

    Args:
        pattern: The regular expression.
        shortest: The minimum length of the text.
        longest: The maximum length of the text.
    """
    try:
        tree = parser.parse(pattern)
    except (re.error, OverflowError, RecursionError):
        return ""  # Python cannot parse the pattern, which is of another dialect
    for extra in range(_MOST_TRIES):
        text = "".join(_texts(tree, extra))
        if shortest <= len(text) <= longest and re.search(pattern, text):
            return text
        if len(text) > longest:
            break
    return ""


def _texts(tree: object, extra: int) -> Iterator[str]:
    """Yield the parts of a match, in which each repetition occurs its minimum number of times plus ``extra``."""
    for operation, given in tree:  # type: ignore[attr-defined]
        name = str(operation)
        if name == "LITERAL":
            yield chr(given)
        elif name in ("ANY", "NOT_LITERAL"):
            yield next(chr(code) for code in _ANY if name == "ANY" or code != given)
        elif name == "IN":
            yield next((chr(code) for code in _ANY if _is_in(code, given)), "")
        elif name == "BRANCH":
            # The first branch that is not empty is usually the relevant branch.
            yield from _texts(next((each for each in given[1] if each), given[1][0]), extra)
        elif name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
            low, high, inner = given
            for _ in range(min(low + extra, int(high))):
                yield from _texts(inner, extra)
        elif name == "SUBPATTERN":
            yield from _texts(given[-1], extra)
        elif name == "ATOMIC_GROUP":
            yield from _texts(given, extra)


def _is_in(code: int, members: list[tuple[object, object]]) -> bool:
    """Return whether a character is in a parsed character class."""
    negated, found = False, False
    for operation, given in members:
        name = str(operation)
        if name == "NEGATE":
            negated = True
        elif name == "LITERAL":
            found |= code == given
        elif name == "RANGE":
            found |= given[0] <= code <= given[1]  # type: ignore[index]
        elif name == "CATEGORY":
            found |= _category(chr(code), str(given))
    return found is not negated


def _category(letter: str, name: str) -> bool:
    """Return whether a character is in a category of Python's parser, such as CATEGORY_NOT_DIGIT."""
    kind = name.rpartition("_")[2]
    is_one = {
        "DIGIT": letter.isdecimal(),
        "SPACE": letter.isspace(),
        "WORD": letter.isalnum() or letter == "_",
    }
    return is_one[kind] is not ("_NOT_" in name)
