"""Plans the changes to the pipeline's own field group, to the schema, and to the schema's identities."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from include.aep.setup import changes as setup_changes
from include.aep.setup.field_group import FieldGroupPlan
from include.aep.setup.identities import pointer_of
from include.aep.setup.profile import ProfilePlan
from include.aep.setup.requirements import SetupRequirements
from include.aep.setup.state import AepState
from include.xdm.mapping.destinations import Names


def field_group_changes(group: FieldGroupPlan | None) -> Iterator[setup_changes.Change]:
    """Yield the change that creates or extends the pipeline's own field group; nothing if no change is needed."""
    if group is None:
        return
    if group.group_id is None:
        yield setup_changes.CreateFieldGroup(
            f"create field group {group.title!r} with {_describe_count(group.added)}",
            f"created field group {group.title!r}",
            "aep.field_group",
            group.added,
            body=group.body,
        )
    elif group.operations:
        clauses = {"add to": group.added, "relax constraints in": group.relaxed}
        whats = [
            f"{verb} field group {group.title!r}: {_describe_count(rows)}"
            for verb, rows in clauses.items()
            if rows
        ]
        pasts = {"added to": group.added, "relaxed constraints in": group.relaxed}
        dones = [
            f"{verb} field group {group.title!r}: {_join_names(rows)}" for verb, rows in pasts.items() if rows
        ]
        yield setup_changes.GrowFieldGroup(
            "; ".join(whats), "; ".join(dones), "aep.field_group", (*group.added, *group.relaxed), plan=group
        )


def _describe_count(fields: setup_changes.Details) -> str:
    return f"{len(fields)} field{'s' if len(fields) > 1 else ''}"


def _join_names(fields: setup_changes.Details) -> str:
    return ", ".join(f"{path} ({what})" for path, what in fields)


def schema_changes(
    state: AepState, requirements: SetupRequirements, parts: tuple[str, ...], group: FieldGroupPlan | None
) -> Iterator[setup_changes.Change]:
    """Yield the change that creates the schema, or that adds the missing field groups to it.

    ``parts``: the ``$id``s of the class and field groups to add, without the pipeline's own field group (``group``).
    """
    title = requirements.pipeline.aep.schema_name
    with_own_group = group is not None and (group.group_id is None or group.group_id not in state.references)
    rows = [(str(state.parts[part].get("title", part)), part) for part in parts]
    if with_own_group and group is not None:
        rows.append((group.title, "the pipeline's own"))
    if state.schema is None:
        yield setup_changes.CreateSchema(
            f"create schema {title!r} of {len(rows)} parts",
            f"created schema {title!r}",
            "aep.schema",
            tuple(rows),
            title=title,
            description=f"Mixpanel events of pipeline {requirements.pipeline.name}.",
            parts=parts,
            with_own_group=with_own_group,
        )
    elif parts or with_own_group:
        names = ", ".join(repr(name) for name, _ in rows)
        what = "the field group" if len(rows) == 1 else f"{len(rows)} field groups"
        yield setup_changes.ExtendSchema(
            f"add {names} to schema {title!r}",
            f"added {what} to schema {title!r}",
            "aep.field_groups" if parts else "aep.field_group",
            tuple(rows),
            parts=parts,
            with_own_group=with_own_group,
        )


def identity_changes(
    requirements: SetupRequirements,
    fields: Mapping[str, Names],
    marked: Mapping[Names, str],
    profile: ProfilePlan,
) -> Iterator[setup_changes.Change]:
    """Yield a change for each schema field of an identity that the schema does not mark as an identity yet.

    ``fields``: the schema field of each Mixpanel property in ``identities``. ``marked``: the namespaces of the fields
    that are already marked.
    """
    taken = set(marked)
    for source, names in fields.items():
        if names in taken:
            continue
        taken.add(names)
        code, pointer = requirements.pipeline.namespaces[source], pointer_of(names)
        primary = source == profile.primary
        kind = "primary identity" if primary else "identity"
        yield setup_changes.MarkIdentity(
            f"mark {pointer} as {kind} {code}",
            f"marked {pointer} as {kind} {code}",
            "aep.primary_identity" if primary else "identities",
            pointer=pointer,
            namespace=code,
            primary=primary,
        )


def profile_changes(requirements: SetupRequirements, profile: ProfilePlan) -> Iterator[setup_changes.Change]:
    """Yield the change that enables the schema for Profile, if the plan requires it."""
    if profile.enable_schema:
        title = requirements.pipeline.aep.schema_name
        what = f"schema {title!r} for Profile"
        yield setup_changes.EnableSchema(f"enable {what}", f"enabled {what}", "aep.profile")


def namespace_notes(
    requirements: SetupRequirements, fields: Mapping[str, Names], marked: Mapping[Names, str]
) -> Iterator[str]:
    """Yield a sentence for each field that is already an identity of a namespace that differs from ``identities``."""
    for source, names in fields.items():
        code = requirements.pipeline.namespaces[source]
        if names in marked and marked[names] != code and not marked[names].isdecimal():
            yield (
                f"Field {pointer_of(names)} of schema {requirements.pipeline.aep.schema_name!r} remains an identity of namespace "
                f"{marked[names]}; identities has {code} for {source}, which is used in identityMap."
            )
