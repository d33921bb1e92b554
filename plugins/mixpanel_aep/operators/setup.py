"""Setup: what a pipeline needs in AEP, made when it is missing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from include.config.loader import pipeline_names
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
        from include.aep.setup import setup_pipeline

        with explained():
            refuse_conf(context)
            result = setup_pipeline(
                self.pipeline,
                AepHook(self.pipeline.aep.conn_id).get_conn(),
                open_lake(self.pipeline),
                source=str(MixpanelHook(self.pipeline.mixpanel.conn_id).settings().source),
                pipelines=pipeline_names(),
            )
        for change in result.changes:
            self.log.info("%s: %s", self.pipeline.name, change)
        for note in result.notes:
            self.log.warning("%s: %s", self.pipeline.name, note)
        if not result.changes:
            self.log.info("%s: everything is there, nothing was changed", self.pipeline.name)
        return {"dataset": result.dataset_id, "schema": result.schema_id, "changes": result.changes}
