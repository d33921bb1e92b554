"""Export: one day of raw events from Mixpanel into the lake."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from include.mixpanel.event_time import require_closed, settled_at
from include.steps.workspace import Workspace
from mixpanel_aep.operators.base import PartitionOperator, Summary


class MixpanelExportOperator(PartitionOperator):
    """Waits (deferred) until the day has settled, then exports it."""

    def run_step(self, workspace: Workspace, context: Mapping[str, Any]) -> Summary:
        """Export the partition once it has settled."""
        now, source = workspace.clock.now(), self.pipeline.mixpanel
        require_closed(workspace.partition.day, source, now)
        settled = settled_at(workspace.partition.day, source, self.pipeline.settle_hours)
        if now < settled:
            self.log.info("Partition %s settles at %s; waiting until then", workspace.partition, settled)
            self.defer_until(settled)
        return self.summary(workspace, self.steps(workspace, context).export())
