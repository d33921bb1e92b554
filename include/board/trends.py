"""Computes the charts and lists on the board's page about the trends of a pipeline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from include.board.calendar import Chart, chart
from include.board.days import Day
from include.board.source import PipelineFacts
from include.config.model import Pipeline
from include.mixpanel.event_time import day_end

_MAX_PROPERTIES = 30


@dataclass(frozen=True)
class SchemaSpan:
    """Consecutive days, from ``first`` to ``last``, that were mapped with the same version of the XDM schema."""

    version: str
    first: date
    last: date


@dataclass(frozen=True)
class Trends:
    """What the board's page about the trends of a pipeline shows."""

    charts: tuple[Chart, ...]
    schemas: tuple[SchemaSpan, ...]
    properties: tuple[tuple[str, str], ...]
    """The properties without a mapping, each with the first day that has it, the newest first; at most 30."""
    bytes_raw: int
    """The size of the exports of each day's newest load, in bytes."""
    bytes_made: int
    """The size of the files that transform, validate and stage wrote for each day's newest load, in bytes."""
    bytes_a_day: float
    """The average of ``bytes_raw + bytes_made`` for one day, over the days that have a ledger."""


def trends(pipeline: Pipeline, facts: PipelineFacts, days: Sequence[Day]) -> Trends:
    """Return the trends of a pipeline. ``days``: all days of the pipeline, newest first."""
    known = [(day.day, day.facts) for day in reversed(days) if day.facts is not None]
    volume = [(day, float(found.counts.exported)) for day, found in known]
    late = [(day, float(found.counts.late)) for day, found in known]
    share = [
        (day, 100 * found.counts.not_sent / found.counts.exported if found.counts.exported else 0.0)
        for day, found in known
    ]
    waits = [(day, _hours(pipeline, day, found.first_active_at)) for day, found in known]
    total, sizes = 0, []
    for day, found in known:
        total += found.bytes_raw + found.bytes_made
        sizes.append((day, float(total)))
    charts = [
        chart("Exported events", volume, "events"),
        chart("Hours from the end of the day until it was active", waits, "h", mean=True),
        chart("Late events that were loaded later", late, "events"),
        chart("Quarantined share", share, "%", mean=True),
        chart("Lake, as written by the newest loads", sizes, "bytes", mean=True),
    ]
    newest = sorted(facts.properties.items(), key=lambda item: (item[1], item[0]), reverse=True)
    return Trends(
        charts=tuple(each for each in charts if each is not None),
        schemas=tuple(_schemas(days)),
        properties=tuple(newest[:_MAX_PROPERTIES]),
        bytes_raw=sum(found.bytes_raw for _, found in known),
        bytes_made=sum(found.bytes_made for _, found in known),
        bytes_a_day=total / len(known) if known else 0.0,
    )


def _hours(pipeline: Pipeline, day: date, at: str) -> float:
    """Return the hours from the end of a day to a time in ISO 8601; 0 if the time is empty or before the end."""
    if not at:
        return 0.0
    waited = datetime.fromisoformat(at) - day_end(day, pipeline.mixpanel.day_zone)
    return max(0.0, waited.total_seconds() / 3600)


def _schemas(days: Sequence[Day]) -> list[SchemaSpan]:
    """Return the spans of days with the same schema version, newest first. ``days``: the days, newest first."""
    found: list[SchemaSpan] = []
    for day in days:
        version = day.facts.schema_version if day.facts else ""
        if not version:
            continue
        if found and found[-1].version == version:
            found[-1] = SchemaSpan(version, day.day, found[-1].last)
        else:
            found.append(SchemaSpan(version, day.day, day.day))
    return found
