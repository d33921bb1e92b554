"""The days of a pipeline as months of a calendar, and as points of a chart. Pure functions; templates draw their results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from include.board.days import Day, State
from include.board.sentences import date_words
from include.plural import counted

_SHADES = 5
_CHART_WIDTH, _CHART_HEIGHT = 720.0, 120.0
_MOST_BARS = 120


@dataclass(frozen=True)
class Cell:
    """One day of a calendar. ``shade``: 1 to 5, by volume; ``column``: 1 for Monday."""

    day: date
    state: State
    label: str
    shade: int
    column: int


@dataclass(frozen=True)
class Month:
    """A month of cells, the first day first."""

    title: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Bar:
    """One bar of a chart, in the units of the chart's view box."""

    x: float
    y: float
    width: float
    height: float
    label: str


@dataclass(frozen=True)
class Chart:
    """Bars over time, oldest first. ``top``: the text of the largest value."""

    title: str
    bars: tuple[Bar, ...]
    top: str
    first: str
    last: str
    unit: str = ""
    width: float = _CHART_WIDTH
    height: float = _CHART_HEIGHT


def months(days: Sequence[Day], most: int | None = None) -> list[Month]:
    """Return the months of some days, newest month first. ``days``: newest first."""
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
    """Return the text of a cell for its tooltip and for screen readers."""
    text = f"{date_words(day.day)}: {day.state.value}"
    if day.facts is None or not day.facts.counts.exported:
        return text
    counts = day.facts.counts
    return (
        f"{text}; {counts.exported:,} exported, {counts.active:,} active, {counted(counts.duplicates, 'duplicate')}, "
        f"{counts.not_sent:,} quarantined"
    )


@dataclass(frozen=True)
class Part:
    """One bar of the funnel.

    ``kind``: ``whole`` or ``active`` for events that are left; ``taken`` for events that a step removed, drawn at the end
    of the previous bar; ``none`` for a step that removed no event.
    """

    name: str
    count: int
    x: float
    width: float
    kind: str


def funnel(day: Day) -> list[Part]:
    """Return the funnel of a day: exported events, the events that each step removed, and active rows."""
    if day.facts is None or not day.facts.counts.exported:
        return []
    counts = day.facts.counts
    scale = 100.0 / max(counts.exported, counts.active)
    left = counts.exported
    parts = [Part("Exported by Mixpanel", left, 0, left * scale, "whole")]
    for name, taken in (("Duplicates removed", counts.duplicates), ("Quarantined", counts.quarantined)):
        left -= taken
        parts.append(Part(name, taken, left * scale, taken * scale, "taken" if taken else "none"))
    staged = max(counts.staged, sum(batch.rows for batch in day.facts.batches) + counts.refused)
    parts.append(Part("Staged for AEP", staged, 0, staged * scale, "whole"))
    if counts.refused:
        parts.append(
            Part("Refused by AEP", counts.refused, counts.active * scale, counts.refused * scale, "taken")
        )
    parts.append(Part("Active in AEP", counts.active, 0, counts.active * scale, "active"))
    return parts


def chart(
    title: str, values: Sequence[tuple[date, float]], unit: str = "", *, mean: bool = False
) -> Chart | None:
    """Return a chart of some days, oldest first; many days are drawn as weeks or longer spans.

    ``mean``: a span shows the mean of its days, else their sum. None where there is nothing to draw.
    """
    if not values or not any(value for _, value in values):
        return None
    size = -(-len(values) // _MOST_BARS)
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
    """Return a number for a person: with thousands separators, bytes as MB or GB, shares in percent."""
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
