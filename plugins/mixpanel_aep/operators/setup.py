"""Setup: what a pipeline needs in AEP, made when it is missing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from include.config.loader import load_readable_pipelines, neighbour_names
from include.config.model import Pipeline
from mixpanel_aep.context import open_lake, refuse_conf
from mixpanel_aep.errors import explained
from mixpanel_aep.hooks.aep import AepHook
from mixpanel_aep.hooks.mixpanel import MixpanelHook
from mixpanel_aep.operators.base import EndsWhenTold


class AepSetupOperator(EndsWhenTold):
    """Namespaces, field group, schema, identity descriptors and dataset of one pipeline; run twice changes nothing."""

    ui_color = "#f4f0fb"

    def __init__(self, *, pipeline: Pipeline, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.pipeline = pipeline

    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        from include.aep.ownership import Ownership
        from include.aep.setup import apply_plan, plan_pipeline

        name = self.pipeline.name
        with explained():
            refuse_conf(context)
            aep = AepHook(self.pipeline.aep.conn_id).get_conn()
            source = str(MixpanelHook(self.pipeline.mixpanel.conn_id).settings().source)
            owner = Ownership(name, open_lake(self.pipeline), source, neighbour_names(self.pipeline))
            plan = plan_pipeline(self.pipeline, aep, owner, load_readable_pipelines(but=name)[0])
            for change in plan.changes:
                undone = " (cannot be undone)" if change.permanent else ""
                self.log.info("%s, planned: %s%s", name, change.what, undone)
            for note in plan.notes:
                self.log.warning("%s: %s", name, note)
            result = apply_plan(plan, aep, owner, lambda made: self.log.info("%s: %s", name, made.done))
        if not result.changes:
            self.log.info("%s: everything is there, nothing was changed", name)
        return {"dataset": result.dataset_id, "schema": result.schema_id, "changes": result.changes}
