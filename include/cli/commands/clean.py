"""``clean``: remove files from the lake whose retention has ended."""

from __future__ import annotations

from typing import Annotated

import typer

from include.cli.console import Output
from include.cli.progress import show_activity
from include.cli.project import Project
from include.steps.retention import clean as clean_lake

DryRun = Annotated[bool, typer.Option("--dry-run", help="Only count what would be removed.")]


def clean(project: Project, out: Output, *, dry_run: DryRun = False) -> None:
    """Remove files from the lake whose retention has ended.

    No connection is needed.
    """
    with show_activity("Reading the lake"):
        done = clean_lake(project.lake, project.pipeline, project.clock.now(), dry_run=dry_run)
    out.print_status("ok", "would" if dry_run else "clean", str(done))
    out.result({"pipeline": project.pipeline.name, "dry_run": dry_run, **done.counts})
