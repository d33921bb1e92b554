"""Show the progress of work that takes longer than two seconds, in a terminal, with the rate and the remaining time."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

AFTER_SECONDS = 2.0
"""How long work must take before its progress is shown."""


class Meter:
    """The progress of a piece of work, which the code that does the work updates.

    Without a total, the count and the rate are shown, but no remaining time.
    """

    def __init__(self, progress: Progress, text: str, unit: str, total: float | None) -> None:
        self._progress = progress
        self._task = progress.add_task(text, total=total, unit=unit)

    def __call__(self, more: float = 1) -> None:
        """Add ``more`` units of finished work."""
        self._progress.update(self._task, advance=more)

    def set_progress(self, done: float, total: float | None = None) -> None:
        """Set the finished units of work, and the total; None leaves the total unchanged."""
        self._progress.update(self._task, completed=done, total=total)

    def describe(self, text: str) -> None:
        """Set the text that describes the current work."""
        self._progress.update(self._task, description=text)


class _RateColumn(ProgressColumn):
    """A column with the progress and the rate, such as ``412/5,030 events, 206/s``."""

    def render(self, task: Task) -> Text:
        """Return the text of the column."""
        unit = task.fields["unit"]
        if not unit:
            return Text("")
        of = f"/{task.total:,.0f}" if task.total is not None else ""
        rate = f", {_rate_text(task.speed)}/s" if task.speed else ""
        return Text(f"{task.completed:,.0f}{of} {unit}{rate}")


class _TimeColumn(TimeRemainingColumn):
    """The remaining time; if it is unknown, the time since the work began."""

    def render(self, task: Task) -> Text:
        """Return the text of the column."""
        if task.total is None or task.time_remaining is None:
            return Text(str(timedelta(seconds=int(task.elapsed or 0))))
        return super().render(task) + Text(" left")


@contextmanager
def show_progress(text: str, total: float | None, unit: str) -> Iterator[Meter]:
    """Show the progress of the work inside the block on standard error, if that is a terminal.

    Args:
        text: describes the work.
        total: the number of units of work; None if unknown.
        unit: the name of the units in the plural, such as ``events``.
    """
    console = Console(stderr=True)
    progress = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        *((BarColumn(bar_width=8),) if unit else ()),
        _RateColumn(),
        _TimeColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
        # Output during the work goes above the bar; redirected standard output stays redirected.
        redirect_stdout=sys.stdout.isatty(),
    )
    timer = threading.Timer(AFTER_SECONDS, progress.start)
    timer.daemon = True
    meter = Meter(progress, text, unit, total)
    if console.is_terminal:
        timer.start()
    try:
        yield meter
    finally:
        timer.cancel()
        if timer.is_alive():
            timer.join()  # the timer may be starting the bar in this moment
        progress.stop()


@contextmanager
def show_activity(text: str) -> Iterator[Meter]:
    """Show on a terminal that the work ``text`` is in progress inside the block, without a count or a rate."""
    with show_progress(text, None, "") as meter:
        yield meter


def _rate_text(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"
