"""The deadline by which a day must be in AEP, some hours after it has settled, and the alert when it is missed."""

from __future__ import annotations

import asyncio
import logging
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from airflow.sdk.definitions.callback import AsyncCallback
from airflow.sdk.definitions.deadline import BaseDeadlineReference, DeadlineAlert

from include.alerts.rules import is_loaded, late_day_alert
from include.board.source import FactsReader
from include.clock import SYSTEM_CLOCK
from include.config.loader import load_readable_pipelines
from include.config.model import Pipeline
from include.errors import PipelineError
from include.json_types import JsonObject
from include.mixpanel.event_time import day_end
from mixpanel_aep.alerts.callbacks import lake_or_none
from mixpanel_aep.alerts.send import send

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

log = logging.getLogger(__name__)


class SettledDay(BaseDeadlineReference):
    """The reference time from which Airflow counts the deadline of a scheduled run: when the run's day has settled.

    A day has settled ``settle_hours`` after its end in the time zone ``zone``. Runs that are not scheduled have no
    deadline. Airflow's own references, such as the time when a run was queued, are not suitable: the runs of a backfill
    may be queued for hours, and need no deadline.
    """

    required_kwargs = frozenset({"dag_id", "run_id"})

    def __init__(self, zone: str = "UTC", settle_hours: float = 0) -> None:
        self.zone, self.settle_hours = zone, settle_hours

    def serialize_reference(self) -> JsonObject:
        """Return the arguments of the reference as JSON, for Airflow's metadata database."""
        return {"reference_type": self.reference_name, "zone": self.zone, "settle_hours": self.settle_hours}

    @classmethod
    def deserialize_reference(cls, reference_data: JsonObject) -> SettledDay:
        """Create the reference from the result of :meth:`serialize_reference`."""
        return cls(reference_data["zone"], reference_data["settle_hours"])

    def _evaluate_with(self, *, session: Session, dag_id: str, run_id: str) -> datetime | None:
        """Return when the run's day has settled, or None for a run without a deadline.

        The scheduler calls this method. An error in it would prevent the run from starting.
        """
        from airflow.models.dagrun import DagRun
        from sqlalchemy import select

        found = session.execute(
            select(DagRun.run_type, DagRun.partition_key).where(
                DagRun.dag_id == dag_id, DagRun.run_id == run_id
            )
        ).one_or_none()
        if found is None or found.run_type != "scheduled" or not found.partition_key:
            return None
        try:
            day = date.fromisoformat(found.partition_key)
        except ValueError:
            return None
        return day_end(day, ZoneInfo(self.zone)) + timedelta(hours=self.settle_hours)


def deadline_of(pipeline: Pipeline) -> DeadlineAlert | None:
    """Return the deadline of the daily DAG's runs, or None if no notifier of the pipeline sends alerts ``late``."""
    if pipeline.alerts is None or pipeline.alerts.late_after_hours is None:
        return None
    if not any("late" in notifier.kinds for notifier in pipeline.alerts.notifiers):
        return None
    return DeadlineAlert(
        reference=SettledDay(pipeline.mixpanel.day_zone.key, pipeline.settle_hours),
        interval=timedelta(hours=pipeline.alerts.late_after_hours),
        callback=AsyncCallback(day_is_late, kwargs={"pipeline": pipeline.name}),
        name=f"in AEP {pipeline.alerts.late_after_hours:g} h after it settled",
    )


async def day_is_late(pipeline: str, context: JsonObject) -> None:
    """Send the alert about a day that missed its deadline. Airflow's triggerer calls this callback.

    ``pipeline``: the pipeline's name. ``context``: the run's context, serialized by Airflow.
    """
    await asyncio.to_thread(send_late, pipeline, context)


def send_late(name: str, context: JsonObject) -> int:
    """Send the alert about a day that missed its deadline, unless another run has loaded the day.

    Args:
        name: the pipeline's name.
        context: the run's context, serialized by Airflow.

    Returns:
        The number of messages sent.
    """
    pipeline, run = _find_pipeline(name), context["dag_run"]
    if pipeline is None:
        log.warning("Pipeline %s has no valid file; the alert about its late day was not sent", name)
        return 0
    day = date.fromisoformat(run["partition_key"])
    lake = lake_or_none(pipeline)
    try:
        if lake is not None and is_loaded(FactsReader(lake, pipeline, SYSTEM_CLOCK).fresh_day(day)):
            log.info("Day %s of pipeline %s was loaded by another run", day, name)
            return 0
    except PipelineError as error:
        log.warning("The lake could not be read to check whether day %s is loaded: %s", day, error)
    return send(pipeline, lake, [late_day_alert(pipeline, day, run["state"])], context)


def _find_pipeline(name: str) -> Pipeline | None:
    return next((each for each in load_readable_pipelines()[0] if each.name == name), None)
