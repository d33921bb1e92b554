"""``run``: run the five steps of days, without Airflow."""

from __future__ import annotations

from typing import Annotated

import typer

from include.cli.console import Output
from include.cli.options import Day, OptionalDay, days_from_to
from include.cli.project import Project
from include.cli.run_day import days_runner

Again = Annotated[
    bool, typer.Option("--again", help="Export the days again, even if they were exported before.")
]
Replace = Annotated[
    bool,
    typer.Option(
        "--replace", help="Load the days in place of the active rows, after a change of the mapping."
    ),
]


def run(
    project: Project,
    out: Output,
    *,
    day: Day,
    last: OptionalDay = None,
    again: Again = False,
    replace: Replace = False,
) -> None:
    """Load a day, or a range of days, and wait for AEP.

    The steps are export, transform, validate, stage and ingest. Work that an
    earlier run has finished is not repeated, so the command can be repeated at
    any time.
    """
    days = days_from_to(day, last, "the run")
    results: list[dict[str, object]] = []
    out.so_far = {"pipeline": project.pipeline.name, "days": results}
    with days_runner(project, out, days, again=again, replace=replace) as runner:
        for each in days:
            results.append(runner.run(each))
    out.result(out.so_far)
