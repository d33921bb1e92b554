"""The plan: every change that a pipeline needs in AEP, in order; or why it cannot succeed. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from include.aep.catalog import is_dataset_id
from include.aep.load_id import PIPELINE_TAG
from include.aep.profile import enabled_tags, names_of, namespace_of
from include.aep.setup import changes as made
from include.aep.setup.compose import future_schema, parts_of
from include.aep.setup.field_group import FieldGroupPlan, plan_field_group
from include.aep.setup.identities import identity_fields, pointer_of
from include.aep.setup.namespaces import new_namespaces
from include.aep.setup.profile import ProfilePlan, plan_profile
from include.aep.setup.state import AepState
from include.aep.setup.wanted import Wanted
from include.errors import ConfigError, DatasetMissing, SchemaError
from include.xdm.destinations import Names
from include.xdm.mapping import bind_for
from include.xdm.schema import XdmSchema


@dataclass(frozen=True)
class Plan:
    """``changes`` in the order in which they are made. ``notes``: what is left as it is, one sentence each.

    ``schema`` is the schema as it will be. ``schema_id``, ``group_id`` and ``dataset_id`` are empty where the plan
    creates the object.
    """

    pipeline: str
    changes: tuple[made.Change, ...]
    notes: tuple[str, ...]
    schema: XdmSchema
    schema_id: str
    group_id: str
    dataset_id: str

    def to_json(self) -> dict[str, Any]:
        """Return what ``--json`` prints."""
        return {
            "pipeline": self.pipeline,
            "schema": self.schema_id or None,
            "dataset": self.dataset_id or None,
            "changes": [change.to_json() for change in self.changes],
            "notes": list(self.notes),
        }


def plan_setup(state: AepState, wanted: Wanted, tags: Mapping[str, str] | None = None) -> Plan:
    """Return every change in order. ``tags``: the dataset's missing tags that say whose it is, each with a clause.

    Raises:
        ConfigError: the pipeline file, its mapping or its identities cannot be as AEP is.
        SchemaError: schema, field groups, dataset or Profile contradict each other or the pipeline.
        DatasetMissing: there is no dataset of the id that the pipeline names.
    """
    target = wanted.pipeline.aep
    _require_target(state, wanted)
    group = None
    if wanted.group is not None:
        group = plan_field_group(wanted.group, str(target.field_group), state.group, f"_{state.tenant}")
    parts = parts_of(state, wanted)
    schema = future_schema(state, wanted, parts)
    schema.require_event()
    bound = bind_for(wanted.pipeline, wanted.rows, schema)
    marked = {names_of(descriptor): namespace_of(descriptor) for descriptor in state.identities}
    fields = identity_fields(bound, wanted.pipeline.identities, marked)
    profile = plan_profile(state, wanted, fields, has_map="identityMap" in schema.root.children)
    if profile.use is not None:
        schema = schema.for_profile(profile.use)
        bind_for(wanted.pipeline, wanted.rows, schema)
    changes = (
        *new_namespaces(state, wanted),
        *_field_group(group),
        *_schema(state, wanted, parts, group),
        *_identities(wanted, fields, marked, profile),
        *_enable_schema(wanted, profile),
        *_dataset(state, wanted, profile, tags or {}),
    )
    return Plan(
        pipeline=wanted.pipeline.name,
        changes=changes,
        notes=(*(group.notes if group else ()), *_other_namespaces(wanted, fields, marked), *profile.notes),
        schema=schema,
        schema_id=str(state.schema["$id"]) if state.schema is not None else "",
        group_id=str(group.group_id or "") if group else "",
        dataset_id=state.dataset["id"] if state.dataset is not None else "",
    )


def _require_target(state: AepState, wanted: Wanted) -> None:
    target = wanted.pipeline.aep
    if state.dataset is None and is_dataset_id(target.dataset):
        raise DatasetMissing(
            f"AEP has no dataset of the id {target.dataset}.",
            "Copy the id from AEP again, or write the name of a dataset, which setup creates.",
        )
    schema_id = state.schema["$id"] if state.schema is not None else None
    if state.dataset is not None and state.dataset["schemaRef"]["id"] != schema_id:
        has = state.dataset["schemaRef"]["id"] or "none"
        raise SchemaError(
            f"Dataset {target.dataset!r} has another schema than {target.schema_name!r}: {has}. A dataset keeps its "
            "schema for ever.",
            "Write the dataset's schema in aep.schema (its $id will do), or choose another dataset. Nothing was changed.",
        )
    if state.schema is None and wanted.group is None and not target.field_groups:
        raise ConfigError(
            f"AEP has no schema {target.schema_name!r}, and pipeline {wanted.pipeline.name} names no field group.",
            "Correct aep.schema; or name in aep.field_groups what setup shall compose the schema of, or in "
            "aep.field_group a file of include/pipelines/field_groups.",
        )
    new = [target.schema_name] if state.schema is None else []
    if wanted.group_title is not None and state.group is None:
        if wanted.group_title in new:
            raise _taken(wanted.group_title, "the field group of the same file set")
        new.append(wanted.group_title)
    for title in new:
        if holders := state.titles.get(title):
            raise _taken(title, " and ".join(f"one of the {kind}" for kind in holders))


def _taken(title: str, holder: str) -> SchemaError:
    return SchemaError(
        f"The title {title!r} cannot be given: AEP keeps titles unique over schemas, field groups, data types and "
        f"classes, and {holder} has it.",
        "Choose another title in aep.schema or in the field group file. Nothing was changed.",
    )


def _field_group(group: FieldGroupPlan | None) -> Iterator[made.Change]:
    if group is None:
        return
    if group.group_id is None:
        yield made.CreateFieldGroup(
            f"create field group {group.title!r} with {_counted(group.added)}",
            f"created field group {group.title!r}",
            "aep.field_group",
            group.added,
            body=group.body,
        )
    elif group.operations:
        clauses = {"add to": group.added, "loosen in": group.loosened}
        whats = [
            f"{verb} field group {group.title!r}: {_counted(rows)}" for verb, rows in clauses.items() if rows
        ]
        pasts = {"added to": group.added, "loosened in": group.loosened}
        dones = [
            f"{verb} field group {group.title!r}: {_listed(rows)}" for verb, rows in pasts.items() if rows
        ]
        yield made.GrowFieldGroup(
            "; ".join(whats), "; ".join(dones), "aep.field_group", (*group.added, *group.loosened), plan=group
        )


def _counted(fields: made.Details) -> str:
    return f"{len(fields)} field{'s' if len(fields) > 1 else ''}"


def _listed(fields: made.Details) -> str:
    return ", ".join(f"{path} ({what})" for path, what in fields)


def _schema(
    state: AepState, wanted: Wanted, parts: tuple[str, ...], group: FieldGroupPlan | None
) -> Iterator[made.Change]:
    title = wanted.pipeline.aep.schema_name
    own = group is not None and (group.group_id is None or group.group_id not in state.references)
    rows = [(str(state.parts[part].get("title", part)), part) for part in parts]
    if own and group is not None:
        rows.append((group.title, "the pipeline's own"))
    if state.schema is None:
        yield made.CreateSchema(
            f"create schema {title!r} of {len(rows)} parts",
            f"created schema {title!r}",
            "aep.schema",
            tuple(rows),
            title=title,
            description=f"Mixpanel events of pipeline {wanted.pipeline.name}.",
            parts=parts,
            own=own,
        )
    elif parts or own:
        names = ", ".join(repr(name) for name, _ in rows)
        what = "the field group" if len(rows) == 1 else f"{len(rows)} field groups"
        yield made.ExtendSchema(
            f"add {names} to schema {title!r}",
            f"added {what} to schema {title!r}",
            "aep.field_groups" if parts else "aep.field_group",
            tuple(rows),
            parts=parts,
            own=own,
        )


def _identities(
    wanted: Wanted, fields: Mapping[str, Names], marked: Mapping[Names, str], profile: ProfilePlan
) -> Iterator[made.Change]:
    """An identity descriptor for each field that holds an identity; a field has one only."""
    taken = set(marked)
    for source, names in fields.items():
        if names in taken:
            continue
        taken.add(names)
        code, pointer = wanted.pipeline.identities[source], pointer_of(names)
        primary = source == profile.primary
        kind = "primary identity" if primary else "identity"
        yield made.MarkIdentity(
            f"mark {pointer} as {kind} {code}",
            f"marked {pointer} as {kind} {code}",
            "aep.primary_identity" if primary else "identities",
            pointer=pointer,
            namespace=code,
            primary=primary,
        )


def _other_namespaces(
    wanted: Wanted, fields: Mapping[str, Names], marked: Mapping[Names, str]
) -> Iterator[str]:
    for source, names in fields.items():
        code = wanted.pipeline.identities[source]
        if names in marked and marked[names] != code and not marked[names].isdecimal():
            yield (
                f"Field {pointer_of(names)} of schema {wanted.pipeline.aep.schema_name!r} stays an identity of namespace "
                f"{marked[names]}; identities has {code} for {source}, which identityMap names."
            )


def _enable_schema(wanted: Wanted, profile: ProfilePlan) -> Iterator[made.Change]:
    if profile.enable_schema:
        title = wanted.pipeline.aep.schema_name
        what = f"schema {title!r} for Profile"
        yield made.EnableSchema(f"enable {what}", f"enabled {what}", "aep.profile")


def _dataset(
    state: AepState, wanted: Wanted, profile: ProfilePlan, tags: Mapping[str, str]
) -> Iterator[made.Change]:
    name, found = wanted.pipeline.aep.dataset, state.dataset
    profile_tags = enabled_tags(found["tags"] if found is not None else {}) if profile.enable_dataset else {}
    what = f"dataset {name!r}"
    if found is None:
        also = ", enabled for Profile" if profile_tags else ""
        details = tuple((f"tag {tag}", clause) for tag, clause in tags.items())
        yield made.CreateDataset(
            f"create {what}{also}",
            f"created {what}{also}",
            "aep.dataset",
            details,
            name=name,
            description=f"Mixpanel events of pipeline {wanted.pipeline.name}.",
            tags=profile_tags,
        )
        return
    if profile_tags:
        yield made.EnableDataset(
            f"enable {what} for Profile",
            f"enabled {what} for Profile",
            "aep.profile",
            tuple((f"tag {tag}", "enabled:true") for tag in profile_tags),
            dataset=found,
            tags=profile_tags,
        )
        found = {**found, "tags": {**found["tags"], **profile_tags}}
    if tags:
        yield made.TagDataset(
            f"tag {what}",
            f"tagged {what} with " + "; ".join(f"{tag}: {clause}" for tag, clause in tags.items()),
            "aep.formerly"
            if found["tags"].get(PIPELINE_TAG) and PIPELINE_TAG in tags
            else "the name, lake and Mixpanel connection of the pipeline",
            tuple((f"tag {tag}", clause) for tag, clause in tags.items()),
            dataset=found,
        )
