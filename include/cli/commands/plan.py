"""``plan``: show the changes that a pipeline needs in AEP before they are made."""

from __future__ import annotations

from include.aep.setup import Change, Plan, plan_pipeline
from include.cli.console import Output
from include.cli.progress import working
from include.cli.project import Project


def plan(project: Project, out: Output) -> None:
    """Show every change that apply would make. Send nothing."""
    with working("Reading AEP"):
        found = plan_pipeline(project.pipeline, project.aep, project.owner, project.neighbours)
    out.result(found.to_json())
    _show(found, out)
    if not found.changes:
        out.title("AEP has everything. Nothing to do.")


def _show(found: Plan, out: Output) -> None:
    for change in found.changes:
        out.print_status("+", "", _sentence(change))
        out.table("", [("", *row) for row in change.details])
    for note in found.notes:
        out.print_status("!", "", note)


def _sentence(change: Change) -> str:
    return f"{change.what} (cannot be undone; from {change.word})" if change.permanent else change.what
