"""Data Prep functions that add or remove characters at the ends of a text."""

from __future__ import annotations

from itertools import cycle, dropwhile, islice

from mixpanel_aep_sandbox.aep.dataprep.functions.registry import Parameter, function
from mixpanel_aep_sandbox.aep.dataprep.functions.values import LONGEST_TEXT
from mixpanel_aep_sandbox.aep.dataprep.language.errors import EvaluationError

_STRING = "String"
_INPUT = Parameter("INPUT", "string", "The text.")
_ANY_INPUT = Parameter("INPUT", "string", "The text; null counts as an empty text.", nullable=True)
_COUNT = Parameter("COUNT", "integer", "The number of characters of the result.")
_PADDING = Parameter("PADDING", "string", "The padding; a space if it is null or empty.", nullable=True)


def _fill(padding: str | None, text: str, count: int) -> str:
    """Return the repeated padding that extends ``text`` to ``count`` characters; "" if the text is long enough."""
    if count > LONGEST_TEXT:
        raise EvaluationError(f"The text exceeds the limit of {LONGEST_TEXT} characters.")
    return "".join(islice(cycle(padding or " "), max(count - len(text), 0)))


@function(
    _STRING,
    "Pads a text on the left.",
    _ANY_INPUT,
    _COUNT,
    _PADDING,
    returns="string",
    example=('lpad("bat", 8, "yz")', '"yzyzybat"'),
)
def lpad(text: str | None, count: int, padding: str | None) -> str:
    """Pad a text on the left to ``count`` characters. A longer text is returned unchanged [I].

    About the padding, Adobe says: "If null or empty, it will be treated as a single space".
    """
    kept = text or ""
    return f"{_fill(padding, kept, count)}{kept}"


@function(
    _STRING,
    "Pads a text on the right.",
    _ANY_INPUT,
    _COUNT,
    _PADDING,
    returns="string",
    example=('rpad("bat", 8, "yz")', '"batyzyzy"'),
)
def rpad(text: str | None, count: int, padding: str | None) -> str:
    """Pad a text on the right to ``count`` characters. A longer text is returned unchanged [I]."""
    kept = text or ""
    return f"{kept}{_fill(padding, kept, count)}"


def _without_leading_space(text: str) -> str:
    return "".join(dropwhile(str.isspace, text))


@function(
    _STRING,
    "Removes white space at the beginning of a text.",
    _INPUT,
    returns="string",
    example=('ltrim(" hello")', '"hello"'),
)
def ltrim(text: str) -> str:
    """Remove white space at the beginning of a text."""
    return _without_leading_space(text)


@function(
    _STRING,
    "Removes white space at the end of a text.",
    _INPUT,
    returns="string",
    example=('rtrim("hello ")', '"hello"'),
)
def rtrim(text: str) -> str:
    """Remove white space at the end of a text."""
    return _without_leading_space(text[::-1])[::-1]


@function(
    _STRING,
    "Removes white space at both ends of a text.",
    _INPUT,
    returns="string",
    example=('trim(" hello ")', '"hello"'),
)
def trim(text: str) -> str:
    """Remove white space at both ends of a text."""
    return _without_leading_space(_without_leading_space(text)[::-1])[::-1]
