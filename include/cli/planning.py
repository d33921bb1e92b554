"""``plan`` and ``apply``: what AEP lacks, told; and made."""

from __future__ import annotations

import argparse

from include.aep.client import AepClient
from include.aep.ownership import Ownership
from include.aep.plan import plan_field_group, refers_to
from include.aep.setup import find_schema, setup_pipeline
from include.cli.printing import say, table, title
from include.cli.project import Project
from include.config.model import Pipeline


def plan(project: Project, arguments: argparse.Namespace) -> int:  # noqa: ARG001
    """Tells what apply would do; sends nothing that changes anything."""
    if not _tell(project.pipeline, project.aep, project.owner):
        title("AEP has everything. Nothing to do.")
    return 0


def apply(project: Project, arguments: argparse.Namespace) -> int:  # noqa: ARG001
    """Makes what is missing, one line for each thing."""
    result = setup_pipeline(
        project.pipeline,
        project.aep,
        project.lake,
        source=project.owner.source,
        pipelines=project.owner.pipelines,
    )
    for change in result.changes:
        say("+", "", change)
    for note in result.notes:
        say("!", "", note)
    if not result.changes:
        title("AEP has everything. Nothing was changed.")
    return 0


def _tell(pipeline: Pipeline, aep: AepClient, owner: Ownership) -> bool:
    """Prints what is to be made; whether there is anything."""
    dataset = aep.catalog.find_dataset(pipeline.aep.dataset)
    owner.require(dataset)
    group = plan_field_group(pipeline, aep.registry)
    schema = find_schema(pipeline, aep.registry)
    parts = []
    if group and group.added:
        verb = "add to" if group.group_id else "create"
        title(f"{verb} field group {group.title!r}: {len(group.added)} fields")
        table("+", group.added)
    if group and group.loosened:
        title(f"loosen in field group {group.title!r}: {len(group.loosened)} fields")
        table("+", group.loosened)
    parts += [
        f"identity namespace {code}"
        for code in sorted(set(pipeline.namespaces.values()) - aep.identity.codes())
    ]
    if schema is None:
        parts.append(f"schema {pipeline.aep.schema_name!r}")
    elif group and (group.group_id is None or not refers_to(schema, group.group_id)):
        parts.append(f"the field group in schema {pipeline.aep.schema_name!r}")
    if dataset is None:
        parts.append(f"dataset {pipeline.aep.dataset!r}")
    tags = owner.missing(dataset["tags"] if dataset else {})
    parts += [f"tag {name} of dataset {pipeline.aep.dataset!r}: {value}" for name, value in tags.items()]
    for part in parts:
        say("+", "", part)
    for note in group.notes if group else []:
        say("!", "", note)
    return bool(parts or (group and (group.added or group.loosened)))
