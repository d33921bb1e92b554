"""What a failed task leaves for the board: the sentence of its error and the hint, in XCom."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from airflow.sdk.exceptions import AirflowRuntimeError

from include.errors import PipelineError, Throttled

log = logging.getLogger(__name__)
PROBLEM_KEY = "problem"
"""Airflow removes a task's XCom when it begins another try, so that a retry that succeeds leaves none."""


@contextmanager
def keep_problem(context: Mapping[str, Any]) -> Iterator[None]:
    """Leave a ``PipelineError`` in the task's XCom, and raise it; what only defers the task is not a problem."""
    try:
        yield
    except PipelineError as error:
        if not isinstance(error, Throttled):
            _push(context, {"sentence": error.sentence, "hint": error.hint})
        raise


def _push(context: Mapping[str, Any], problem: dict[str, str]) -> None:
    try:
        context["ti"].xcom_push(PROBLEM_KEY, problem)
    except AirflowRuntimeError as error:  # the task fails for its own reason, which its log has too
        log.warning("The problem was not kept for the board: %s", error.error.error.value)
