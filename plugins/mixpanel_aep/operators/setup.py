"""The task of the setup DAG: creates the objects that a pipeline needs in AEP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from include.config.loader import known_pipeline_names
from include.config.model import Pipeline
from include.errors import AlreadyExists
from mixpanel_aep.context import open_lake, validate_conf
from mixpanel_aep.errors import translate_errors
from mixpanel_aep.hooks.aep import AepHook
from mixpanel_aep.hooks.mixpanel import MixpanelHook
from mixpanel_aep.operators.base import Summary, TerminableOperator, neighbours_of

if TYPE_CHECKING:
    from airflow.sdk import Context

    from include.aep.setup.plan import Plan

_PLANS = 4
"""The maximum number of plans in one setup.

The task plans again if another setup has created the same object in AEP at the same time.
"""


class AepSetupOperator(TerminableOperator):
    """Creates the namespaces, field group, schema, identity descriptors and dataset of a pipeline, if they are missing.

    :param pipeline: the pipeline.
    """

    ui_color = "#f4f0fb"

    def __init__(self, *, pipeline: Pipeline, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.pipeline = pipeline

    def execute(self, context: Context) -> Summary:
        """Plan the changes, log and apply them, and return the dataset's id, the schema's id and the changes."""
        from include.aep.ownership import Ownership
        from include.aep.setup import apply_plan, plan_pipeline

        name = self.pipeline.name
        with translate_errors():
            validate_conf(context)
            aep = AepHook(self.pipeline.aep.conn_id).get_conn()
            source = str(MixpanelHook(self.pipeline.mixpanel.conn_id).settings().source)
            owner = Ownership(name, open_lake(self.pipeline), source, known_pipeline_names(self.pipeline))
            for remaining in reversed(range(_PLANS)):
                plan = plan_pipeline(self.pipeline, aep, owner, lambda: neighbours_of(self.pipeline))
                self._log_plan(plan)
                try:
                    result = apply_plan(
                        plan, aep, owner, lambda made: self.log.info("%s: %s", name, made.done)
                    )
                    break
                except AlreadyExists as conflict:
                    if not remaining:
                        raise
                    self.log.info(
                        "%s: %s Planning again, because another pipeline may have created it.",
                        name,
                        conflict.sentence,
                    )
        if not result.changes:
            self.log.info("%s: AEP has everything; nothing was changed", name)
        return {"dataset": result.dataset_id, "schema": result.schema_id, "changes": result.changes}

    def _log_plan(self, plan: Plan) -> None:
        for change in plan.changes:
            undone = " (cannot be undone)" if change.permanent else ""
            self.log.info("%s, planned: %s%s", self.pipeline.name, change.what, undone)
        for note in plan.notes:
            self.log.warning("%s: %s", self.pipeline.name, note)


def shared_resources(pipeline: Pipeline) -> set[tuple[str, str]]:
    """Return the objects in AEP that the setup of a pipeline may change, as pairs of a kind and a name.

    Pipelines with an object in common are set up one after the other. Identity namespaces are not included, because
    they are only created: if two setups create the same one, a second plan finds it.
    """
    target = pipeline.aep
    shared = {("dataset", target.dataset), ("schema", target.schema_name)}
    return shared | ({("field group", str(target.field_group))} if target.field_group is not None else set())
