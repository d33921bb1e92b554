"""The common parts of the step operators: a pipeline, a partition, a lake, and readable errors."""

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
from mixpanel_aep.problems import keep_problem

if TYPE_CHECKING:
    from airflow.sdk import Context

    from include.aep.profile_batches import Neighbours
    from include.steps.run_day import DayRun
    from mixpanel_aep.lineage import Lineage

Summary = dict[str, object]
"""The result of a task in XCom: URIs, digests and counts."""
_SHORTEST_DEFERRAL = timedelta(seconds=6)


class TerminableOperator(BaseOperator):
    """A task that ends when it receives SIGTERM."""

    def on_kill(self) -> None:
        """End the task on SIGTERM: when a pod is evicted, or when a user clears or marks the task.

        Airflow continues the task after this unless an exception is raised, and sends SIGKILL a little later. The task
        therefore ends here, in the same way as after a crash, which every step survives; Airflow retries it if tries
        remain.
        """
        if not isinstance(sys.exc_info()[1], AirflowTaskTimeout):  # which Airflow raises itself, after this
            raise SystemExit("The task was terminated. A retry reuses the completed work.")


class PipelineOperator(TerminableOperator):
    """A task of a pipeline. A subclass implements ``run_pipeline``; its result goes to XCom.

    If a service requests a long wait, or the pipeline's own budget for it is used up, the task is deferred until then.

    :param pipeline: the pipeline file, read.
    """

    ui_color = "#eef4fb"

    def __init__(self, *, pipeline: Pipeline, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.pipeline = pipeline

    def execute(self, context: Context, event: object = None) -> object:  # noqa: ARG002
        """Run the task, and translate its errors."""
        try:
            with translate_errors(leave=Throttled), keep_problem(context):
                return self.run_pipeline(context)
        except Throttled as throttled:
            self.log.info("%s", throttled)
            self.defer_until(SYSTEM_CLOCK.now() + timedelta(seconds=throttled.wait_seconds))

    def run_pipeline(self, context: Context) -> object:
        """Do the work of the task; implemented by subclasses."""
        raise NotImplementedError

    def defer_until(self, moment: datetime) -> NoReturn:
        """Free the worker until ``moment`` or a few seconds later."""
        # A task that is resumed within [workers] min_heartbeat_interval of its deferral can lose a try.
        moment = max(moment, SYSTEM_CLOCK.now() + _SHORTEST_DEFERRAL)
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
    """Return the steps of a partition, with clients from the pipeline's connections.

    ``backfill``: the export may fetch other days with the same request.
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
    """Return the pipelines of the installation that load into the same AEP sandbox."""
    from include.aep.profile_batches import Neighbours

    others = load_readable_pipelines(pipeline.folder, except_name=pipeline.name)[0]
    return Neighbours.of(pipeline, others, lambda conn_id: AepHook(conn_id).settings())


class PartitionOperator(PipelineOperator):
    """A step of a pipeline, for one partition. A subclass implements ``run_step``; XCom gets a summary."""

    _finished: tuple[Workspace, Manifest] | None = None
    """What the step has published or found, for lineage."""

    def get_openlineage_facets_on_complete(self, task_instance: object) -> Lineage | None:  # noqa: ARG002
        """Return what the step has read and written; Airflow's provider for OpenLineage calls it."""
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
        """Do the work of the step; implemented by subclasses."""
        raise NotImplementedError

    def workspace(self, context: Context) -> Workspace:
        """Return the workspace of the run's partition in the pipeline's lake."""
        workspace = Workspace.of(open_lake(self.pipeline), self.pipeline, partition_of(context))
        self.log.info("Partition %s in the lake %s", workspace.partition, workspace.lake.url)
        return workspace

    def steps(self, workspace: Workspace, context: Context) -> DayRun:
        """Return the steps of the run's partition, by the run's conf."""
        return day_run(
            self.pipeline,
            workspace,
            run_name(context),
            refresh=requested_refresh(context),
            replace=should_replace(context),
            backfill=is_backfill(context),
        )

    def upstream_digest(self, context: Context, task_id: str) -> str:
        """Return the digest that the previous step has put into XCom; the output itself is read from the lake.

        If XCom holds something else, return zeros, which name no output: any user who may edit XCom can change it.
        """
        summary = context["ti"].xcom_pull(task_ids=task_id)
        digest = str(summary.get("digest")) if isinstance(summary, Mapping) else ""
        return digest if re.fullmatch(r"[0-9a-f]{32}", digest) else "0" * 32

    def summary(self, workspace: Workspace, manifest: Manifest) -> Summary:
        """Return URIs and counts, never rows, and log them in one line."""
        counts = " ".join(f"{name}={number}" for name, number in manifest.counts.items())
        self.log.info("%s of partition %s: %s", manifest.step, manifest.partition, counts)
        report_counts(self.pipeline.name, manifest.step, manifest.counts)
        self._finished = workspace, manifest
        uri = workspace.lake.uri(workspace.partition.manifest(manifest.step, manifest.digest))
        return {"digest": manifest.digest, "manifest": uri, "counts": manifest.counts}
