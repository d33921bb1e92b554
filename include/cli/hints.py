"""Rewrite the hints of errors for the command line: they are written for Airflow's tasks and workers."""

from __future__ import annotations

import re

from include.board.hints import hint_for_day

_AGAIN = "the same command again"
_RULES = [
    (re.compile(pattern), text)
    for pattern, text in (
        (r"the report of the task validate", "the report of the day in the lake"),
        (r"A retry of (?:this run|the task)", "Another run of the day"),
        (r"(?:Airflow retries the task|The task is retried)", f"Run {_AGAIN}"),
        (r"; the task is retried", f"; run {_AGAIN}"),
        (r"Run the task again", f"Run {_AGAIN}"),
        (r"run the task again", f"run {_AGAIN}"),
        (r"the task's log", "the output of the command with --debug"),
        (r" or the setup DAG", ""),
        (r"run the setup DAG, which", "run mixpanel-aep apply, which"),
        (r"in the environment of every Airflow process", "in the environment of the command"),
        (r"the worker's clock", "this machine's clock"),
        (r"; another worker may run it now", ""),
        (r"this worker may", "this machine may"),
        (r"the worker's environment", "this machine's environment"),
        (r"The task continues automatically then", f"Run {_AGAIN} then"),
        (r"The task continues automatically", f"Run {_AGAIN} later"),
        (r"give the worker more", "free some"),
        (r"\bthis task\b|\bthe task\b", "the command"),
    )
]


def hint_for_command_line(hint: str) -> str:
    """Return the hint with commands, days and this machine in place of tasks, runs and workers of Airflow."""
    hint = hint_for_day(hint)
    for pattern, text in _RULES:
        hint = pattern.sub(text, hint)
    return hint
