"""Functions that take a regular expression in Java's syntax (EP:data-prep/functions.md)."""

from __future__ import annotations

from include.xdm.dataprep.functions.java_regex import compiled, limited
from include.xdm.dataprep.functions.registry import Function, optional, required
from include.xdm.dataprep.functions.values import Json, json_text
from include.xdm.dataprep.language.types import Type

CATEGORY = "Regular expression"
_JAVA = "Java's regular expressions are not RE2's"


def explode(text: str, pattern: str) -> list[Json]:
    """Split a text at each match of a pattern; return all parts, also empty ones, as JSON strings.

    An empty match at the beginning or the end of the text does not split it.
    """
    parts, at = [], 0
    for match in compiled(pattern).finditer(limited(text)):
        if match.end() > 0 and not (match.start() == match.end() == len(text)):
            parts.append(text[at : match.start()])
            at = match.end()
    return [json_text(part) for part in [*parts, text[at:]]]


def extract_regex(text: str, pattern: str) -> list[Json]:
    """Return the first match of a pattern in a text, and its groups, as JSON strings; empty without a match."""
    match = compiled(pattern).search(limited(text))
    return [json_text(group) for group in (match[0], *match.groups(""))] if match else []


def matches_regex(text: str, pattern: str) -> bool:
    """Return whether a pattern matches the whole text."""
    return compiled(pattern).fullmatch(limited(text)) is not None


_STRING = required("STRING", Type.STRING)
_REGEX = required("REGEX", Type.STRING, check=compiled)

FUNCTIONS = [
    Function(
        "explode", "String", (_STRING, optional("REGEX", Type.STRING, ",", check=compiled)), Type.ARRAY,
        python=explode, because=_JAVA, note="Without REGEX it splits at commas. Empty parts are kept.",
        examples=(('explode("Hi, there!", " ")', ["Hi,", "there!"]),),
    ),
    Function(
        "extract_regex", CATEGORY, (_STRING, _REGEX), Type.ARRAY, python=extract_regex, because=_JAVA,
        note="Without a match the array is empty; a group without a match is an empty text.",
        examples=(('extract_regex("E259,E259B_009,1_1", "([^,]+),[^,]*,([^,]+)")', ["E259,E259B_009,1_1", "E259", "1_1"]),),
    ),
    Function(
        "matches_regex", CATEGORY, (_STRING, _REGEX), Type.BOOLEAN, python=matches_regex, because=_JAVA,
        note="The whole string must match.",
        examples=(('matches_regex("E259,E259B_009,1_1", "([^,]+),[^,]*,([^,]+)")', True),),
    ),
]  # fmt: skip
