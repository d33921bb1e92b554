"""The task ``export``: stores one day of raw events from Mixpanel in the lake."""

from __future__ import annotations

from typing import TYPE_CHECKING

from include.mixpanel.event_time import require_closed, settled_at
from include.steps.workspace import Workspace
from mixpanel_aep.operators.base import PartitionOperator, Summary

if TYPE_CHECKING:
    from airflow.sdk import Context


class MixpanelExportOperator(PartitionOperator):
    """Defers until the run's day has settled, then exports its events from Mixpanel into the lake."""

    def run_step(self, workspace: Workspace, context: Context) -> Summary:
        """Export the day, or defer the task until the day has settled."""
        now, source = workspace.clock.now(), self.pipeline.mixpanel
        require_closed(workspace.partition.day, source, now)
        settled = settled_at(workspace.partition.day, source, self.pipeline.settle_hours)
        if now < settled:
            self.log.info("Partition %s settles at %s; waiting until then", workspace.partition, settled)
            self.defer_until(settled)
        return self.summary(workspace, self.steps(workspace, context).export())
