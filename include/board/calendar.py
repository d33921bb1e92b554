"""Computes the calendar, the funnel and the bar charts of the board, as sizes and texts for its HTML templates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from include.board.days import Day, State
from include.board.sentences import date_words
from include.plural import counted

_SHADES = 5
_CHART_WIDTH, _CHART_HEIGHT = 720.0, 120.0
_MAX_BARS = 120


@dataclass(frozen=True)
class Cell:
    """One day of the calendar.

    Attributes:
        day: the day.
        state: the state of the day.
        label: the text of the tooltip.
        shade: the intensity of the colour, from 1 to 5, by the number of events.
        column: the day of the week, from 1 for Monday to 7 for Sunday.
    """

    day: date
    state: State
    label: str
    shade: int
    column: int


@dataclass(frozen=True)
class Month:
    """One month of the calendar, with a title such as ``June 2026`` and its days, oldest first."""

    title: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Bar:
    """One bar of a chart: the position of its upper left corner, its size, and the text of its tooltip (``label``).

    Positions and sizes are in the units of the SVG's view box.
    """

    x: float
    y: float
    width: float
    height: float
    label: str


@dataclass(frozen=True)
class Chart:
    """A bar chart of a value over time.

    Attributes:
        title: the title.
        bars: the bars, oldest first.
        top: the largest value, as text with its unit.
        first: the first day, as ``YYYY-MM-DD``.
        last: the last day, as ``YYYY-MM-DD``.
        unit: the unit of the values, as in :func:`figure`.
        width: the width of the SVG's view box.
        height: the height of the SVG's view box.
    """

    title: str
    bars: tuple[Bar, ...]
    top: str
    first: str
    last: str
    unit: str = ""
    width: float = _CHART_WIDTH
    height: float = _CHART_HEIGHT


def months(days: Sequence[Day], most: int | None = None) -> list[Month]:
    """Return the months of the calendar that shows ``days``.

    Args:
        days: the days, newest first.
        most: the largest number of months; None: all.

    Returns:
        The months, newest first.
    """
    largest = max((day.volume for day in days), default=0)
    by_month: dict[tuple[int, int], list[Cell]] = {}
    for day in days:
        month = (day.day.year, day.day.month)
        if month not in by_month and len(by_month) == most:
            break
        shade = 1 + min(_SHADES - 1, day.volume * _SHADES // (largest + 1)) if largest else 1
        cell = Cell(day.day, day.state, cell_label(day), shade, day.day.isoweekday())
        by_month.setdefault(month, []).append(cell)
    return [Month(f"{cells[0].day:%B %Y}", tuple(reversed(cells))) for cells in by_month.values()]


def cell_label(day: Day) -> str:
    """Return the text about a day for tooltips and screen readers: its date, its state and its numbers of events."""
    text = f"{date_words(day.day)}: {day.state.value}"
    if day.facts is None or not day.facts.counts.exported:
        return text
    counts = day.facts.counts
    return (
        f"{text}; {counts.exported:,} exported, {counts.active:,} active, {counted(counts.duplicates, 'duplicate')}, "
        f"{counts.not_sent:,} quarantined"
    )


@dataclass(frozen=True)
class FunnelBar:
    """One bar of the funnel, which shows how many of a day's exported events are left after each step.

    Attributes:
        name: what the bar counts, such as ``Duplicates removed``.
        count: the number of events.
        x: where the bar begins, as a percentage of the chart's width.
        width: the width of the bar, as a percentage of the chart's width.
        kind: ``whole`` or ``active`` for events that are left; ``taken`` for events that a step removed, drawn at the
            end of the bar above; ``none`` if a step removed none.
    """

    name: str
    count: int
    x: float
    width: float
    kind: str


def funnel(day: Day) -> list[FunnelBar]:
    """Return the bars of a day's funnel, from the exported events to the active rows, in the order of the steps.

    The list is empty if the day has no exported events.
    """
    if day.facts is None or not day.facts.counts.exported:
        return []
    counts = day.facts.counts
    scale = 100.0 / max(counts.exported, counts.active)
    left = counts.exported
    parts = [FunnelBar("Exported by Mixpanel", left, 0, left * scale, "whole")]
    for name, taken in (("Duplicates removed", counts.duplicates), ("Quarantined", counts.quarantined)):
        left -= taken
        parts.append(FunnelBar(name, taken, left * scale, taken * scale, "taken" if taken else "none"))
    staged = max(counts.staged, sum(batch.rows for batch in day.facts.batches) + counts.refused)
    parts.append(FunnelBar("Staged for AEP", staged, 0, staged * scale, "whole"))
    if counts.refused:
        parts.append(
            FunnelBar(
                "Refused by AEP", counts.refused, counts.active * scale, counts.refused * scale, "taken"
            )
        )
    parts.append(FunnelBar("Active in AEP", counts.active, 0, counts.active * scale, "active"))
    return parts


def chart(
    title: str, values: Sequence[tuple[date, float]], unit: str = "", *, mean: bool = False
) -> Chart | None:
    """Return a bar chart with at most 120 bars; for more days, a bar stands for several consecutive days.

    Args:
        title: the title.
        values: a value for each day, oldest first.
        unit: the unit of the values, as in :func:`figure`.
        mean: whether a bar for several days shows the mean of their values instead of the sum.

    Returns:
        The chart, or None if all values are 0.
    """
    if not values or not any(value for _, value in values):
        return None
    size = -(-len(values) // _MAX_BARS)
    spans = [values[start : start + size] for start in range(0, len(values), size)]
    totals = [sum(value for _, value in span) / (len(span) if mean else 1) for span in spans]
    top = max(totals)
    width = _CHART_WIDTH / len(spans)
    bars = []
    for number, (span, total) in enumerate(zip(spans, totals, strict=True)):
        height = _CHART_HEIGHT * total / top
        named = str(span[0][0]) if len(span) == 1 else f"{span[0][0]} to {span[-1][0]}"
        label = f"{named}: {figure(total, unit)}"
        gap = min(1.0, width / 5)
        bars.append(Bar(number * width, _CHART_HEIGHT - height, max(0.5, width - gap), height, label))
    return Chart(title, tuple(bars), figure(top, unit), str(values[0][0]), str(values[-1][0]), unit)


def figure(value: float, unit: str = "") -> str:
    """Return a number as text with its unit: ``5,030 events``, ``1.2 GB`` (unit ``bytes``), ``0.52 %`` (unit ``%``)."""
    if unit == "bytes":
        for name, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
            if value >= size:
                return f"{value / size:,.1f} {name}"
        return f"{value:,.0f} bytes"
    if unit == "%":
        return f"{value:.2f} %"
    return (
        f"{value:,.0f} {unit}".strip()
        if value >= 10 or value == int(value)
        else f"{value:,.1f} {unit}".strip()
    )
