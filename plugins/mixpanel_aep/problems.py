"""Stores the error of a failed task in XCom, where the board and the alerts read it."""

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
"""The XCom key of the error. Airflow removes a task's XCom at the start of each try, so a successful retry has none."""


@contextmanager
def store_problem(context: Context) -> Iterator[None]:
    """Store a ``PipelineError`` from the block in the task's XCom as sentence, hint and class name, and raise it again.

    ``Throttled`` is not stored, because it only defers the task.
    """
    try:
        yield
    except PipelineError as error:
        if not isinstance(error, Throttled):
            _push_to_xcom(
                context, {"sentence": error.sentence, "hint": error.hint, "error": type(error).__name__}
            )
        raise


def _push_to_xcom(context: Context, problem: dict[str, str]) -> None:
    try:
        context["ti"].xcom_push(PROBLEM_KEY, problem)
    except AirflowRuntimeError as error:  # the original error, which is also in the log, must not be replaced
        log.warning("The problem was not stored for the board: %s", error.error.error.value)
