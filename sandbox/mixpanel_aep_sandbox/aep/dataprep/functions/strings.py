"""Functions of text. Positions count from 0; characters equal Java's ``char``s only in ASCII [I]."""

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
    "Joins texts; null is nothing.",
    _STRINGS,
    returns="string",
    example=('concat("Hi, ", "there", "!")', '"Hi, there!"'),
)
def concat(*parts: str | None) -> str:
    """Join texts; null is empty."""
    return "".join(part or "" for part in parts)


@function(
    _STRING,
    "The position of a text within another one, counted from 0; -1 when it is not there.",
    INPUT,
    Parameter("SUBSTRING", "string", "The text to find."),
    Parameter("START_POSITION", "integer", "Where to begin.", required=False),
    Parameter("OCCURRENCE", "integer", "The number of the occurrence; by default the first.", required=False),
    returns="integer",
    example=('instr("adobe.com", "com")', "6"),
)
def instr(text: str, part: str, start: int = 0, occurrence: int = 1) -> int:
    """Return the position of the given occurrence of a text within another text, or -1."""
    if occurrence < 1:
        raise EvaluationError("instr(): OCCURRENCE counts from 1.")
    # The look-ahead also finds occurrences that overlap.
    positions = (found.start() for found in re.finditer(f"(?={re.escape(part)})", text))
    later = (position for position in positions if position >= start)
    return next(islice(later, min(occurrence, len(text) + 2) - 1, None), -1)


@function(
    _STRING,
    "Replaces each occurrence of a text by another one.",
    INPUT,
    Parameter("TO_FIND", "string", "The text to find."),
    Parameter("TO_REPLACE", "string", "The replacement."),
    returns="string",
    example=('replacestr("This is a string re test", "re", "replace")', '"This is a string replace test"'),
)
def replacestr(text: str, find: str, replacement: str) -> str:
    """Replace each occurrence of a text."""
    if not find:
        return text
    if len(text) + text.count(find) * len(replacement) > 2 * LONGEST_TEXT:
        raise EvaluationError(f"The text exceeds the limit of {LONGEST_TEXT} characters.")
    return text.replace(find, replacement)


@function(
    _STRING,
    "A number of characters from a position on, which counts from 0.",
    INPUT,
    Parameter("START_INDEX", "integer", "The first position."),
    Parameter("LENGTH", "integer", "The number of characters."),
    returns="string",
    example=('substr("This is a substring test", 7, 8)', '" a subst"'),
)
def substr(text: str, start: int, length: int) -> str:
    """Return ``length`` characters of a text, from the index ``start`` on."""
    if start < 0 or length < 0:
        raise EvaluationError("substr(): START_INDEX and LENGTH are not negative.")
    return text[start : start + length]


@function(
    _STRING,
    "Lower case.",
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
    "Upper case.",
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
    Parameter("SEPARATOR", "string", "Where to split."),
    returns="array",
    example=('split("Hello world", " ")', '["Hello", "world"]'),
)
def split(text: str, separators: str) -> list[str]:
    """Split at each of several separator characters; empty parts are omitted [I]."""
    if not separators:
        return [text]
    marks = separators.replace("\\\\", "\\")  # the backslash "needs to be escaped"
    return [part for part in text.translate(dict.fromkeys(map(ord, marks), marks[0])).split(marks[0]) if part]


@function(
    _STRING,
    "Joins the items of an array, or several values, with a separator.",
    Parameter("SEPARATOR", "string", "The separator."),
    Parameter("OBJECTS", "any", "An array, or values.", repeated=True, nullable=True),
    returns="string",
    example=('join(" ", to_array(true, "Hello", "world"))', '"Hello world"'),
)
def join(separator: str, *objects: Value) -> str | None:
    """Join items with a separator."""
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
    """Return the first characters of a text."""
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
    """Return the last characters, or the whole text if it has fewer."""
    return text[max(len(text) - max(count, 0), 0) :]


@function(
    _STRING,
    "Whether two texts are the same.",
    Parameter("STRING1", "string", "One text."),
    Parameter("STRING2", "string", "The other one.", nullable=True),
    returns="boolean",
    example=('"string1".equals("STRING1")', "false"),
    method=True,
)
def equals(one: str, two: str | None) -> bool:
    """Compare as texts, as documented: a number equals the text of the same number [I]."""
    return one == two


@function(
    _STRING,
    "Whether two texts are the same, whatever the case of their letters.",
    Parameter("STRING1", "string", "One text."),
    Parameter("STRING2", "string", "The other one.", nullable=True),
    returns="boolean",
    names=("equalsIgnoreCase",),
    example=('"string1".equalsIgnoreCase("STRING1")', "true"),
    method=True,
)
def equals_ignore_case(one: str, two: str | None) -> bool:
    """Compare by character, as Java does: ß does not equal SS."""
    return two is not None and len(one) == len(two) and all(map(_alike, one, two))


def _alike(one: str, two: str) -> bool:
    return one.upper() == two.upper() or one.lower() == two.lower()
