"""What a backfill of a range of days requests from Mixpanel, before it runs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from include.clock import Clock
from include.config.model import Pipeline
from include.lake.history import Source
from include.lake.lake import Lake
from include.mixpanel.backfill_plan import Window, WindowLimits, expected_bytes, plan_backfill
from include.mixpanel.event_time import settled_at
from include.steps.export.export_request import ExportRequest
from include.steps.workspace import Workspace

MOST_EXPORTS_AN_HOUR = 60
"""Per Mixpanel project: docs.mixpanel.com/reference/rate-limits."""


@dataclass(frozen=True)
class BackfillPlan:
    """The windows of a backfill. ``exported``: days that need no request.

    ``before_start``, ``after_end``, ``unsettled``: days that are not loadable, by cause.
    """

    windows: tuple[Window, ...]
    exported: tuple[date, ...]
    before_start: tuple[date, ...]
    after_end: tuple[date, ...]
    unsettled: tuple[date, ...]
    bytes_by_window: tuple[int, ...]
    """The compressed bytes to expect of each window; 0 where no volume is known."""

    @property
    def is_estimate(self) -> bool:
        """Whether the volume of no day is known, so that only the first window is certain."""
        return bool(self.windows) and not self.exported

    @property
    def days(self) -> int:
        """The number of days that are requested."""
        return sum(map(len, self.windows))

    @property
    def hours(self) -> float:
        """The time that Mixpanel's rate limit alone takes: the first 60 requests may be sent at once."""
        return max(0, len(self.windows) - 1) // MOST_EXPORTS_AN_HOUR


def backfill_plan(
    lake: Lake, pipeline: Pipeline, source: Source, first: date, last: date, clock: Clock
) -> BackfillPlan:
    """Return what a backfill from ``first`` to ``last`` requests now: one window for each request."""
    missing, exported = list[date](), dict[date, int]()
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
        elif (found := ExportRequest.of(Workspace.of(lake, pipeline, day, clock), source).latest()) is None:
            missing.append(day)
        else:
            exported[day] = sum(file.bytes for file in found.files)
    limits = WindowLimits().limited_to(pipeline.mixpanel.backfill_window_days)
    windows = plan_backfill(missing, exported, pipeline.start_date, limits)
    sizes = (sum(expected_bytes(day, exported) for day in window.days) for window in windows)
    return BackfillPlan(
        tuple(windows), tuple(exported), tuple(before), tuple(after), tuple(unsettled), tuple(sizes)
    )
