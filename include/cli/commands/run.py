"""``run``: run the five steps of days, without Airflow."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

import typer

from include.cli.console import Output
from include.cli.options import Day, DayRange, OptionalDay, days_of
from include.cli.project import Project
from include.cli.run_day import days_runner
from include.errors import ConfigError

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

    The steps are export, transform, validate, stage and ingest. Finished work of
    an earlier run is found and not repeated, so a run can be repeated at any time.
    """
    days = _days(day, last)
    results: list[dict[str, Any]] = []
    out.so_far = {"pipeline": project.pipeline.name, "days": results}
    with days_runner(project, out, days, again=again, replace=replace) as runner:
        for each in days:
            results.append(runner.run(each))
    out.result(out.so_far)


def _days(first: date, last: date | None) -> list[date]:
    last = last or first
    if last < first:
        raise ConfigError(
            f"The last day of the run ({last}) is before the first ({first}).",
            "Give the earlier day first, then the later one.",
        )
    return days_of(DayRange(first, last)) or []
