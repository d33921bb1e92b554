"""The rules for alerts about a pipeline as a whole: missing days, results of refreshes, and credentials."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from include.alerts.alert import Alert, name_list
from include.alerts.rules import alert_settings, page_path
from include.board.index import BoardIndex
from include.config.model import Pipeline
from include.mixpanel.event_time import settled_at
from include.plural import counted, is_or_are
from include.steps.reconcile.audited_day import COMPLETE, Remedy

_LAST_WARNING_DAYS = 7

_MAX_DAYS_NAMED = 10


@dataclass(frozen=True)
class RefreshedDay:
    """What a refresh of one day has found, in numbers of rows.

    Attributes:
        day: the day.
        late: the late rows that were loaded.
        vanished: the active rows that Mixpanel no longer returns.
        active: all active rows of the day.
    """

    day: date
    late: int
    vanished: int
    active: int


def missing_days_alerts(pipeline: Pipeline, index: BoardIndex, now: datetime) -> Iterator[Alert]:
    """Yield one alert about all days that the last audit found incomplete and whose grace period has ended."""
    complete = {status.value for status in COMPLETE}
    grace = timedelta(hours=pipeline.missing_grace_hours)
    overdue = []
    for text, verdict in sorted(index.verdicts.items()):
        settled = settled_at(date.fromisoformat(text), pipeline.mixpanel, pipeline.settle_hours)
        if verdict.status not in complete and now - settled > grace:
            overdue.append((text, verdict))
    if not overdue:
        return
    named = "; ".join(f"{text} ({verdict.reason})" for text, verdict in overdue[:_MAX_DAYS_NAMED])
    more = f"; and {len(overdue) - _MAX_DAYS_NAMED} more" if len(overdue) > _MAX_DAYS_NAMED else ""
    remedies = dict.fromkeys(
        Remedy[verdict.remedy].value for _, verdict in overdue if verdict.remedy in Remedy.__members__
    )
    remedy = "; or ".join(filter(None, remedies)).replace("PIPELINE", pipeline.name)
    yield Alert(
        "missing",
        pipeline.name,
        None,
        f"{counted(len(overdue), 'day')} of pipeline {pipeline.name} {is_or_are(len(overdue))} missing in AEP: {named}{more}.",
        f"Open the board. Remedies by reason: {remedy or 'run a backfill'}.",
        tuple(text for text, _ in overdue),
        page_path(pipeline, None),
    )


def refresh_alerts(
    pipeline: Pipeline, refreshed: Sequence[RefreshedDay], beyond: Mapping[str, int]
) -> Iterator[Alert]:
    """Yield one alert about all days of a refresh with too many late or vanished events.

    Args:
        pipeline: the pipeline.
        refreshed: the result of each refreshed day.
        beyond: the number of late events, by day, for days before the refreshed ones; these events are not loaded.
    """
    settings, parts = alert_settings(pipeline), []
    for each in refreshed:
        total = max(1, each.active)
        if settings.max_late is not None and each.late / total > settings.max_late:
            parts.append(f"{each.day}: {counted(each.late, 'late event')} loaded")
        if settings.max_vanished is not None and each.vanished / total > settings.max_vanished:
            parts.append(f"{each.day}: Mixpanel no longer returns {each.vanished:,} of the loaded events")
    if settings.max_late is not None:
        parts += [f"{day}: {counted(count, 'late event')} not loaded" for day, count in beyond.items()]
    if not parts:
        return
    yield Alert(
        "refresh",
        pipeline.name,
        None,
        f"A refresh of pipeline {pipeline.name} found: {'; '.join(parts)}.",
        "No action is needed for late events that were loaded. To remove vanished events, run their day with replace. To "
        "load late events that are not loaded, run their day with Export from Mixpanel again.",
        tuple(parts),
        page_path(pipeline, None),
    )


def credential_alerts(pipeline: Pipeline, today: date) -> Iterator[Alert]:
    """Yield an alert for each credential that expires soon or has expired.

    Its condition is another one in the last week, and after the last day, so that the alert is then sent again.
    """
    settings = alert_settings(pipeline)
    for name, last in settings.credentials.items():
        left = (last - today).days
        if left > settings.credentials_days:
            continue
        stage = "ended" if left < 0 else "last week" if left <= _LAST_WARNING_DAYS else "soon"
        when = f"expired on {last}" if left < 0 else f"expires on {last}, in {counted(left, 'day')}"
        yield Alert(
            "credentials",
            pipeline.name,
            None,
            f"Credential {name_list([name])} of pipeline {pipeline.name} {when}.",
            "Create a new credential, enter it in the Airflow connection, and change the date in the pipeline file.",
            (f"{name}/{last}/{stage}",),
            page_path(pipeline, None),
        )
