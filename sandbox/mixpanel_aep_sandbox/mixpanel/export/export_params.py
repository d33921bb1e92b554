"""Parsing of an export's parameters, with the checks and error texts of Mixpanel."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from mixpanel_aep_sandbox.mixpanel.errors import MixpanelError
from mixpanel_aep_sandbox.mixpanel.models.projects import Project
from mixpanel_aep_sandbox.mixpanel.parameters import Params, Test

_MAX_ROWS = 100_000


@dataclass(frozen=True)
class ExportParams:
    """The parsed parameters of an export.

    Attributes:
        from_date: the first exported day.
        to_date: the last exported day.
        events: the names of the exported events; None: all events.
        where: returns whether an event is exported; None: all events are.
        limit: the maximum number of rows; None: no limit.
        time_in_ms: whether ``time`` is exported in milliseconds; otherwise in seconds.
    """

    from_date: date
    to_date: date
    events: frozenset[str] | None
    where: Test | None
    limit: int | None
    time_in_ms: bool


def parse_export_params(params: Params, project: Project, now: datetime) -> ExportParams:
    """Parse and validate the parameters of an export of the project at the time ``now``.

    Parameters of old signed requests, and ``workspace_id``, are ignored.

    Raises:
        MixpanelError: 400 for invalid parameters, 403 for days that the project's plan does not include.
    """
    from_date, to_date = params.day("from_date"), params.day("to_date")
    today = project.today(now)
    if to_date > today:
        raise MixpanelError(400, "to_date cannot be later than today")
    if from_date > to_date:
        raise MixpanelError(400, "from_date cannot be later than to_date", echo=True)
    check_history(project, from_date, today)
    longest = project.switches.max_export_days
    if longest is not None and (to_date - from_date).days >= longest:
        raise MixpanelError(400, f"date range cannot be longer than {longest} days", echo=True)
    return ExportParams(
        from_date=from_date,
        to_date=to_date,
        # An empty array does not restrict the export, so all events are exported.
        events=frozenset(params.strings("event") or ()) or None,
        where=params.where(),
        limit=params.integer("limit", least=1, most=_MAX_ROWS),
        time_in_ms=params.flag("time_in_ms"),
    )


def check_history(project: Project, from_date: date, today: date) -> None:
    """Check that the project's plan includes the days of a request.

    Args:
        project: the project.
        from_date: the first requested day.
        today: the current date in the project's time zone.

    Raises:
        MixpanelError: 403 if ``from_date`` is earlier than the number of past days that the plan includes.
    """
    days = project.history_days
    if days is not None and from_date < today - timedelta(days):
        raise MixpanelError(403, f"Date range exceeds {days} days into the past")
