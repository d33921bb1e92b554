"""Rewrites the hints of errors for the board, which shows days, while hints say which task to clear."""

from __future__ import annotations

import re

_STEP = r"(?:export|transform|validate|stage|ingest)"
_RULES = [
    # A run of the day repeats all steps that are not finished, as clearing the task would do.
    (re.compile(pattern), text)
    for pattern, text in (
        (r"Clear the task \w+ of this run and those after it", "Run the day again"),
        (r"Clear the task \w+(?: of this run)?(?:, then this one)?", "Run the day again"),
        (rf"clear the task(?: {_STEP}\b)?", "run the day again"),
        (rf"Clear {_STEP}\b", "Run the day again"),
        (r"the task is cleared again", "the day is run again"),
    )
]


def hint_for_day(hint: str) -> str:
    """Return the hint with "run the day again" in place of "clear the task"."""
    for pattern, text in _RULES:
        hint = pattern.sub(text, hint)
    return hint
