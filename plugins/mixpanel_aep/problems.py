"""The problem that a failed task leaves in XCom for the board and the alerts: its error, as sentence, hint and class."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow.sdk.exceptions import AirflowRuntimeError

from include.errors import PipelineError, Throttled

if TYPE_CHECKING:
    from airflow.sdk import Context

log = logging.getLogger(__name__)
PROBLEM_KEY = "problem"
"""Airflow removes a task's XCom when it starts another try, so that a successful retry leaves no problem."""


@contextmanager
def keep_problem(context: Context) -> Iterator[None]:
    """Store a ``PipelineError`` in the task's XCom, and raise it; a deferral is not a problem."""
    try:
        yield
    except PipelineError as error:
        if not isinstance(error, Throttled):
            _push(context, {"sentence": error.sentence, "hint": error.hint, "error": type(error).__name__})
        raise


def _push(context: Context, problem: dict[str, str]) -> None:
    try:
        context["ti"].xcom_push(PROBLEM_KEY, problem)
    except AirflowRuntimeError as error:  # the task fails for its own reason, which is also in its log
        log.warning("The problem was not stored for the board: %s", error.error.error.value)
