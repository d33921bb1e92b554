"""Parameters of an export, checked as Mixpanel checks them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from mixpanel_aep_sandbox.mixpanel.errors import MixpanelError
from mixpanel_aep_sandbox.mixpanel.models.projects import Project
from mixpanel_aep_sandbox.mixpanel.parameters import Params, Test

_MAX_ROWS = 100_000


@dataclass(frozen=True)
class ExportParams:
    """The parameters of an export."""

    from_date: date
    to_date: date
    events: frozenset[str] | None
    where: Test | None
    limit: int | None
    time_in_ms: bool


def read(params: Params, project: Project, now: datetime) -> ExportParams:
    """Return the parameters of an export; those of old signed requests, and ``workspace_id``, have no effect.

    Raises:
        MixpanelError: 400 for invalid parameters, 403 for days that the plan does not include.
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
        # An empty array selects nothing in particular, so all events are exported.
        events=frozenset(params.names("event") or ()) or None,
        where=params.where(),
        limit=params.whole("limit", least=1, most=_MAX_ROWS),
        time_in_ms=params.flag("time_in_ms"),
    )


def check_history(project: Project, from_date: date, today: date) -> None:
    """Raise MixpanelError (403) for a day before the history that the project's plan includes."""
    days = project.history_days
    if days is not None and from_date < today - timedelta(days):
        raise MixpanelError(403, f"Date range exceeds {days} days into the past")
