"""Executes a plan exactly as it is. Nothing is read again to decide; what is missing is found by the next plan."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from include.aep.client import AepClient
from include.aep.ownership import Ownership
from include.aep.profile import is_enabled
from include.aep.profile_batches import profile_batch_notes
from include.aep.setup.changes import Change, ChangeContext
from include.aep.setup.plan import Plan, plan_setup
from include.aep.setup.requirements import SetupRequirements
from include.aep.setup.state import read_state
from include.config.model import Pipeline
from include.errors import AccessDenied
from include.lake.lake import Lake


@dataclass(frozen=True)
class SetupResult:
    """What was made, one clause each; ``changes`` is empty when everything was there. ``notes``: what was left alone,
    one sentence each."""

    dataset_id: str
    schema_id: str
    changes: list[str]
    notes: list[str]


def plan_pipeline(
    pipeline: Pipeline, aep: AepClient, owner: Ownership, others: Sequence[Pipeline] = ()
) -> Plan:
    """Read AEP's state and return the plan; send nothing that changes anything.

    ``others``: the other pipelines of the installation, whose batches count to the same guardrail of Profile.

    Raises:
        ForeignLake, AnotherSource, AnotherPipeline: the dataset's tags name another owner; of a pipeline, one that
            ``aep.formerly`` does not name.
        ConfigError, SchemaError, DatasetMissing: the plan could not succeed as a whole; see ``plan_setup``.
    """
    requirements = SetupRequirements.of(pipeline)
    state = read_state(aep, requirements)
    owner.require(state.dataset)
    owner.require_retagging(state.dataset, pipeline.aep.formerly)
    tags = state.dataset["tags"] if state.dataset else {}
    plan = plan_setup(state, requirements, owner.missing(tags))
    if not pipeline.aep.profile and not is_enabled(tags):
        return plan
    notes = profile_batch_notes(pipeline, others, aep, has_history=state.dataset is not None)
    return replace(plan, notes=(*plan.notes, *notes))


def apply_plan(
    plan: Plan, aep: AepClient, owner: Ownership, on_change: Callable[[Change], None] | None = None
) -> SetupResult:
    """Make the changes of a plan in their order; ``on_change`` is called after each.

    Raises:
        AccessDenied: the credential lacks a right, which is named; running it again continues.
        AlreadyExists: someone else made the same thing since the plan was made.
    """
    if owner.lake is not None:
        owner.lake.check_writable()
    doing = ChangeContext(aep, owner, plan.schema_id, plan.group_id, plan.dataset_id)
    for number, change in enumerate(plan.changes):
        try:
            change.send(doing)
        except AccessDenied as refused:
            raise AccessDenied(
                f"AEP did not let this credential {change.what}: it needs the right {change.right!r}. {number} of "
                f"{len(plan.changes)} changes were made. {refused.sentence}",
                f"In AEP, under Permissions, an administrator adds {change.right!r} to a role of the credential. Then run "
                "setup again: it continues with what is missing.",
            ) from None
        if on_change is not None:
            on_change(change)
    return SetupResult(
        doing.dataset_id, doing.schema_id, [change.done for change in plan.changes], list(plan.notes)
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
    """Plan what a pipeline needs in AEP, and make it.

    With a ``lake`` it gets an id, and the dataset a tag with it. ``source`` is the Mixpanel project as
    ``<region>/<project id>``, ``pipelines`` the names of all pipeline files; see :class:`Ownership`.

    Raises:
        ConfigError, SchemaError, DatasetMissing: it cannot succeed as a whole; nothing was sent.
        ForeignLake, AnotherSource, AnotherPipeline: the dataset's tags name another owner; nothing was sent.
        UnsafeStore, LakeError, AccessDenied: the lake cannot be written safely; nothing was sent.
        AccessDenied: the credential lacks a right; see ``apply_plan``.
    """
    owner = Ownership(pipeline.name, lake, source, frozenset(pipelines))
    return apply_plan(plan_pipeline(pipeline, aep, owner), aep, owner, on_change)
