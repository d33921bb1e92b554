"""The tasks of the reconcile DAG: refresh recent days, load late events, abort orphaned batches, audit all days."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from include.clock import SYSTEM_CLOCK
from include.config.model import Pipeline
from include.errors import PipelineError
from include.lake.history import History, Source
from include.lake.lake import Lake
from include.lake.manifest import Manifest
from include.plural import counted
from include.steps.workspace import Workspace
from mixpanel_aep.context import open_lake, refresh_name, run_name, validate_conf
from mixpanel_aep.hooks.aep import AepHook
from mixpanel_aep.hooks.mixpanel import MixpanelHook
from mixpanel_aep.operators.base import PipelineOperator, Summary, day_run
from mixpanel_aep.operators.ingest import AepIngestOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from include.steps.reconcile.audit import Audit
    from include.steps.run_day import DayRun

REFRESH_KEY = "refresh"
"""The XCom key under which the task ``refresh`` stores the name of its refresh, the new export.

The task ``day`` uses the export with that name, also after ``day`` was cleared. To export from Mixpanel again, a user
has to clear ``refresh``.
"""


class ReconcileRefreshOperator(PipelineOperator):
    """The task ``refresh``: exports the recent days again with one request, and returns the days to load."""

    def run_pipeline(self, context: Context) -> list[str]:
        """Refresh the recent days, and return them and the missing days to load, as ``YYYY-MM-DD`` in order."""
        from include.steps.export.step import export_partitions
        from include.steps.reconcile.window import days_to_reconcile

        validate_conf(context)
        lake, refresh = open_lake(self.pipeline), refresh_name(context)
        days = days_to_reconcile(self.pipeline, SYSTEM_CLOCK.now())
        hook = MixpanelHook(self.pipeline.mixpanel.conn_id, lake)
        if days:
            workspaces = [Workspace.of(lake, self.pipeline, day) for day in days]
            for manifest in export_partitions(workspaces, hook.settings().source, hook.get_conn(), refresh):
                self.log.info("Partition %s: exported=%d", manifest.partition, manifest.counts["exported"])
        context["ti"].xcom_push(REFRESH_KEY, refresh)
        missing = (
            self._missing_days(lake, hook.settings().source, days) if self.pipeline.catch_up_days else []
        )
        if missing:
            self.log.info("Missing days to load now: %s", ", ".join(map(str, missing)))
        return [str(day) for day in sorted({*days, *missing})]

    def _missing_days(self, lake: Lake, source: Source, window: list[date]) -> list[date]:
        """Return the missing days that this run also loads, and log those that a person has to correct first.

        Args:
            lake: the pipeline's lake.
            source: the Mixpanel project.
            window: the days that the run has refreshed; they are not part of the result.
        """
        from include.steps.history.open_history import open_history
        from include.steps.reconcile.audit import audit_days

        aep = AepHook(self.pipeline.aep.conn_id).get_conn()
        history = open_history(lake, self.pipeline, aep, source, all_days=True).history
        now = SYSTEM_CLOCK.now()
        audit = audit_days(history, self.pipeline, aep, now)
        for day in audit.missing:
            if not day.is_loadable:
                self.log.warning("%s is missing and needs a person: %s", day.day, day.reason)
        return audit.days_to_catch_up(self.pipeline.catch_up_days, now, window)


class ReconcileDayOperator(AepIngestOperator):
    """The mapped task ``day``: runs transform, validate, stage and ingest for one refreshed day.

    :param day: the day, as ``YYYY-MM-DD``; one of those that ``refresh`` returned.
    """

    template_fields = ("day",)

    def __init__(self, *, pipeline: Pipeline, day: str, **kwargs: Any) -> None:
        super().__init__(pipeline=pipeline, **kwargs)
        self.day = day

    def workspace(self, context: Context) -> Workspace:
        """Return the workspace of the refreshed day."""
        validate_conf(context)
        return Workspace.of(open_lake(self.pipeline), self.pipeline, date.fromisoformat(self.day))

    def steps(self, workspace: Workspace, context: Context) -> DayRun:
        """Return the object that runs the steps of the refreshed day, with the export of the task ``refresh``."""
        return day_run(self.pipeline, workspace, run_name(context), refresh=self._refresh(context))

    def staged(self, workspace: Workspace, context: Context, steps: DayRun) -> Manifest:  # noqa: ARG002
        """Run transform, validate and stage for the refreshed day, and return the manifest of the staged rows."""
        return steps.to_staged()

    @staticmethod
    def _refresh(context: Context) -> str:
        """Return the name of the refresh that the task ``refresh`` stored in XCom.

        If XCom contains no name that this run wrote, return the name of the run.
        """
        name, run = context["ti"].xcom_pull(task_ids="refresh", key=REFRESH_KEY), run_name(context)
        return name if isinstance(name, str) and name.startswith(run) else run


class AuditOperator(PipelineOperator):
    """The task ``audit``: checks that every day from the pipeline's start to the last settled day is in AEP."""

    def run_pipeline(self, context: Context) -> Summary:
        """Audit all days, write the board's index, and fail if a day has been missing for too long."""
        from include.steps.history.open_history import open_history
        from include.steps.history.provenance import current_made_of
        from include.steps.reconcile.audit import audit_days
        from include.steps.transform import schema_and_mapping

        validate_conf(context)
        lake, now = open_lake(self.pipeline), SYSTEM_CLOCK.now()
        aep = AepHook(self.pipeline.aep.conn_id).get_conn()
        source = MixpanelHook(self.pipeline.mixpanel.conn_id).settings().source
        opened = open_history(lake, self.pipeline, aep, source, all_days=True)
        schema, mapping = schema_and_mapping(self.pipeline, aep, opened.dataset)
        current = current_made_of(self.pipeline, mapping.digest, schema.digest)
        audit = audit_days(opened.history, self.pipeline, aep, now, current)
        self.log.info("%s of %s: %s", counted(len(audit.days), "day"), self.pipeline.name, audit.counts)
        for day in audit.missing:
            self.log.warning("%s is missing: %s", day.day, day.reason)
        for day in audit.outdated:
            self.log.info("%s was loaded with another %s", day.day, ", ".join(day.outdated))
        if audit.outdated:
            self.log.info(
                "To renew such days, backfill %s over them with reprocess: replace.", self.pipeline.dag_id
            )
        self._write_board_index(opened.history, audit, now)
        audit.require_complete(now, self.pipeline.missing_grace_hours)
        return {
            "counts": audit.counts,
            "missing": {str(day.day): day.reason for day in audit.missing},
            "outdated": {str(day.day): list(day.outdated) for day in audit.outdated},
        }

    def _write_board_index(self, history: History, audit: Audit, now: datetime) -> None:
        """Write the board's index; an error is only logged, because it must not fail the audit."""
        from include.board.index import write_board_index

        try:
            write_board_index(history, self.pipeline.name, audit, now)
        except PipelineError as error:
            self.log.warning("The board's index was not written: %s", error)


class ReconcileCloseOperator(PipelineOperator):
    """The task ``close``: aborts orphaned batches, and counts late events of days before the refreshed ones."""

    def run_pipeline(self, context: Context) -> Summary:
        """Abort batches that crashed runs left open, remove their temporary files, and count late events."""
        from include.steps.history.open_history import open_history
        from include.steps.reconcile.orphaned_batches import abort_orphaned_batches, remove_unfinished_files
        from include.steps.reconcile.window import late_beyond_window, window_start

        validate_conf(context)
        lake, now = open_lake(self.pipeline), SYSTEM_CLOCK.now()
        aep = AepHook(self.pipeline.aep.conn_id).get_conn()
        mixpanel = MixpanelHook(self.pipeline.mixpanel.conn_id, lake)
        history = open_history(lake, self.pipeline, aep, mixpanel.settings().source).history
        swept = abort_orphaned_batches(history, aep, now)
        for batch in swept:
            self.log.info("Aborted batch %s, which a crashed run left open", batch)
        if unfinished := remove_unfinished_files(lake, now):
            self.log.info("Removed %s of crashed processes", counted(unfinished, "partly written file"))
        first = window_start(self.pipeline, now)
        late = late_beyond_window(lake, self.pipeline, mixpanel.get_conn(), first, now)
        for day, count in late.items():
            self.log.warning(
                "late_beyond_window: %s of %s arrived after that day was exported. To load, start %s for that day with "
                "Export from Mixpanel again.",
                counted(count, "event"), day, self.pipeline.day_dag_id,
            )  # fmt: skip
        return {"swept": swept, "late_beyond_window": {str(day): count for day, count in late.items()}}
