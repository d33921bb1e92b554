"""The base classes of the operators: they give a task its pipeline, partition and lake, and translate its errors."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.providers.standard.triggers.temporal import DateTimeTrigger
from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowTaskTimeout

from include.clock import SYSTEM_CLOCK
from include.config.loader import load_readable_pipelines
from include.config.model import Pipeline
from include.errors import Throttled
from include.lake.manifest import Manifest
from include.steps.workspace import Workspace
from mixpanel_aep.context import (
    is_backfill,
    open_lake,
    partition_of,
    requested_refresh,
    run_name,
    should_replace,
)
from mixpanel_aep.errors import translate_errors
from mixpanel_aep.hooks.aep import AepHook
from mixpanel_aep.hooks.mixpanel import MixpanelHook
from mixpanel_aep.metrics import report_counts
from mixpanel_aep.problems import store_problem

if TYPE_CHECKING:
    from airflow.sdk import Context

    from include.aep.profile_batches import Neighbours
    from include.steps.run_day import DayRun
    from mixpanel_aep.lineage import Lineage

Summary = dict[str, object]
"""The result of a task in XCom: digests, addresses and counts, never rows."""
_MIN_DEFERRAL = timedelta(seconds=6)


class TerminableOperator(BaseOperator):
    """The base class of tasks that end when they receive SIGTERM."""

    def on_kill(self) -> None:
        """End the task. Airflow calls this on SIGTERM: when a pod is evicted, or a user clears or marks the task.

        If this method returned, Airflow would continue the task, and send SIGKILL a little later. Ending it here is
        safe, because every step can be repeated after a crash. Airflow retries the task if it has tries left.
        """
        if not isinstance(
            sys.exc_info()[1], AirflowTaskTimeout
        ):  # in that case, Airflow ends the task itself
            raise SystemExit("The task was terminated. A retry reuses the completed work.")


class PipelineOperator(TerminableOperator):
    """The base class of tasks that work on one pipeline. A subclass implements ``run_pipeline``.

    If a service requests a long wait, or the rate limit of a service is reached, the task is deferred for that time.

    :param pipeline: the pipeline.
    """

    ui_color = "#eef4fb"

    def __init__(self, *, pipeline: Pipeline, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.pipeline = pipeline

    def execute(self, context: Context, event: object = None) -> object:  # noqa: ARG002
        """Run the task, store and translate its errors, and return the result for XCom. Airflow calls this method.

        ``event``: the event of the trigger after a deferral; it is not used.
        """
        try:
            with translate_errors(pass_through=Throttled), store_problem(context):
                return self.run_pipeline(context)
        except Throttled as throttled:
            self.log.info("%s", throttled)
            self.defer_until(SYSTEM_CLOCK.now() + timedelta(seconds=throttled.wait_seconds))

    def run_pipeline(self, context: Context) -> object:
        """Do the work of the task, and return the result for XCom. Subclasses implement it."""
        raise NotImplementedError

    def defer_until(self, moment: datetime) -> NoReturn:
        """Defer the task until ``moment``, and for at least six seconds. A deferred task occupies no worker slot."""
        # A task that is resumed within [workers] min_heartbeat_interval of its deferral can use up a retry.
        moment = max(moment, SYSTEM_CLOCK.now() + _MIN_DEFERRAL)
        self.defer(trigger=DateTimeTrigger(moment=moment), method_name="execute")
        raise AssertionError("defer does not return")


def day_run(
    pipeline: Pipeline,
    workspace: Workspace,
    run: str,
    *,
    refresh: str | None = None,
    replace: bool = False,
    backfill: bool = False,
) -> DayRun:
    """Return the object that runs the steps of one day (``DayRun``), with clients from the pipeline's connections.

    Args:
        pipeline: the pipeline.
        workspace: the workspace of the partition.
        run: the name of the run, for the ledger.
        refresh: the name of a new export to request; None: an existing export of the day is used.
        replace: whether the run replaces the partition's active rows.
        backfill: whether the export may fetch other days of the backfill with the same request.
    """
    from include.steps.export.window_export import FetchAhead
    from include.steps.run_day import DayRun

    mixpanel = MixpanelHook(pipeline.mixpanel.conn_id, workspace.lake)
    aep = AepHook(pipeline.aep.conn_id).get_conn()
    source = mixpanel.settings().source
    ahead = FetchAhead(run) if backfill else None
    client = mixpanel.get_conn()
    return DayRun(
        workspace,
        source,
        client,
        aep,
        run,
        refresh=refresh,
        replace=replace,
        ahead=ahead,
        neighbours=lambda: neighbours_of(pipeline),
    )


def neighbours_of(pipeline: Pipeline) -> Neighbours:
    """Return the other pipelines of this installation that load into the same AEP sandbox."""
    from include.aep.profile_batches import Neighbours

    others = load_readable_pipelines(pipeline.folder, except_name=pipeline.name)[0]
    return Neighbours.of(pipeline, others, lambda conn_id: AepHook(conn_id).settings())


class PartitionOperator(PipelineOperator):
    """The base class of tasks that run one step for the run's partition. A subclass implements ``run_step``."""

    _finished: tuple[Workspace, Manifest] | None = None
    """The workspace and the manifest of the step's output, for lineage; an earlier run may have created the output."""

    def get_openlineage_facets_on_complete(self, task_instance: object) -> Lineage | None:  # noqa: ARG002
        """Return the datasets that the step read and wrote. Airflow's OpenLineage provider calls this method."""
        if self._finished is None:
            return None
        from mixpanel_aep.lineage import step_lineage

        workspace, manifest = self._finished
        source = MixpanelHook(self.pipeline.mixpanel.conn_id).settings().source
        return step_lineage(workspace, manifest, source)

    def run_pipeline(self, context: Context) -> object:
        """Run the step in the workspace of the run's partition."""
        return self.run_step(self.workspace(context), context)

    def run_step(self, workspace: Workspace, context: Context) -> Summary:
        """Do the work of the step, and return the summary for XCom. Subclasses implement it."""
        raise NotImplementedError

    def workspace(self, context: Context) -> Workspace:
        """Return the workspace of the run's partition in the pipeline's lake."""
        workspace = Workspace.of(open_lake(self.pipeline), self.pipeline, partition_of(context))
        self.log.info("Partition %s in the lake %s", workspace.partition, workspace.lake.url)
        return workspace

    def steps(self, workspace: Workspace, context: Context) -> DayRun:
        """Return the object that runs the steps of the run's partition, with the settings of the run's conf."""
        return day_run(
            self.pipeline,
            workspace,
            run_name(context),
            refresh=requested_refresh(context),
            replace=should_replace(context),
            backfill=is_backfill(context),
        )

    def upstream_digest(self, context: Context, task_id: str) -> str:
        """Return the digest of the previous step's output, which the task ``task_id`` stored in XCom.

        Users can edit XCom. For a value that is not a digest, return 32 zeros: no output has this digest.
        """
        summary = context["ti"].xcom_pull(task_ids=task_id)
        digest = str(summary.get("digest")) if isinstance(summary, Mapping) else ""
        return digest if re.fullmatch(r"[0-9a-f]{32}", digest) else "0" * 32

    def summary(self, workspace: Workspace, manifest: Manifest) -> Summary:
        """Log the counts of a step's output in one line, send them as metrics, and return the summary for XCom."""
        counts = " ".join(f"{name}={number}" for name, number in manifest.counts.items())
        self.log.info("%s of partition %s: %s", manifest.step, manifest.partition, counts)
        report_counts(self.pipeline.name, manifest.step, manifest.counts)
        self._finished = workspace, manifest
        uri = workspace.lake.uri(workspace.partition.manifest(manifest.step, manifest.digest))
        return {"digest": manifest.digest, "manifest": uri, "counts": manifest.counts}
