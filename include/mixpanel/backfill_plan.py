"""The plan of a backfill: which consecutive days one export request fetches. Pure functions of days, volumes and limits."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta

_DAY = timedelta(days=1)
_NEIGHBOURS = 7
"""The number of nearest days with a known volume that an estimate uses: a week, which has busy and quiet days."""


@dataclass(frozen=True, order=True)
class Window:
    """Consecutive days, both ends included, that one request exports."""

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
    """The limits of a window.

    ``most_bytes``: the compressed size of its exports, which are in the scratch folder until all of them are published.
    ``unknown_days``: the most days of a window when no day's volume is known.
    """

    most_days: int = 30
    most_bytes: int = 2 * 1024**3
    unknown_days: int = 7

    def limited_to(self, days: int) -> WindowLimits:
        """Return limits with at most ``days`` days in a window."""
        return WindowLimits(min(self.most_days, days), self.most_bytes, min(self.unknown_days, days))


def plan_windows(days: Collection[date], bytes_of: Mapping[date, int], limits: WindowLimits) -> list[Window]:
    """Return the windows that fetch exactly ``days``, in order, each as long as the limits allow.

    ``bytes_of``: the compressed size in bytes of the export of each day whose volume is known, in or outside ``days``.
    A day whose volume alone exceeds the limit gets a window with only that day.
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
    """Return the expected compressed size of a day's export, in bytes.

    The size is that in ``bytes_of``, else the largest size of the seven nearest days in ``bytes_of``, else 0.
    """
    if day in bytes_of:
        return bytes_of[day]
    nearest = sorted(bytes_of, key=lambda known: (abs(known - day), known))[:_NEIGHBOURS]
    return max((bytes_of[known] for known in nearest), default=0)


def halved_window_size(days: int) -> int:
    """Return the window size after a request for ``days`` days was truncated or too large; at least 1."""
    return max(1, days // 2)


def cell_of(day: date, start_date: date, size: int) -> Window:
    """Return the cell that contains ``day``: cells are consecutive spans of ``size`` days, beginning at ``start_date``.

    A window never crosses a cell boundary, so tasks of different cells never wait for each other.
    """
    number = (day - start_date).days // size
    first = start_date + number * size * _DAY
    return Window(first, first + (size - 1) * _DAY)


def cells(days: Collection[date], start_date: date, size: int) -> Iterator[tuple[Window, list[date]]]:
    """Yield each cell (see ``cell_of``) that contains some of ``days``, in order, with these days in order."""
    found: dict[Window, list[date]] = {}
    for day in sorted(set(days)):
        found.setdefault(cell_of(day, start_date, size), []).append(day)
    yield from found.items()


def plan_backfill(
    days: Collection[date], bytes_of: Mapping[date, int], start_date: date, limits: WindowLimits
) -> list[Window]:
    """Return the windows of a complete backfill of ``days``, in order, planned separately for each cell (``cell_of``).

    If ``bytes_of`` is empty, only the first window is limited to ``unknown_days``: its request measures the volume. The
    later windows are then an estimate, limited by the number of days only.
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
