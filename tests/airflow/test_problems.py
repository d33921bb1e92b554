"""A failed task stores the sentence and the hint of its error for the board, and never hides that error by another one."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
from airflow.sdk.execution_time.comms import ErrorResponse

from include.errors import ConfigError, Throttled
from mixpanel_aep.errors import wrapped_text
from mixpanel_aep.problems import PROBLEM_KEY, store_problem

pytestmark = pytest.mark.airflow


class Task:
    """A task instance that stores its XCom, or fails to."""

    def __init__(self, *, fails: bool = False) -> None:
        self.fails = fails
        self.xcom: dict[str, Any] = {}

    def xcom_push(self, key: str, value: Any) -> None:
        if self.fails:
            raise AirflowRuntimeError(ErrorResponse(error=ErrorType.API_SERVER_ERROR))
        self.xcom[key] = value


def test_sentence_and_hint_are_stored_and_the_error_is_raised() -> None:
    task = Task()
    with pytest.raises(ConfigError), store_problem({"ti": task}):
        raise ConfigError("It is wrong.", "Correct it.")
    assert task.xcom == {
        PROBLEM_KEY: {"sentence": "It is wrong.", "hint": "Correct it.", "error": "ConfigError"}
    }


def test_a_deferral_is_not_a_problem() -> None:
    task = Task()
    with pytest.raises(Throttled), store_problem({"ti": task}):
        raise Throttled("Wait.", wait_seconds=1)
    assert task.xcom == {}


def test_the_error_is_raised_also_if_it_cannot_be_stored() -> None:
    with pytest.raises(ConfigError, match="It is wrong"), store_problem({"ti": Task(fails=True)}):
        raise ConfigError("It is wrong.")


def test_every_operator_stores_its_problem() -> None:
    from include.config.loader import load_pipelines
    from mixpanel_aep.operators.base import PipelineOperator

    class Broken(PipelineOperator):
        def run_pipeline(self, context: Any) -> Any:
            raise ConfigError("It is wrong.")

    task = Task()
    with pytest.raises(Exception, match="It is wrong"):
        Broken(task_id="broken", pipeline=load_pipelines()[0]).execute({"ti": task})
    assert PROBLEM_KEY in task.xcom


def test_the_log_of_an_error_fits_the_screen_and_says_cause_and_remedy() -> None:
    error = ConfigError(f"Pipeline {'shop ' * 40}is wrong.", "Correct it. " * 20)
    lines = wrapped_text(error).splitlines()
    assert lines[0].startswith("ConfigError: Pipeline shop")
    assert max(map(len, lines)) <= 100
    assert " ".join(lines) == f"ConfigError: {error}"
    assert (
        wrapped_text(ConfigError("It is wrong.", "Correct it.")) == "ConfigError: It is wrong.\nCorrect it."
    )


def test_a_word_that_is_longer_than_a_line_is_not_broken() -> None:
    path = "/lake/" + "x" * 150
    assert path in wrapped_text(ConfigError(f"It is in {path}."))
