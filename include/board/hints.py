"""Rewrites the hints of errors for the board: they tell a user to clear tasks, but the board shows days, not tasks."""

from __future__ import annotations

import re

_STEP = r"(?:export|transform|validate|stage|ingest)"
_RULES = [
    # Running the day again repeats all steps whose work is not finished.
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
