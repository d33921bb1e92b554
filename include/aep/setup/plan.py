"""Computes the changes that a pipeline needs in AEP from AEP's state and the pipeline's files, with pure functions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from include.aep.profile import descriptor_namespace, descriptor_path
from include.aep.setup import changes as setup_changes
from include.aep.setup.compose import future_schema, parts_of, require_class
from include.aep.setup.dataset_changes import dataset_changes, require_target
from include.aep.setup.field_group import FieldGroupPlan, plan_field_group
from include.aep.setup.identities import identity_fields
from include.aep.setup.namespaces import new_namespaces
from include.aep.setup.plan_errors import PlanErrors
from include.aep.setup.profile import plan_profile
from include.aep.setup.requirements import SetupRequirements
from include.aep.setup.schema_changes import (
    field_group_changes,
    identity_changes,
    namespace_notes,
    profile_changes,
    schema_changes,
)
from include.aep.setup.state import IDENTITY_MAP, AepState
from include.json_types import JsonObject
from include.xdm.mapping.mapping_set import bind_for
from include.xdm.schema.xdm_schema import XdmSchema


@dataclass(frozen=True)
class Plan:
    """The changes that a pipeline needs in AEP, which setup shows to the user and then executes.

    Attributes:
        pipeline: the name of the pipeline.
        changes: the changes, in the order of execution; empty if nothing is missing.
        notes: sentences for the user about what setup does not change, or about limits.
        schema: the schema as it will be after the plan, with Profile's requirements if they apply.
        schema_id: the ``$id`` of the schema; "" if the plan creates it.
        group_id: the ``$id`` of the pipeline's own field group; "" without one, or if the plan creates it.
        dataset_id: the id of the dataset; "" if the plan creates it.
    """

    pipeline: str
    changes: tuple[setup_changes.Change, ...]
    notes: tuple[str, ...]
    schema: XdmSchema
    schema_id: str
    group_id: str
    dataset_id: str

    def to_json(self) -> JsonObject:
        """Return the plan as ``--json`` prints it."""
        return {
            "pipeline": self.pipeline,
            "schema": self.schema_id or None,
            "dataset": self.dataset_id or None,
            "changes": [change.to_json() for change in self.changes],
            "notes": list(self.notes),
        }


def plan_setup(
    state: AepState, requirements: SetupRequirements, tags: Mapping[str, str] | None = None
) -> Plan:
    """Return the plan for a pipeline, or raise one error with the reasons why setup cannot succeed.

    Args:
        state: AEP's current state.
        requirements: the pipeline's files.
        tags: the ownership tags that the dataset lacks, each with a clause about its new value for the user.

    Raises:
        ConfigError: the pipeline file, its mapping or its identities conflict with AEP.
        SchemaError: schema, field groups, dataset or Profile contradict each other or the pipeline.
        DatasetMissing: no dataset has the id in the pipeline file.
    """
    plan_errors = PlanErrors()
    plan_errors.gather(lambda: require_target(state, requirements))
    group = plan_errors.gather(lambda: _planned_group(state, requirements))
    parts = plan_errors.gather(lambda: parts_of(state, requirements)) or ()
    namespaces = plan_errors.gather(lambda: tuple(new_namespaces(state, requirements))) or ()
    plan_errors.raise_collected()
    schema = future_schema(state, requirements, parts)
    schema.require_event()
    bound = bind_for(requirements.pipeline, requirements.rows, schema)
    marked = {
        descriptor_path(descriptor): descriptor_namespace(descriptor) for descriptor in state.identities
    }
    fields = identity_fields(bound, requirements.pipeline.identity_properties, marked)
    profile = plan_profile(state, requirements, fields, has_map=IDENTITY_MAP in {*state.references, *parts})
    if profile.use is not None:
        schema = schema.for_profile(profile.use)
        bind_for(requirements.pipeline, requirements.rows, schema)
    changes = (
        *namespaces,
        *field_group_changes(group),
        *schema_changes(state, requirements, parts, group),
        *identity_changes(requirements, fields, marked, profile),
        *profile_changes(requirements, profile),
        *dataset_changes(state, requirements, profile, tags or {}),
    )
    return Plan(
        pipeline=requirements.pipeline.name,
        changes=changes,
        notes=(
            *(group.notes if group else ()),
            *namespace_notes(requirements, fields, marked),
            *profile.notes,
        ),
        schema=schema,
        schema_id=str(state.schema["$id"]) if state.schema is not None else "",
        group_id=str(group.group_id or "") if group else "",
        dataset_id=state.dataset["id"] if state.dataset is not None else "",
    )


def _planned_group(state: AepState, requirements: SetupRequirements) -> FieldGroupPlan | None:
    if requirements.group is None:
        return None
    if state.group is not None:
        require_class(state, str(state.group["$id"]), str(requirements.group_title))
    file, tenant = str(requirements.pipeline.aep.field_group), f"_{state.tenant}"
    return plan_field_group(requirements.group, file, state.group, tenant, state.schema_class)
