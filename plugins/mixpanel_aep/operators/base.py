"""What the five steps share: a pipeline, a partition, a lake, and errors that a person can read."""

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
from include.config.model import Pipeline
from include.errors import Throttled
from include.lake.manifest import Manifest
from include.steps.workspace import Workspace
from mixpanel_aep.context import open_lake, partition_of, requested_refresh, run_name, should_replace
from mixpanel_aep.errors import translate_errors
from mixpanel_aep.hooks.aep import AepHook
from mixpanel_aep.hooks.mixpanel import MixpanelHook
from mixpanel_aep.problems import keep_problem

if TYPE_CHECKING:
    from include.steps.run_day import DayRun

Summary = dict[str, Any]
_SHORTEST_DEFERRAL = timedelta(seconds=6)


class TerminableOperator(BaseOperator):
    """A task that SIGTERM ends."""

    def on_kill(self) -> None:
        """Told to stop: by SIGTERM, when a pod is evicted, or when somebody clears the task or marks it.

        Airflow goes on with the task after this unless something is raised, and SIGKILL comes a little later. So the
        task ends here as by a crash, which every step survives, only tidily; Airflow retries it if it still may.
        """
        if not isinstance(sys.exc_info()[1], AirflowTaskTimeout):  # which Airflow raises itself, after this
            raise SystemExit("Told to stop: what is done so far is found when the task is run again.")


class PipelineOperator(TerminableOperator):
    """A task of a pipeline. A subclass tells its story in ``run_pipeline``; what it returns goes to XCom.

    Where a service asks us to wait for long, or our own budget for it is used up, the task is deferred until then.

    :param pipeline: the pipeline file, read.
    """

    ui_color = "#eef4fb"

    def __init__(self, *, pipeline: Pipeline, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.pipeline = pipeline

    def execute(self, context: Mapping[str, Any], event: Any = None) -> Any:  # noqa: ARG002
        try:
            with translate_errors(leave=Throttled), keep_problem(context):
                return self.run_pipeline(context)
        except Throttled as throttled:
            self.log.info("%s", throttled)
            self.defer_until(SYSTEM_CLOCK.now() + timedelta(seconds=throttled.wait_seconds))

    def run_pipeline(self, context: Mapping[str, Any]) -> Any:
        raise NotImplementedError

    def defer_until(self, moment: datetime) -> NoReturn:
        """Free the worker until ``moment``, or a few seconds longer."""
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
) -> DayRun:
    """The steps of a partition, with clients made of the pipeline's connections."""
    from include.steps.run_day import DayRun

    mixpanel = MixpanelHook(pipeline.mixpanel.conn_id, workspace.lake)
    aep = AepHook(pipeline.aep.conn_id).get_conn()
    source = mixpanel.settings().source
    return DayRun(workspace, source, mixpanel.get_conn(), aep, run, refresh=refresh, replace=replace)


class PartitionOperator(PipelineOperator):
    """A step of a pipeline, for one partition. A subclass tells its story in ``run_step``; XCom gets a summary."""

    def run_pipeline(self, context: Mapping[str, Any]) -> Summary:
        return self.run_step(self.workspace(context), context)

    def run_step(self, workspace: Workspace, context: Mapping[str, Any]) -> Summary:
        raise NotImplementedError

    def workspace(self, context: Mapping[str, Any]) -> Workspace:
        """The run's partition in the pipeline's lake."""
        workspace = Workspace.of(open_lake(self.pipeline), self.pipeline, partition_of(context))
        self.log.info("Partition %s in the lake %s", workspace.partition, workspace.lake.url)
        return workspace

    def steps(self, workspace: Workspace, context: Mapping[str, Any]) -> DayRun:
        """The steps of the run's partition, as the run's conf wants them."""
        return day_run(
            self.pipeline,
            workspace,
            run_name(context),
            refresh=requested_refresh(context),
            replace=should_replace(context),
        )

    def upstream_digest(self, context: Mapping[str, Any], task_id: str) -> str:
        """The digest that the step before has put into XCom; which output it names is read from the lake.

        Zeros, which name no output, where XCom holds something else: anybody who may edit XCom can put it there.
        """
        summary = context["ti"].xcom_pull(task_ids=task_id)
        digest = str(summary.get("digest")) if isinstance(summary, Mapping) else ""
        return digest if re.fullmatch(r"[0-9a-f]{32}", digest) else "0" * 32

    def summary(self, workspace: Workspace, manifest: Manifest) -> Summary:
        """URIs and counts, never rows; logged in one line."""
        counts = " ".join(f"{name}={number}" for name, number in manifest.counts.items())
        self.log.info("%s of partition %s: %s", manifest.step, manifest.partition, counts)
        uri = workspace.lake.uri(workspace.partition.manifest(manifest.step, manifest.digest))
        return {"digest": manifest.digest, "manifest": uri, "counts": manifest.counts}
