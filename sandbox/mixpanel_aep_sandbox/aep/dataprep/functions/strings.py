"""Data Prep functions of texts. Positions count Unicode characters from 0; Java counts UTF-16 units instead [I]."""

from __future__ import annotations

import re
from itertools import islice

from mixpanel_aep_sandbox.aep.dataprep.functions.registry import Parameter, function
from mixpanel_aep_sandbox.aep.dataprep.functions.values import LONGEST_TEXT, Value, text_of
from mixpanel_aep_sandbox.aep.dataprep.language.errors import EvaluationError

_STRING = "String"
INPUT = Parameter("INPUT", "string", "The text.")
_STRINGS = Parameter("STRING", "string", "The texts.", required=False, repeated=True, nullable=True)
_COUNT = Parameter("COUNT", "integer", "The number of characters.")


@function(
    _STRING,
    "Joins texts; null counts as an empty text.",
    _STRINGS,
    returns="string",
    example=('concat("Hi, ", "there", "!")', '"Hi, there!"'),
)
def concat(*parts: str | None) -> str:
    """Join texts; null counts as an empty text."""
    return "".join(part or "" for part in parts)


@function(
    _STRING,
    "The position of a text within another text, from 0; -1 if it does not occur.",
    INPUT,
    Parameter("SUBSTRING", "string", "The text to find."),
    Parameter("START_POSITION", "integer", "The position at which the search begins.", required=False),
    Parameter("OCCURRENCE", "integer", "The number of the occurrence; by default the first.", required=False),
    returns="integer",
    example=('instr("adobe.com", "com")', "6"),
)
def instr(text: str, part: str, start: int = 0, occurrence: int = 1) -> int:
    """Return the position of the n-th occurrence of ``part`` in ``text`` from position ``start``, or -1.

    Occurrences may overlap and count from 1. Raises EvaluationError if ``occurrence`` is less than 1.
    """
    if occurrence < 1:
        raise EvaluationError("instr(): OCCURRENCE must be at least 1.")
    # The lookahead also finds occurrences that overlap.
    positions = (found.start() for found in re.finditer(f"(?={re.escape(part)})", text))
    later = (position for position in positions if position >= start)
    return next(islice(later, min(occurrence, len(text) + 2) - 1, None), -1)


@function(
    _STRING,
    "Replaces each occurrence of a text by another text.",
    INPUT,
    Parameter("TO_FIND", "string", "The text to find."),
    Parameter("TO_REPLACE", "string", "The replacement."),
    returns="string",
    example=('replacestr("This is a string re test", "re", "replace")', '"This is a string replace test"'),
)
def replacestr(text: str, find: str, replacement: str) -> str:
    """Replace each occurrence of ``find`` in ``text``; an empty ``find`` changes nothing."""
    if not find:
        return text
    if len(text) + text.count(find) * len(replacement) > 2 * LONGEST_TEXT:
        raise EvaluationError(f"The text exceeds the limit of {LONGEST_TEXT} characters.")
    return text.replace(find, replacement)


@function(
    _STRING,
    "A number of characters of a text, from a position on, which counts from 0.",
    INPUT,
    Parameter("START_INDEX", "integer", "The first position."),
    Parameter("LENGTH", "integer", "The number of characters."),
    returns="string",
    example=('substr("This is a substring test", 7, 8)', '" a subst"'),
)
def substr(text: str, start: int, length: int) -> str:
    """Return ``length`` characters of a text, from the index ``start`` on."""
    if start < 0 or length < 0:
        raise EvaluationError("substr(): START_INDEX and LENGTH must not be negative.")
    return text[start : start + length]


@function(
    _STRING,
    "The text in lower case.",
    INPUT,
    names=("lower", "lcase"),
    returns="string",
    example=('lower("HeLLo")', '"hello"'),
)
def lower(text: str) -> str:
    """Return a text in lower case."""
    return text.lower()


@function(
    _STRING,
    "The text in upper case.",
    INPUT,
    names=("upper", "ucase"),
    returns="string",
    example=('upper("HeLLo")', '"HELLO"'),
)
def upper(text: str) -> str:
    """Return a text in upper case."""
    return text.upper()


@function(
    _STRING,
    "Splits a text at each of the separator's characters.",
    INPUT,
    Parameter("SEPARATOR", "string", "The characters at which to split."),
    returns="array",
    example=('split("Hello world", " ")', '["Hello", "world"]'),
)
def split(text: str, separators: str) -> list[str]:
    """Split a text at each of the characters in ``separators``; empty parts are omitted [I]."""
    if not separators:
        return [text]
    marks = separators.replace("\\\\", "\\")  # Adobe: the backslash "needs to be escaped"
    return [part for part in text.translate(dict.fromkeys(map(ord, marks), marks[0])).split(marks[0]) if part]


@function(
    _STRING,
    "Joins the items of an array, or several values, with a separator.",
    Parameter("SEPARATOR", "string", "The separator."),
    Parameter("OBJECTS", "any", "An array, or several values.", repeated=True, nullable=True),
    returns="string",
    example=('join(" ", to_array(true, "Hello", "world"))', '"Hello world"'),
)
def join(separator: str, *objects: Value) -> str | None:
    """Join the items of arrays and single values with a separator; nulls are omitted. The result for null is null."""
    items = [part for value in objects for part in (value if isinstance(value, list) else [value])]
    if objects == (None,):
        return None
    if len(items) * len(separator) > 2 * LONGEST_TEXT:
        raise EvaluationError(f"The text exceeds the limit of {LONGEST_TEXT} characters.")
    return separator.join(text_of(item) for item in items if item is not None)


@function(
    _STRING,
    "The first characters of a text.",
    INPUT,
    _COUNT,
    returns="string",
    example=('left("abcde", 2)', '"ab"'),
)
def left(text: str, count: int) -> str:
    """Return the first ``count`` characters of a text, or the whole text if it is shorter."""
    return text[:count] if count > 0 else ""


@function(
    _STRING,
    "The last characters of a text.",
    INPUT,
    _COUNT,
    returns="string",
    example=('right("abcde", 2)', '"de"'),
)
def right(text: str, count: int) -> str:
    """Return the last ``count`` characters of a text, or the whole text if it is shorter."""
    return text[max(len(text) - max(count, 0), 0) :]


@function(
    _STRING,
    "Whether two texts are equal.",
    Parameter("STRING1", "string", "The first text."),
    Parameter("STRING2", "string", "The second text.", nullable=True),
    returns="boolean",
    example=('"string1".equals("STRING1")', "false"),
    method=True,
)
def equals(one: str, two: str | None) -> bool:
    """Return whether two values are equal as texts, so that a number equals its text [I]."""
    return one == two


@function(
    _STRING,
    "Whether two texts are equal, except for upper and lower case.",
    Parameter("STRING1", "string", "The first text."),
    Parameter("STRING2", "string", "The second text.", nullable=True),
    returns="boolean",
    names=("equalsIgnoreCase",),
    example=('"string1".equalsIgnoreCase("STRING1")', "true"),
    method=True,
)
def equals_ignore_case(one: str, two: str | None) -> bool:
    """Return whether two texts are equal except for case, character by character as in Java: ß does not equal SS."""
    return two is not None and len(one) == len(two) and all(map(_alike, one, two))


def _alike(one: str, two: str) -> bool:
    """Return whether two characters are equal except for case."""
    return one.upper() == two.upper() or one.lower() == two.lower()
