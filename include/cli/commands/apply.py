"""``apply``: make the changes in AEP that ``plan`` shows."""

from __future__ import annotations

from include.aep.setup import Change, apply_plan, plan_pipeline
from include.cli.console import Output
from include.cli.progress import show_activity, show_progress
from include.cli.project import Project


def apply(project: Project, out: Output) -> None:
    """Make in AEP the changes that plan shows.

    Nothing is removed or restricted. A second run changes nothing.
    """
    aep, owner = project.aep, project.owner
    with show_activity("Reading AEP"):
        found = plan_pipeline(project.pipeline, aep, owner, project.neighbours)
    with show_progress("Changing AEP", len(found.changes), "changes") as count:

        def done(change: Change) -> None:
            count(1)
            out.print_status("+", "", change.done)

        made = apply_plan(found, aep, owner, done)
    out.result(found.to_json() | {"schema": made.schema_id, "dataset": made.dataset_id})
    for note in found.notes:
        out.print_status("!", "", note)
    if not found.changes:
        out.title("AEP has everything. Nothing was changed.")
