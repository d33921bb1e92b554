"""The task ``alerts`` of the reconcile DAG: alerts about missing days, late and vanished events, and credentials."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import TYPE_CHECKING

from airflow.sdk.exceptions import AirflowTaskTimeout

from include.alerts.alert import Alert
from include.alerts.pipeline_rules import RefreshedDay, credential_alerts, missing_days_alerts, refresh_alerts
from include.board.source import FactsReader
from include.clock import SYSTEM_CLOCK
from include.errors import PipelineError
from include.lake.lake import Lake
from mixpanel_aep.alerts.callbacks import lake_or_none
from mixpanel_aep.alerts.send import send
from mixpanel_aep.operators.base import PipelineOperator, Summary

if TYPE_CHECKING:
    from airflow.sdk import Context


class AlertsOperator(PipelineOperator):
    """Sends the alerts that follow from the results of the run's other tasks. It succeeds even if sending fails."""

    def run_pipeline(self, context: Context) -> Summary:
        """Evaluate the alert rules, send the alerts that result, and return the number of messages sent."""
        lake = lake_or_none(self.pipeline)
        try:
            return {"sent": send(self.pipeline, lake, list(self._alerts(lake, context)), context)}
        except AirflowTaskTimeout:
            self.log.error(
                "A notifier did not end within the task's timeout. The next reconcile run sends the other alerts."
            )
            return {"sent": 0}

    def _alerts(self, lake: Lake | None, context: Context) -> Iterator[Alert]:
        now = SYSTEM_CLOCK.now()
        yield from credential_alerts(self.pipeline, now.astimezone(self.pipeline.mixpanel.zone).date())
        yield from refresh_alerts(
            self.pipeline, self._refreshed_days(context), self._late_events_beyond_window(context)
        )
        if lake is None:
            return
        try:
            index = FactsReader(lake, self.pipeline, SYSTEM_CLOCK).read({}).index
        except PipelineError as error:
            self.log.error("Alerts about missing days could not be evaluated: %s", error)
            return
        yield from missing_days_alerts(self.pipeline, index, now)

    @staticmethod
    def _refreshed_days(context: Context) -> list[RefreshedDay]:
        """Return the result of each day that this run refreshed, from the XCom of the tasks ``refresh`` and ``day``."""
        days = context["ti"].xcom_pull(task_ids="refresh") or []
        found = []
        for number, day in enumerate(days):
            summary = context["ti"].xcom_pull(task_ids="day", map_indexes=number)
            if isinstance(summary, Mapping):
                counts = {name: int(count) for name, count in summary["counts"].items()}
                active = counts["active"]
                found.append(
                    RefreshedDay(date.fromisoformat(day), counts["late"], counts["vanished"], active)
                )
        return found

    @staticmethod
    def _late_events_beyond_window(context: Context) -> dict[str, int]:
        """Return the number of late events by day, for days before the refreshed ones, from the XCom of ``close``."""
        summary = context["ti"].xcom_pull(task_ids="close")
        found = summary.get("late_beyond_window") if isinstance(summary, Mapping) else None
        return {str(day): int(count) for day, count in (found or {}).items()}
