"""Divides the days of a backfill into windows, each of which one export request fetches.

Mixpanel limits the number of export requests, so a window should contain many days, but its exports must fit into the
scratch folder. The functions are pure: they depend on days, volumes and limits only.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta

_DAY = timedelta(days=1)
_NEIGHBOURS = 7
"""From how many days a day's volume is estimated: a week, because volumes differ by the day of the week."""


@dataclass(frozen=True, order=True)
class Window:
    """Consecutive days, from ``first`` to ``last`` inclusive, which one request exports."""

    first: date
    last: date

    @property
    def days(self) -> list[date]:
        """The days of the window, in order."""
        return [self.first + number * _DAY for number in range(len(self))]

    def __len__(self) -> int:
        return (self.last - self.first).days + 1

    def __contains__(self, day: date) -> bool:
        return self.first <= day <= self.last

    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first}..{self.last}"


@dataclass(frozen=True)
class WindowLimits:
    """The maximum size of a window.

    Attributes:
        most_days: the maximum number of days.
        most_bytes: the maximum expected size of the compressed exports together, in bytes. They are all in the scratch
            folder until the last of them is published.
        unknown_days: the maximum number of days while the volume of no day is known.
    """

    most_days: int = 30
    most_bytes: int = 2 * 1024**3
    unknown_days: int = 7

    def limited_to(self, days: int) -> WindowLimits:
        """Return these limits with at most ``days`` days in a window."""
        return WindowLimits(min(self.most_days, days), self.most_bytes, min(self.unknown_days, days))


def plan_windows(days: Collection[date], bytes_of: Mapping[date, int], limits: WindowLimits) -> list[Window]:
    """Return windows that together contain exactly ``days``, in order, each as long as the limits permit.

    ``bytes_of``: the size of the compressed export in bytes, for each day of the project where it is known. A day that
    alone exceeds the limit is a window of its own.
    """
    most_days = limits.most_days if bytes_of else min(limits.most_days, limits.unknown_days)
    windows: list[Window] = []
    filled = 0
    for day in sorted(set(days)):
        expected = expected_bytes(day, bytes_of)
        open_window = windows[-1] if windows else None
        if (
            open_window is not None
            and day == open_window.last + _DAY
            and len(open_window) < most_days
            and filled + expected <= limits.most_bytes
        ):
            windows[-1], filled = Window(open_window.first, day), filled + expected
        else:
            windows.append(Window(day, day))
            filled = expected
    return windows


def expected_bytes(day: date, bytes_of: Mapping[date, int]) -> int:
    """Return the expected size of a day's compressed export in bytes.

    It is the size in ``bytes_of`` or, for a day that is not in it, the largest size of the seven nearest days; 0 if
    ``bytes_of`` is empty.
    """
    if day in bytes_of:
        return bytes_of[day]
    nearest = sorted(bytes_of, key=lambda known: (abs(known - day), known))[:_NEIGHBOURS]
    return max((bytes_of[known] for known in nearest), default=0)


def halved_window_size(days: int) -> int:
    """Return for how many days to request at once after an export of ``days`` days was truncated or too large."""
    return max(1, days // 2)


def cell_of(day: date, start_date: date, size: int) -> Window:
    """Return the cell of the calendar that contains ``day``.

    Cells are consecutive spans of ``size`` days from ``start_date`` on. Each window is within one cell, so tasks that
    export days of different cells do not have to wait for each other.
    """
    number = (day - start_date).days // size
    first = start_date + number * size * _DAY
    return Window(first, first + (size - 1) * _DAY)


def cells(days: Collection[date], start_date: date, size: int) -> Iterator[tuple[Window, list[date]]]:
    """Yield each cell (see ``cell_of``) that contains some of ``days``, with those days, both in ascending order."""
    found: dict[Window, list[date]] = {}
    for day in sorted(set(days)):
        found.setdefault(cell_of(day, start_date, size), []).append(day)
    yield from found.items()


def plan_backfill(
    days: Collection[date], bytes_of: Mapping[date, int], start_date: date, limits: WindowLimits
) -> list[Window]:
    """Return the windows of a backfill of ``days``, in order; no window crosses the boundary of a cell (``cell_of``).

    If no volume is known (``bytes_of`` is empty), the first window has at most ``limits.unknown_days`` days, because
    its export measures the volume. The other windows are then an estimate that is limited by the number of days only.
    """
    windows: list[Window] = []
    for _, days_of_cell in cells(days, start_date, limits.most_days):
        left = days_of_cell
        if not bytes_of and not windows:
            windows = plan_windows(days_of_cell, bytes_of, limits)[:1]
            left = [day for day in days_of_cell if day > windows[0].last]
            limits = replace(limits, unknown_days=limits.most_days)
        windows += plan_windows(left, bytes_of, limits)
    return windows
