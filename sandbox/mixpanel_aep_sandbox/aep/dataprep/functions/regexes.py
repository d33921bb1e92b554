"""Data Prep functions that match or split a text with a regular expression."""

from __future__ import annotations

from mixpanel_aep_sandbox.aep.dataprep.functions import java_regex as regex
from mixpanel_aep_sandbox.aep.dataprep.functions.registry import Parameter, function

_REGEX = "Regular Expression"
_TEXT = Parameter("STRING", "string", "The text.")
_PATTERN = Parameter("REGEX", "string", "The regular expression.")


@function(
    _REGEX,
    "The first match and then each of its groups; an empty array if nothing matches.",
    _TEXT,
    _PATTERN,
    returns="array",
    example=(
        'extract_regex("E259,E259B_009,1_1", "([^,]+),[^,]*,([^,]+)")',
        '["E259,E259B_009,1_1", "E259", "1_1"]',
    ),
)
def extract_regex(text: str, pattern: str) -> list[str]:
    """Return the first match and then the text of each of its groups; an empty list if nothing matches."""
    return regex.groups(text, pattern) or []


@function(
    _REGEX,
    "Whether the regular expression matches the whole text.",
    _TEXT,
    _PATTERN,
    returns="boolean",
    example=('matches_regex("E259,E259B_009,1_1", "([^,]+),[^,]*,([^,]+)")', "true"),
)
def matches_regex(text: str, pattern: str) -> bool:
    """Return whether the regular expression ``pattern`` matches the whole text."""
    return regex.matches_whole_text(text, pattern)


@function(
    "String",
    "Splits a text at a regular expression, by default at commas.",
    Parameter("INPUT", "string", "The text."),
    Parameter("REGEX", "string", "Where to split.", required=False),
    returns="array",
    example=('explode("Hi, there!", " ")', '["Hi,", "there!"]'),
)
def explode(text: str, pattern: str = ",") -> list[str]:
    """Split a text at each match of a regular expression; empty parts are included."""
    return regex.split(text, pattern)
