"""Callbacks of the DAGs that send alerts: after a task failed, a run took too long, or a day was loaded."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from functools import partial
from typing import TYPE_CHECKING, Any

from include.alerts.alert import Alert
from include.alerts.pipeline_rules import missing_days_alerts
from include.alerts.rules import IN_BACKFILLS, Failure, failed_task_alert, loaded_day_alerts
from include.board.source import FactsReader
from include.clock import SYSTEM_CLOCK
from include.config.model import Pipeline
from include.errors import DaysMissing, PipelineError
from include.lake.lake import Lake
from mixpanel_aep.alerts.send import send
from mixpanel_aep.context import open_lake, partition_of
from mixpanel_aep.problems import PROBLEM_KEY

if TYPE_CHECKING:
    from airflow.sdk import Context

log = logging.getLogger(__name__)
Callback = Callable[["Context"], None]
_REASONS_WITHOUT_FAILED_TASK = "timed_out", "all_tasks_deadlocked"
"""The reasons that Airflow gives for a failed run in which no task failed."""


def alert_args(pipeline: Pipeline, default_args: Mapping[str, object] | None = None) -> dict[str, Any]:
    """Return the keyword arguments of a ``DAG`` that sends alerts when a task fails its last try or a run times out.

    Args:
        pipeline: the pipeline; if its file has no ``alerts``, the DAG gets no callbacks.
        default_args: other ``default_args`` of the DAG, which are included in the result.
    """
    defaults = dict(default_args or {})
    if pipeline.alerts is None:
        return {"default_args": defaults}
    of_tasks = {"on_failure_callback": partial(task_failed, pipeline)}
    return {"default_args": defaults | of_tasks, "on_failure_callback": partial(run_failed, pipeline)}


def loaded_alert_args(pipeline: Pipeline) -> dict[str, Callback]:
    """Return the operator arguments that make the task ``ingest`` send alerts about its day once the day is loaded.

    The result is empty if the pipeline file has no ``alerts``.
    """
    return {"on_success_callback": partial(day_loaded, pipeline)} if pipeline.alerts else {}


def task_failed(pipeline: Pipeline, context: Context) -> None:
    """Send the alert about a task that has failed its last try. Airflow calls this callback."""
    with _log_all_errors():
        failure = _failure(context)
        lake = lake_or_none(pipeline)
        if failure.error == DaysMissing.__name__ and _missing_days_have_an_alert(pipeline, lake):
            return
        _send_failure(pipeline, lake, failure, context)


def run_failed(pipeline: Pipeline, context: Context) -> None:
    """Send the alert about a run that failed without a failed task, as after a timeout. Airflow calls this callback."""
    with _log_all_errors():
        if context.get("reason") in _REASONS_WITHOUT_FAILED_TASK:
            failure = Failure(
                "no task",
                "The run took longer than its time limit, so its tasks were terminated.",
                error="timeout",
            )
            _send_failure(pipeline, lake_or_none(pipeline), failure, context)


def day_loaded(pipeline: Pipeline, context: Context) -> None:
    """Send the alerts of the kinds ``quarantine``, ``volume`` and ``properties`` about a loaded day.

    Airflow calls this callback after the task ``ingest`` has succeeded.
    """
    with _log_all_errors():
        lake, day = open_lake(pipeline), partition_of(context)
        reader = FactsReader(lake, pipeline, SYSTEM_CLOCK)
        facts = reader.fresh_day(day)
        if facts is None:
            log.warning("The lake has no ledger of %s; alerts about this day were not evaluated", day)
            return
        alerts = loaded_day_alerts(pipeline, day, facts, reader.read({}).index)
        send(pipeline, lake, _alerts_of_run(alerts, context), context)


def lake_or_none(pipeline: Pipeline) -> Lake | None:
    """Return the pipeline's lake, or None if it cannot be opened, so that an alert can be sent without it."""
    try:
        return open_lake(pipeline)
    except PipelineError as error:
        log.warning("The lake cannot be opened; alerts are sent without it: %s", error)
        return None


def _missing_days_have_an_alert(pipeline: Pipeline, lake: Lake | None) -> bool:
    """Return whether an alert of the kind ``missing`` will report the days for which the audit failed.

    If so, an alert about the failed task ``audit`` would only repeat it.
    """
    notifiers = pipeline.alerts.notifiers if pipeline.alerts else ()
    if lake is None or not any("missing" in notifier.kinds for notifier in notifiers):
        return False
    try:
        index = FactsReader(lake, pipeline, SYSTEM_CLOCK).read({}).index
    except PipelineError as error:
        log.warning("The board's index could not be read to find the missing days: %s", error)
        return False
    return any(missing_days_alerts(pipeline, index, SYSTEM_CLOCK.now()))


def _send_failure(pipeline: Pipeline, lake: Lake | None, failure: Failure, context: Context) -> None:
    day = _day(pipeline, context)
    run_id = "" if day else str(context["run_id"])
    alert = failed_task_alert(pipeline, day, failure, dag_id=context["dag"].dag_id, run=run_id)
    send(pipeline, lake, _alerts_of_run([alert], context), context)


def _alerts_of_run(alerts: Iterator[Alert] | list[Alert], context: Context) -> Iterator[Alert]:
    """Yield the alerts to send for a run.

    In a backfill, only the kinds in ``IN_BACKFILLS`` are sent, and each only once for all days of the backfill.
    """
    run = context.get("dag_run")
    in_backfill = run is not None and str(getattr(run.run_type, "value", run.run_type)) == "backfill"
    for alert in alerts:
        if not in_backfill:
            yield alert
        elif alert.kind in IN_BACKFILLS:
            yield alert.in_backfill(str(SYSTEM_CLOCK.now().date()))


def _failure(context: Context) -> Failure:
    """Return the failure that the task stored in XCom, or one with only the name of the exception's class.

    The text of an unknown exception is not used, because it may contain a value of an event.
    """
    ti = context["ti"]
    try:
        problem = ti.xcom_pull(task_ids=ti.task_id, key=PROBLEM_KEY, map_indexes=ti.map_index)
    except Exception as error:  # noqa: BLE001 - an alert without its reason is better than none
        log.warning("The reason of the failure could not be read: %s", type(error).__name__)
        problem = None
    if isinstance(problem, Mapping):
        return Failure(ti.task_id, *(str(problem.get(name, "")) for name in ("sentence", "hint", "error")))
    raised = context.get("exception")
    if raised is None:
        return Failure(ti.task_id)
    name = type(raised).__name__
    return Failure(ti.task_id, f"The task ended with {name}.", error=name)


def _day(pipeline: Pipeline, context: Context) -> date | None:
    """Return the day that a task processes, or None if it does not process a single day.

    A task that is mapped over days has an attribute ``day``. For other tasks it is the day of the run.
    """
    of_task = getattr(context.get("task"), "day", None)
    if isinstance(of_task, str):
        return date.fromisoformat(of_task)
    if context["dag"].dag_id != pipeline.dag_id:
        return None
    try:
        return partition_of(context) if context.get("dag_run") is not None else None
    except PipelineError:  # the run has no valid day, and fails because of that
        return None


@contextmanager
def _log_all_errors() -> Iterator[None]:
    """Log every error from the block and suppress it: Airflow would log it with the values of local variables."""
    try:
        yield
    except PipelineError as error:
        log.error("The alerts could not be evaluated: %s", error)
    except Exception as error:  # noqa: BLE001 - see above
        log.error("The alerts could not be evaluated: %s. Please report it.", type(error).__name__)
