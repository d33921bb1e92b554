"""Functions of regular expressions."""

from __future__ import annotations

from mixpanel_aep_sandbox.aep.dataprep.functions import java_regex as regex
from mixpanel_aep_sandbox.aep.dataprep.functions.registry import Parameter, function

_REGEX = "Regular Expression"
_TEXT = Parameter("STRING", "string", "The text.")
_PATTERN = Parameter("REGEX", "string", "The regular expression.")


@function(
    _REGEX,
    "What the first match is, then what each of its groups is; an empty array when nothing matches.",
    _TEXT,
    _PATTERN,
    returns="array",
    example=(
        'extract_regex("E259,E259B_009,1_1", "([^,]+),[^,]*,([^,]+)")',
        '["E259,E259B_009,1_1", "E259", "1_1"]',
    ),
)
def extract_regex(text: str, pattern: str) -> list[str]:
    """Return the first match and its groups."""
    return regex.groups(text, pattern) or []


@function(
    _REGEX,
    "Whether the whole text matches.",
    _TEXT,
    _PATTERN,
    returns="boolean",
    example=('matches_regex("E259,E259B_009,1_1", "([^,]+),[^,]*,([^,]+)")', "true"),
)
def matches_regex(text: str, pattern: str) -> bool:
    """Return whether the whole text matches."""
    return regex.contains_match(text, pattern)


@function(
    "String",
    "Splits a text at a regular expression, by default at commas.",
    Parameter("INPUT", "string", "The text."),
    Parameter("REGEX", "string", "Where to split.", required=False),
    returns="array",
    example=('explode("Hi, there!", " ")', '["Hi,", "there!"]'),
)
def explode(text: str, pattern: str = ",") -> list[str]:
    """Split a text at a regular expression."""
    return regex.split(text, pattern)
