"""Select the days that reconcile exports again, and count late events of older days."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime, timedelta

from include.config.model import Pipeline
from include.lake.keys import PartitionKey
from include.lake.lake import Lake
from include.mixpanel.event_time import settled_at
from include.mixpanel.stored_day import property_text, stored_day
from include.steps.export.step import Exporter
from include.steps.export.stored_exports import seen_until

_WHOLE = re.compile(r"-?\d{1,18}", re.ASCII)
_SINCE = timedelta(days=7)
"""Late events count if Mixpanel processed them within this time: reconcile may fail for a week and miss none."""


def last_settled_day(pipeline: Pipeline, now: datetime) -> date:
    """Return the last day of the pipeline that may be exported; it may be before the pipeline's first day."""
    last = now.astimezone(pipeline.mixpanel.day_zone).date() - timedelta(days=1)
    if pipeline.end_date is not None:
        last = min(last, pipeline.end_date)
    while settled_at(last, pipeline.mixpanel, pipeline.settle_hours) > now:
        last -= timedelta(days=1)
    return last


def days_to_reconcile(pipeline: Pipeline, now: datetime) -> list[date]:
    """Return the last ``late_days`` days of the pipeline that have settled, oldest first."""
    last = last_settled_day(pipeline, now)
    days = [last - timedelta(days=number) for number in reversed(range(pipeline.late_days))]
    return [day for day in days if day >= pipeline.start_date]


def window_start(pipeline: Pipeline, now: datetime) -> date:
    """Return the first day that reconcile exports again; with ``late_days: 0``, the day after the last settled one."""
    return min(days_to_reconcile(pipeline, now), default=last_settled_day(pipeline, now) + timedelta(days=1))


def late_beyond_window(
    lake: Lake, pipeline: Pipeline, mixpanel: Exporter, before: date, now: datetime
) -> dict[date, int]:
    """Count the late events of days before ``before``: events that the last export of their day may not contain.

    They are found with one export of all events that Mixpanel processed recently. Days without an export are not
    counted.
    """
    last = before - timedelta(days=1)
    if last < pipeline.start_date:
        return {}
    source = pipeline.mixpanel
    since_ms = int((now - _SINCE).timestamp() * 1000)
    lately = f'number(properties["mp_processing_time_ms"]) >= {since_ms}'
    where = f"({source.where}) and {lately}" if source.where else lately
    with mixpanel.export(
        pipeline.start_date, last, events=source.events, where=where, time_in_ms=source.time_in_ms
    ) as lines:
        return _unseen_events(lake, pipeline, lines)


def _unseen_events(lake: Lake, pipeline: Pipeline, lines: Iterable[bytes]) -> dict[date, int]:
    until: dict[date, datetime | None] = {}
    late: Counter[date] = Counter()
    for line in lines:
        day, processed_ms = stored_day(line, in_ms=pipeline.mixpanel.time_in_ms), _processed_ms(line)
        if day is None or processed_ms is None:
            continue
        if day not in until:
            until[day] = seen_until(lake, PartitionKey(pipeline.name, day))
        seen = until[day]
        late[day] += seen is not None and processed_ms > seen.timestamp() * 1000
    return {day: count for day, count in sorted(late.items()) if count}


def _processed_ms(line: bytes) -> int | None:
    """Return the ``mp_processing_time_ms`` of a line; None if it is not a whole number."""
    text = property_text(line, "mp_processing_time_ms") or ""
    return int(text) if _WHOLE.fullmatch(text) else None
