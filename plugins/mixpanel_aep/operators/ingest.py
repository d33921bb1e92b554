"""The task ``ingest``: loads the staged files as one AEP batch, and defers until AEP has finished the batch."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from airflow.sdk import Asset

from include.aep.batch_state import BatchState, classify_status
from include.aep.client import AepClient
from include.config.model import Pipeline
from include.errors import BatchStuck, Transient
from include.lake.history import Target
from include.lake.manifest import Manifest
from include.plural import counted
from include.steps.workspace import Workspace
from mixpanel_aep.errors import translate_errors
from mixpanel_aep.hooks.aep import AepHook
from mixpanel_aep.links import BatchLink
from mixpanel_aep.metrics import report_counts
from mixpanel_aep.operators.base import PartitionOperator, Summary
from mixpanel_aep.problems import store_problem
from mixpanel_aep.triggers.batch import BatchTrigger

if TYPE_CHECKING:
    from airflow.sdk import Context

    from include.steps.ingest.step import IngestResult
    from include.steps.run_day import DayRun
    from mixpanel_aep.lineage import Lineage

_POLL_SECONDS = (0.5, 0.5, 1.0, 2.0, 4.0)
"""The waits between polls before the task is deferred, 8 s in total.

A small batch is active within seconds, so that no deferral is needed. A task that is resumed within ``[workers]
min_heartbeat_interval`` (5 s) of its deferral can use up a retry: Airflow's supervisor may report the deferral so late
that the scheduler mistakes the report for the end of the resumed task.
"""
_TRIGGER_POLL_SECONDS = 6.0
"""The first wait of the trigger: longer than ``[workers] min_heartbeat_interval``, for the same reason."""
_ENDED = (BatchState.ACTIVE, BatchState.REFUSED, BatchState.GONE)


def dataset_asset(pipeline: Pipeline) -> Asset:
    """Return the Airflow asset for the pipeline's dataset. An asset event names the partition that was loaded."""
    name = f"{pipeline.aep.conn_id}/{pipeline.aep.dataset}"
    return Asset(
        name=name,
        uri=f"x-aep://{pipeline.aep.conn_id}/{quote(pipeline.aep.dataset, safe='')}",
        group="mixpanel-aep",
    )


class AepIngestOperator(PartitionOperator):
    """Loads the staged rows of the run's partition into AEP; a partition that is already loaded is not loaded again.

    :param watch_for: how long AEP may take to finish a batch before the task fails.
    """

    operator_extra_links = (BatchLink(),)

    def __init__(
        self, *, pipeline: Pipeline, watch_for: timedelta = timedelta(hours=6), **kwargs: Any
    ) -> None:
        # For a mapped task, `partial` passes every argument, so that `outlets` may be present and empty.
        outlets = [*(kwargs.pop("outlets", None) or ()), dataset_asset(pipeline)]
        super().__init__(pipeline=pipeline, outlets=list(dict.fromkeys(outlets)), **kwargs)
        self.watch_for = watch_for

    _loaded: tuple[Workspace, Manifest, Target] | None = None
    _counts: Mapping[str, int] = MappingProxyType({})

    def get_openlineage_facets_on_complete(self, task_instance: object) -> Lineage | None:  # noqa: ARG002
        """Return the datasets of the load. Airflow's OpenLineage provider calls this method."""
        if self._loaded is None or not self._counts:
            return None
        from mixpanel_aep.lineage import load_lineage

        return load_lineage(*self._loaded, self._counts)

    def run_step(self, workspace: Workspace, context: Context) -> Summary:
        """Load the partition, and return the summary, or defer the task until AEP has finished the batch."""
        return self._advance(workspace, context, time.time() + self.watch_for.total_seconds(), in_time=True)

    def look_again(self, context: Context, event: Mapping[str, object], deadline: float) -> Summary:
        """Continue the task after ``BatchTrigger`` has fired. Airflow calls this method.

        The batch's status is requested from AEP again, because the content of the event is not trusted.

        Args:
            context: the context of the task.
            event: the event of ``BatchTrigger``; only ``in_time`` is used.
            deadline: when to give up, in seconds since the epoch.
        """
        with translate_errors(), store_problem(context):
            return self._advance(self.workspace(context), context, deadline, in_time=bool(event["in_time"]))

    def _advance(self, workspace: Workspace, context: Context, deadline: float, *, in_time: bool) -> Summary:
        """Do the next step of the load; return the summary if the load is finished, otherwise defer the task.

        Args:
            workspace: the workspace of the partition.
            context: the context of the task.
            deadline: when the task fails if AEP has not finished the batch, in seconds since the epoch.
            in_time: whether the deadline has not passed yet.

        Raises:
            BatchStuck: AEP has not finished the batch, and ``in_time`` is False.
        """
        from include.steps.ingest.step import IngestResult

        steps = self.steps(workspace, context)
        staged = self.staged(workspace, context, steps)
        result = steps.ingest(staged)
        committed = not isinstance(result, IngestResult) and result.committed
        if committed and _poll_briefly(workspace, steps.aep, str(result.batch_id)):
            result = steps.ingest(staged)
        settings = AepHook(self.pipeline.aep.conn_id).settings()
        link = BatchLink.href(settings, result.batch_id) if result.batch_id else None
        context["ti"].xcom_push(BatchLink.KEY, link)
        if isinstance(result, IngestResult):
            self._loaded = workspace, staged, steps.history.target
            return self._summarize_load(workspace, context, staged, result)
        if committed:
            deadline = time.time() + self.watch_for.total_seconds()
        elif not in_time:
            raise BatchStuck(
                f"AEP has not finished batch {result.batch_id} of partition {workspace.partition} "
                f"within {self.watch_for}.",
                "The batch may still become active, so no second batch is created. Check the batch in AEP, then clear this "
                "task.",
            )
        trigger = BatchTrigger(
            self.pipeline.aep.conn_id, result.batch_id, deadline, poll_seconds=_TRIGGER_POLL_SECONDS
        )
        self.defer(trigger=trigger, method_name="look_again", kwargs={"deadline": deadline})
        raise AssertionError("defer does not return")

    def staged(self, workspace: Workspace, context: Context, steps: DayRun) -> Manifest:  # noqa: ARG002
        """Return the manifest of the staged rows to load. A subclass may create them first."""
        return workspace.require("stage", self.upstream_digest(context, "stage"))

    def _summarize_load(
        self, workspace: Workspace, context: Context, staged: Manifest, result: IngestResult
    ) -> Summary:
        """Log the result of a load, send its metrics and its asset event, and return the summary for XCom."""
        late = result.loaded if result.late and not result.again else 0
        compared = {name: staged.counts.get(name, 0) for name in ("changed", "vanished")}
        forgotten = staged.counts.get("forgotten", 0)
        counts = {
            "staged": result.loaded, "active": result.active, "refused": result.refused, "late": late, **compared,
            **({"forgotten": forgotten} if forgotten else {}),
        }  # fmt: skip
        report_counts(self.pipeline.name, "ingest", counts)
        self._counts = counts
        asset_event = context["outlet_events"][dataset_asset(self.pipeline)]
        asset_event.add_partitions(str(workspace.partition))
        asset_event.extra = {"partition": str(workspace.partition), "batch": result.batch_id, **counts}
        self.log.info(
            "Partition %s %s: %s in %s, %d refused by AEP, %d late, %d changed, %d vanished, %d forgotten",
            workspace.partition, "was already active" if result.again else "is active", counted(result.active, "row"),
            ", ".join(result.batches) or "no batch", result.refused, late, compared["changed"], compared["vanished"],
            forgotten,
        )  # fmt: skip
        for listed in result.listed:
            self.log.warning("AEP lists errors on %s", listed)
        summary: Summary = {
            "digest": staged.digest,
            "batch": result.batch_id,
            "again": result.again,
            "counts": counts,
        }
        return summary | ({"listed": list(result.listed)} if result.listed else {})


def _poll_briefly(workspace: Workspace, aep: AepClient, batch_id: str) -> bool:
    """Poll a completed batch for a few seconds; return whether AEP has finished it in this time.

    A temporary error of AEP ends the polling with False. The task is then deferred, so that ``BatchTrigger`` continues
    to poll and the error does not use up a try of the task.
    """
    for seconds in _POLL_SECONDS:
        workspace.clock.sleep(seconds)
        try:
            found = aep.batches.find(batch_id)
        except Transient:
            return False
        if found is not None and classify_status(found.status) in _ENDED:
            return True
    return False
