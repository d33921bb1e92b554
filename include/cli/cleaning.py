"""``clean``: remove from the lake what the pipeline's retention does not keep."""

from __future__ import annotations

import argparse

from include.cli.printing import say
from include.cli.project import Project
from include.steps.clean import clean


def clean_lake(project: Project, arguments: argparse.Namespace) -> int:
    """Clean the pipeline's part of the lake, or only count what would go; no connection is needed."""
    done = clean(project.lake, project.pipeline, project.clock.now(), dry_run=arguments.dry_run)
    say("ok", "would" if arguments.dry_run else "clean", str(done))
    return 0
