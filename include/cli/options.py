"""Define the arguments and options that several commands have, with functions that parse and check their values."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from include.config.loader import pipeline_names, pipelines_folder
from include.config.model import LAST_DAY
from include.errors import ConfigError

MAX_NUMBER = 100_000
"""The largest number that an option accepts."""
_MAX_REASON_CHARACTERS = 500


class DayRange(NamedTuple):
    """A range of days: the first and the last day, both included."""

    first: date
    last: date


def parse_day(text: str) -> date:
    """Convert a text such as ``2026-07-01`` to a date.

    Raises:
        typer.BadParameter: the text is not a date in that form, or the date is after ``LAST_DAY``.
    """
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a day. Write a day like 2026-07-01.") from None
    if day > LAST_DAY:
        raise typer.BadParameter(f"{day} is too late: the last day is {LAST_DAY}.")
    return day


def parse_days(text: str) -> DayRange:
    """Convert a text such as ``2026-07-01..2026-07-31``, or a single day such as ``2026-07-01``, to a range of days.

    Raises:
        typer.BadParameter: the text has neither form, or the last day is before the first.
    """
    first, dots, last = text.partition("..")
    days = DayRange(parse_day(first), parse_day(last if dots else first))
    if days.last < days.first:
        raise typer.BadParameter(
            f"{days.last} is before {days.first}. Give the earlier day first, then the later one, as in 2026-07-01..2026-07-31."
        )
    return days


def days_in_range(days: DayRange | None) -> list[date] | None:
    """Return every day of a range, in order; None if ``days`` is None."""
    return days_from_to(days.first, days.last, "the range") if days is not None else None


def days_from_to(first: date, last: date | None, what: str) -> list[date]:
    """Return the days from ``first`` to ``last``, both included, in order; only ``first`` if ``last`` is None.

    ``what``: what the days are for, such as ``the run``, for the error's text.

    Raises:
        ConfigError: ``last`` is before ``first``.
    """
    last = last or first
    if last < first:
        raise ConfigError(
            f"The last day of {what} ({last}) is before the first ({first}).",
            "Give the earlier day first, then the later one.",
        )
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def parse_reason(text: str) -> str:
    """Check the reason that a person gives for a manual change, and return it without surrounding spaces.

    Raises:
        typer.BadParameter: the text is empty, longer than 500 characters, or has several lines.
    """
    if not text.strip() or len(text) > _MAX_REASON_CHARACTERS or not text.isprintable():
        raise typer.BadParameter(
            f"Write a reason on one line, in at most {_MAX_REASON_CHARACTERS} characters."
        )
    return text.strip()


def _complete_pipeline(incomplete: str) -> Iterator[str]:
    """Yield the names of pipelines that begin with ``incomplete``, for the completion of the shell."""
    yield from (name for name in pipeline_names() if name.startswith(incomplete))


PipelineName = Annotated[
    str,
    typer.Argument(
        metavar="PIPELINE",
        help="The name of a pipeline file, without .yaml.",
        autocompletion=_complete_pipeline,
        show_default=False,
    ),
]
Day = Annotated[
    date, typer.Argument(metavar="DAY", help="A day like 2026-07-01.", parser=parse_day, show_default=False)
]
OptionalDay = Annotated[
    date | None,
    typer.Argument(metavar="LAST_DAY", help="The last day of a range.", parser=parse_day, show_default=False),
]
OptionalDays = Annotated[
    DayRange | None,
    typer.Argument(
        metavar="DAY..DAY",
        help="A day, or a range like 2026-07-01..2026-07-31.",
        parser=parse_days,
        show_default=False,
    ),
]
Why = Annotated[
    str, typer.Option("--why", metavar="TEXT", help="The reason, stored in the record.", parser=parse_reason)
]
OptionalWhy = Annotated[
    str | None,
    typer.Option("--why", metavar="TEXT", help="The reason, stored in the records.", parser=parse_reason),
]
Batch = Annotated[str, typer.Option("--batch", metavar="ID", help="The batch's id in AEP.")]
ShowValues = Annotated[
    bool, typer.Option("--show-values", help="Show values of events. They may be personal data.")
]
Connections = Annotated[
    Path | None,
    typer.Option(
        "--connections", metavar="FILE", help="A file with connections, like airflow_settings.yaml."
    ),
]
Pipelines = Annotated[
    Path,
    typer.Option(
        "--pipelines",
        metavar="FOLDER",
        help="The folder of the pipeline files.",
        default_factory=pipelines_folder,
        show_default="MIXPANEL_AEP_PIPELINES, or include/pipelines",
    ),
]
LakeUrl = Annotated[
    str | None,
    typer.Option("--lake", metavar="URL", help="The lake, if the pipeline file does not name one."),
]
Json = Annotated[bool, typer.Option("--json", help="Print the result as one JSON object.")]
Debug = Annotated[
    bool,
    typer.Option(
        "--debug",
        help="Show the traceback of an error.",
        envvar="MIXPANEL_AEP_DEBUG",
        show_envvar=True,
    ),
]
