"""Plan a backfill: compute which export requests a range of days needs, before the backfill runs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from include.clock import Clock
from include.config.model import Pipeline
from include.lake.history import Source
from include.lake.keys import PartitionKey
from include.lake.lake import Lake
from include.lake.manifest import Manifest
from include.lake.manifests import days_in_lake, manifests_of, newest
from include.mixpanel.backfill_plan import Window, WindowLimits, expected_bytes, plan_backfill
from include.mixpanel.event_time import settled_at
from include.steps.export.export_request import ExportRequest
from include.steps.workspace import Workspace

MOST_EXPORTS_AN_HOUR = 60
"""Mixpanel's rate limit per project (source: docs.mixpanel.com/reference/rate-limits)."""
_NEWEST_DAYS = 28
"""The most days outside of the range from which an estimate is made: four weeks."""


@dataclass(frozen=True)
class BackfillPlan:
    """The export requests of a backfill: one request for each of ``windows``.

    ``exported``: days that already have an export. ``before_start``, ``after_end``: days outside the pipeline's dates.
    ``unsettled``: days that are not complete yet.
    """

    windows: tuple[Window, ...]
    exported: tuple[date, ...]
    before_start: tuple[date, ...]
    after_end: tuple[date, ...]
    unsettled: tuple[date, ...]
    bytes_by_window: tuple[int, ...]
    """The expected compressed bytes of each window, in the order of ``windows``; 0 if no day's volume is known."""
    events: tuple[int, ...] = ()
    """The number of events of each known day: of ``exported``, or of the lake's newest days if that is empty."""

    @property
    def is_estimate(self) -> bool:
        """Whether no day's volume is known, so that the windows after the first one may change."""
        return bool(self.windows) and not self.exported

    @property
    def days(self) -> int:
        """The number of days in all windows."""
        return sum(map(len, self.windows))

    @property
    def hours(self) -> float:
        """The full hours by which Mixpanel's rate limit delays the backfill; the first 60 requests are not delayed."""
        return max(0, len(self.windows) - 1) // MOST_EXPORTS_AN_HOUR


def backfill_plan(
    lake: Lake, pipeline: Pipeline, source: Source, first: date, last: date, clock: Clock
) -> BackfillPlan:
    """Return the export requests that a backfill from ``first`` to ``last`` (both included) needs now."""
    missing, exported, sizes = list[date](), dict[date, Manifest](), dict[date, int]()
    before, after, unsettled = list[date](), list[date](), list[date]()
    now, end = clock.now(), pipeline.end_date or last
    for number in range((last - first).days + 1):
        day = first + timedelta(days=number)
        if day < pipeline.start_date:
            before.append(day)
        elif day > end:
            after.append(day)
        elif settled_at(day, pipeline.mixpanel, pipeline.settle_hours) > now:
            unsettled.append(day)
        elif (
            found := ExportRequest.of(place := Workspace.of(lake, pipeline, day, clock), source).latest()
        ) is None:
            missing.append(day)
        else:
            exported[day], sizes[day] = found, _bytes_of_day(place, found)
    limits = WindowLimits().limited_to(pipeline.mixpanel.backfill_window_days)
    windows = plan_backfill(missing, sizes, pipeline.start_date, limits)
    events = [found.rows for found in exported.values()]
    return BackfillPlan(
        tuple(windows),
        tuple(exported),
        tuple(before),
        tuple(after),
        tuple(unsettled),
        tuple(sum(expected_bytes(day, sizes) for day in window.days) for window in windows),
        tuple(events or _events_of_newest_days(lake, pipeline)),
    )


def _bytes_of_day(workspace: Workspace, export: Manifest) -> int:
    """Return the compressed bytes of a day; the files of a delta have only some of the lines."""
    of_base = _bytes_of_day(workspace, workspace.require("export", export.delta.base)) if export.delta else 0
    return of_base + sum(file.bytes for file in export.files)


def _events_of_newest_days(lake: Lake, pipeline: Pipeline) -> list[int]:
    """Return the number of events of the newest exported days in the lake."""
    days = [PartitionKey(pipeline.name, day) for day in days_in_lake(lake, pipeline.name)[-_NEWEST_DAYS:]]
    exports = (newest(manifests_of(lake, day, "export")) for day in days)
    return [export.rows for export in exports if export is not None]
