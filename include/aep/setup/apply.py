"""Plans the changes that a pipeline needs in AEP, and executes a plan exactly as it was planned."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from include.aep.client import AepClient
from include.aep.ownership import Ownership
from include.aep.profile import is_enabled
from include.aep.profile_batches import Neighbours, profile_batch_notes
from include.aep.setup.changes import Change, ChangeContext
from include.aep.setup.plan import Plan, plan_setup
from include.aep.setup.requirements import SetupRequirements
from include.aep.setup.state import read_state
from include.config.model import Pipeline
from include.errors import AccessDenied
from include.lake.lake import Lake


@dataclass(frozen=True)
class SetupResult:
    """The result of an executed plan.

    Attributes:
        dataset_id: the id of the pipeline's dataset.
        schema_id: the ``$id`` of its schema.
        changes: a clause in the past tense for each change that was made; empty if nothing was missing.
        notes: sentences for the user about what setup does not change, or about limits.
    """

    dataset_id: str
    schema_id: str
    changes: list[str]
    notes: list[str]


def plan_pipeline(
    pipeline: Pipeline,
    aep: AepClient,
    owner: Ownership,
    neighbours: Callable[[], Neighbours] = Neighbours,
) -> Plan:
    """Read AEP's state and return the changes that a pipeline needs, without any change in AEP.

    Args:
        pipeline: the pipeline, from its file.
        aep: the client of the pipeline's AEP connection.
        owner: the owner with which the ownership tags of the dataset are compared.
        neighbours: returns the other pipelines that load into the AEP sandbox, which count toward Adobe's maximum of
            batches a day; called only if the dataset is or will be enabled for Profile.

    Raises:
        ForeignLake, AnotherSource, AnotherPipeline: the dataset's tags name another owner; a pipeline that
            ``aep.formerly`` names is accepted.
        ConfigError, SchemaError, DatasetMissing: the plan cannot succeed; see ``plan_setup``.
    """
    requirements = SetupRequirements.of(pipeline)
    state = read_state(aep, requirements)
    owner.require_owner(state.dataset)
    owner.require_retagging(state.dataset, pipeline.aep.formerly)
    tags = state.dataset["tags"] if state.dataset else {}
    plan = plan_setup(state, requirements, owner.missing_tags(tags))
    if not pipeline.aep.profile and not is_enabled(tags):
        return plan
    notes = profile_batch_notes(pipeline, neighbours(), aep, has_history=state.dataset is not None)
    return replace(plan, notes=(*plan.notes, *notes))


def apply_plan(
    plan: Plan, aep: AepClient, owner: Ownership, on_change: Callable[[Change], None] | None = None
) -> SetupResult:
    """Execute the changes of a plan in their order; ``on_change`` is called after each change.

    Raises:
        AccessDenied: the credential does not have the permission that the message names. The changes before it were
            made; another setup makes the rest.
        AlreadyExists: another user has created one of the objects since the plan was made.
    """
    if owner.lake is not None:
        owner.lake.check_writable()
    context = ChangeContext(aep, owner, plan.schema_id, plan.group_id, plan.dataset_id)
    for number, change in enumerate(plan.changes):
        try:
            change.send(context)
        except AccessDenied as refused:
            raise AccessDenied(
                f"AEP did not permit this credential to {change.what}: it needs the permission {change.permission!r}. {number} of "
                f"{len(plan.changes)} changes were made. {refused.sentence}",
                f"In AEP, under Permissions, an administrator must add {change.permission!r} to a role of the credential. Then run "
                "setup again; it continues with the missing changes.",
            ) from None
        if on_change is not None:
            on_change(change)
    return SetupResult(
        context.dataset_id, context.schema_id, [change.done for change in plan.changes], list(plan.notes)
    )


def setup_pipeline(
    pipeline: Pipeline,
    aep: AepClient,
    lake: Lake | None = None,
    *,
    source: str | None = None,
    pipelines: Iterable[str] = (),
    on_change: Callable[[Change], None] | None = None,
) -> SetupResult:
    """Plan the changes that a pipeline needs in AEP, and execute the plan immediately.

    A ``lake`` without an id gets one, which is written into a tag of the dataset. ``source`` and ``pipelines``: see
    :class:`Ownership`. ``on_change`` is called after each change.

    Raises:
        ConfigError, SchemaError, DatasetMissing: the plan cannot succeed; nothing was changed.
        ForeignLake, AnotherSource, AnotherPipeline: the dataset's tags name another owner; nothing was changed.
        UnsafeStore, LakeError, AccessDenied: the lake cannot be written safely; nothing was changed.
        AccessDenied: the credential lacks a permission in AEP; earlier changes may have been made (``apply_plan``).
    """
    owner = Ownership(pipeline.name, lake, source, frozenset(pipelines))
    return apply_plan(plan_pipeline(pipeline, aep, owner), aep, owner, on_change)
