"""Callbacks of the DAGs that send alerts: a task failed, a run took too long, a day was loaded."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from functools import partial
from typing import TYPE_CHECKING, Any

from include.alerts.alert import Alert
from include.alerts.rules import IN_BACKFILLS, Failure, failed_task_alert, loaded_day_alerts, missing_days
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
_UNCAUSED = "timed_out", "all_tasks_deadlocked"
"""The reasons of a failed run that no failed task has reported."""


def alert_args(pipeline: Pipeline, default_args: Mapping[str, object] | None = None) -> dict[str, Any]:
    """Return the keyword arguments of a DAG that sends an alert when a task fails its last try, or a run times out.

    ``default_args``: the other defaults of the DAG's tasks.
    """
    defaults = dict(default_args or {})
    if pipeline.alerts is None:
        return {"default_args": defaults}
    of_tasks = {"on_failure_callback": partial(task_failed, pipeline)}
    return {"default_args": defaults | of_tasks, "on_failure_callback": partial(run_failed, pipeline)}


def on_loaded(pipeline: Pipeline) -> dict[str, Callback]:
    """Return the arguments of the task whose success means that the day is loaded; none without alerts."""
    return {"on_success_callback": partial(day_loaded, pipeline)} if pipeline.alerts else {}


def task_failed(pipeline: Pipeline, context: Context) -> None:
    """Send the alert about a task that failed and is not retried."""
    with _log_all_errors():
        failure = _failure(context)
        lake = lake_or_none(pipeline)
        if failure.error == DaysMissing.__name__ and _are_named(pipeline, lake):
            return
        _send_failure(pipeline, lake, failure, context)


def run_failed(pipeline: Pipeline, context: Context) -> None:
    """Send the alert about a run that failed without a failed task."""
    with _log_all_errors():
        if context.get("reason") in _UNCAUSED:
            failure = Failure(
                "no task",
                "The run took longer than its time limit, and its tasks were ended.",
                error="timeout",
            )
            _send_failure(pipeline, lake_or_none(pipeline), failure, context)


def day_loaded(pipeline: Pipeline, context: Context) -> None:
    """Send the alerts about a day that is active in AEP: quarantine, volume, properties."""
    with _log_all_errors():
        lake, day = open_lake(pipeline), partition_of(context)
        reader = FactsReader(lake, pipeline, SYSTEM_CLOCK)
        facts = reader.fresh_day(day)
        if facts is None:
            log.warning("The facts of %s are not in the lake; its alerts were not decided", day)
            return
        alerts = loaded_day_alerts(pipeline, day, facts, reader.read({}).index)
        send(pipeline, lake, _alerts_of_run(alerts, context), context)


def lake_or_none(pipeline: Pipeline) -> Lake | None:
    """Return the pipeline's lake, or None if it cannot be opened, which may be the cause of the alert."""
    try:
        return open_lake(pipeline)
    except PipelineError as error:
        log.warning("Alerts are sent without the lake: %s", error)
        return None


def _are_named(pipeline: Pipeline, lake: Lake | None) -> bool:
    """Return whether the alert ``missing`` will name the missing days that made the audit fail."""
    notifiers = pipeline.alerts.notifiers if pipeline.alerts else ()
    if lake is None or not any("missing" in notifier.kinds for notifier in notifiers):
        return False
    try:
        index = FactsReader(lake, pipeline, SYSTEM_CLOCK).read({}).index
    except PipelineError as error:
        log.warning("Whether another alert names the missing days is not known: %s", error)
        return False
    return any(missing_days(pipeline, index, SYSTEM_CLOCK.now()))


def _send_failure(pipeline: Pipeline, lake: Lake | None, failure: Failure, context: Context) -> None:
    day = _day(pipeline, context)
    run_id = "" if day else str(context["run_id"])
    alert = failed_task_alert(pipeline, day, failure, dag_id=context["dag"].dag_id, run=run_id)
    send(pipeline, lake, _alerts_of_run([alert], context), context)


def _alerts_of_run(alerts: Iterator[Alert] | list[Alert], context: Context) -> Iterator[Alert]:
    """Yield the alerts of a run; in a backfill, each alert is sent once for all its days."""
    run = context.get("dag_run")
    in_backfill = run is not None and str(getattr(run.run_type, "value", run.run_type)) == "backfill"
    for alert in alerts:
        if not in_backfill:
            yield alert
        elif alert.kind in IN_BACKFILLS:
            yield alert.in_backfill(str(SYSTEM_CLOCK.now().date()))


def _failure(context: Context) -> Failure:
    """Return the failure that the task stored in XCom; the text of an unknown exception is never used."""
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
    """Return the day of a run or of a mapped task; None for a task that is about all days."""
    of_task = getattr(context.get("task"), "day", None)
    if isinstance(of_task, str):
        return date.fromisoformat(of_task)
    if context["dag"].dag_id != pipeline.dag_id:
        return None
    try:
        return partition_of(context) if context.get("dag_run") is not None else None
    except PipelineError:  # a run without a valid day fails for that reason
        return None


@contextmanager
def _log_all_errors() -> Iterator[None]:
    """Log every error: Airflow would log it with the values of local variables."""
    try:
        yield
    except PipelineError as error:
        log.error("An alert could not be decided: %s", error)
    except Exception as error:  # noqa: BLE001 - see above
        log.error("An alert could not be decided: %s. Please report it.", type(error).__name__)
