"""Export: one day of raw events from Mixpanel into the lake."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NoReturn

from airflow.providers.standard.triggers.temporal import DateTimeTrigger

from include.errors import Throttled
from include.mixpanel.time import require_closed, settled_at
from include.steps.workspace import Workspace
from mixpanel_aep.errors import explained
from mixpanel_aep.hooks.mixpanel import MixpanelHook
from mixpanel_aep.operators.base import PartitionOperator, Summary


class MixpanelExportOperator(PartitionOperator):
    """Waits (deferred) until the day has settled, then exports it; deferred again while the budget is used up."""

    def execute(self, context: Mapping[str, Any], event: Any = None) -> Summary:  # noqa: ARG002
        try:
            with explained(leave=Throttled):
                return self.run_step(self.workspace(context), context)
        except Throttled as throttled:
            self.log.info("%s", throttled)
            self._come_back(self.workspace(context).clock.now() + timedelta(seconds=throttled.wait_seconds))

    def run_step(self, workspace: Workspace, context: Mapping[str, Any]) -> Summary:  # noqa: ARG002
        from include.steps.export import export_partition

        now, source = workspace.clock.now(), self.pipeline.mixpanel
        require_closed(workspace.partition.day, source, now)
        settled = settled_at(workspace.partition.day, source, self.pipeline.settle_hours)
        if now < settled:
            self.log.info("Partition %s settles at %s; waiting until then", workspace.partition, settled)
            self._come_back(settled)
        hook = MixpanelHook(source.conn_id, workspace.lake)
        manifest = export_partition(workspace, hook.settings().project_id, hook.get_conn())
        return self.summary(workspace, manifest)

    def _come_back(self, moment: datetime) -> NoReturn:
        self.defer(trigger=DateTimeTrigger(moment=moment), method_name="execute")
        raise AssertionError("defer does not return")
