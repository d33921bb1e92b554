"""``plan`` and ``apply``: the changes that a pipeline needs in AEP, shown before they happen; and made as they were shown."""

from __future__ import annotations

import argparse
import json

from include.aep.setup import Change, Plan, apply_plan, plan_pipeline
from include.cli.printing import say, table, title
from include.cli.project import Project


def plan(project: Project, arguments: argparse.Namespace) -> int:
    """Show every change that apply would make, in its order; send nothing that changes anything."""
    found = plan_pipeline(project.pipeline, project.aep, project.owner, project.others)
    if arguments.json:
        print(json.dumps(found.to_json(), indent=2, ensure_ascii=False))
        return 0
    _show(found)
    if not found.changes:
        title("AEP has everything. Nothing to do.")
    return 0


def apply(project: Project, arguments: argparse.Namespace) -> int:
    """Make the changes, one line for each."""
    aep, owner = project.aep, project.owner
    found = plan_pipeline(project.pipeline, aep, owner, project.others)
    if arguments.json:
        result = apply_plan(found, aep, owner)
        ids = {"schema": result.schema_id, "dataset": result.dataset_id}
        print(json.dumps(found.to_json() | ids, indent=2, ensure_ascii=False))
        return 0
    apply_plan(found, aep, owner, lambda change: say("+", "", change.done))
    for note in found.notes:
        say("!", "", note)
    if not found.changes:
        title("AEP has everything. Nothing was changed.")
    return 0


def _show(found: Plan) -> None:
    for change in found.changes:
        say("+", "", _told(change))
        table("", [("   ", *row) for row in change.details])
    for note in found.notes:
        say("!", "", note)


def _told(change: Change) -> str:
    return f"{change.what} (cannot be undone; from {change.word})" if change.permanent else change.what
