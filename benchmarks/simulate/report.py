"""The results of a simulation: numbers, a page and a picture."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from benchmarks.simulate.model import GB, Figures, Workload, prices
from benchmarks.simulate.simulation import START, Outcome, lake_bytes

_DAY, _HOUR = 86_400.0, 3600.0
_WIDTH, _HEIGHT, _LEFT = 760, 150, 70
RETENTIONS: Mapping[str, int | None] = {"everything kept": None, "raw_days: 90": 90, "raw_days: 7": 7}
"""The lake's retention of exports, in days."""


@dataclass(frozen=True)
class Numbers:
    """What a page says of a simulation."""

    hours: float
    """Until the history of every pipeline is loaded."""
    median_hours: float
    backfill_requests: int
    most_requests_an_hour: int
    requests: int
    truncated: int
    retries: int
    most_batches_a_day: int
    most_profile_batches_a_day: int
    """In a calendar day, UTC."""
    most_profile_batches_in_24_hours: int
    most_gb_an_hour: float
    loaded_twice: int
    daily_delay_hours: float
    lake_gb: Mapping[str, float]
    core_hours: float
    dollars: Mapping[str, float]


def numbers(outcome: Outcome, figures: Figures) -> Numbers:
    """Return the numbers of a simulation."""
    finished = sorted(outcome.finished.values())
    at = [when for when, _, _ in outcome.batches]
    last = max(outcome.loaded.values())
    begin = START.timestamp() % _DAY
    profile = [((begin + when) // _DAY, when) for when, _, is_profile in outcome.batches if is_profile]
    lake = {name: lake_bytes(outcome, figures, days, [last])[0] / GB for name, days in RETENTIONS.items()}
    price, core_hours = prices(), outcome.core_seconds / _HOUR
    dollars = {
        "computing, once": core_hours * price["core_hour"],
        "lake requests, once": outcome.lake["write"] / 1000 * price["lake_writes_1000"]
        + outcome.lake["read"] / 1000 * price["lake_reads_1000"],
        **{f"storage a month, {name}": size * price["storage_gb_month"] for name, size in lake.items()},
    }
    return Numbers(
        hours=finished[-1] / _HOUR,
        median_hours=finished[len(finished) // 2] / _HOUR,
        backfill_requests=outcome.backfill_requests,
        most_requests_an_hour=max(outcome.most_in(each, _HOUR) for each in outcome.requests.values()),
        requests=sum(map(len, outcome.requests.values())),
        truncated=outcome.truncated,
        retries=outcome.retries,
        most_batches_a_day=outcome.most_in(at, _DAY),
        most_profile_batches_a_day=max(Counter(day for day, _ in profile).values(), default=0),
        most_profile_batches_in_24_hours=outcome.most_in([when for _, when in profile], _DAY),
        most_gb_an_hour=_most_bytes(outcome) / GB,
        loaded_twice=sum(count > 1 for count in outcome.loads.values()),
        daily_delay_hours=max(outcome.daily_delays, default=0.0) / _HOUR,
        lake_gb=lake,
        core_hours=core_hours,
        dollars=dollars,
    )


def _most_bytes(outcome: Outcome) -> float:
    """Return the most bytes of batches in a rolling hour; one batch alone may be larger than the limit."""
    ordered = sorted((when, size) for when, size, _ in outcome.batches)
    at, sums = [when for when, _ in ordered], [0.0]
    for _, size in ordered:
        sums.append(sums[-1] + size)
    return max(
        (sums[n + 1] - sums[bisect_left(at, when - _HOUR + 1.0)] for n, when in enumerate(at)), default=0.0
    )


def table(found: Mapping[str, Numbers]) -> str:
    """Return a Markdown table with a column for each simulation."""
    first = next(iter(found.values()))
    rows: list[tuple[str, Sequence[str]]] = [
        ("requests of the backfills", [f"{each.backfill_requests:,}" for each in found.values()]),
        ("most requests of a project in an hour; limit 60", [str(each.most_requests_an_hour) for each in found.values()]),
        ("truncated responses; other retries", [f"{each.truncated:,}; {each.retries:,}" for each in found.values()]),
        ("history loaded after, all pipelines", [_time(each.hours) for each in found.values()]),
        ("history loaded after, median pipeline", [_time(each.median_hours) for each in found.values()]),
        ("longest delay of a daily run", [f"{each.daily_delay_hours:.1f} h" for each in found.values()]),
        ("most batches in 24 hours", [f"{each.most_batches_a_day:,}" for each in found.values()]),
        ("most batches for Profile in a day (UTC); recommended 90", [str(each.most_profile_batches_a_day) for each in found.values()]),
        ("most batches for Profile in any 24 hours", [str(each.most_profile_batches_in_24_hours) for each in found.values()]),
        ("most GB of batches in an hour; limit 20", [f"{each.most_gb_an_hour:.1f}" for each in found.values()]),
        ("days loaded more than once", [str(each.loaded_twice) for each in found.values()]),
        ("core hours", [f"{each.core_hours:,.0f}" for each in found.values()]),
        *((f"lake, {name}", [f"{each.lake_gb[name]:,.0f} GB" for each in found.values()]) for name in first.lake_gb),
        *((f"{name}", [f"${each.dollars[name]:,.0f}" for each in found.values()]) for name in first.dollars),
    ]  # fmt: skip
    head = ["| | " + " | ".join(found) + " |", "|---|" + "---|" * len(found)]
    return "\n".join([*head, *(f"| {name} | {' | '.join(cells)} |" for name, cells in rows)])


def lake_growth(outcome: Outcome, figures: Figures) -> str:
    """Return a Markdown table of the lake's size over time, with a column for each retention."""
    last = max(outcome.loaded.values()) / _DAY
    days = [day for day in (1, 7, 14, 30, 60, 90, 180, 365) if day < last]
    lines = ["| days after the start | " + " | ".join(RETENTIONS) + " |", "|---|" + "---|" * len(RETENTIONS)]
    moments = [*(day * _DAY for day in days), last * _DAY]
    sizes = [lake_bytes(outcome, figures, kept, moments) for kept in RETENTIONS.values()]
    for number, moment in enumerate(moments):
        cells = [f"{moment / _DAY:.0f}", *(f"{each[number] / GB:,.0f} GB" for each in sizes)]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def larger_days(figures: Figures) -> str:
    """Return a Markdown table of days that one pipeline has at larger volumes."""
    lines = ["| events a day | export | of it waiting for Mixpanel's one stream | transform to stage, on two cores | AEP at 20 GB an hour |",
             "|---|---|---|---|---|"]  # fmt: skip
    for events in (1e6, 1e7, 1e8, 1e9, 1e10):
        raw = events * figures.raw_bytes
        staged = raw * figures.staged_ratio
        hours = [
            raw / figures.stream_bytes_a_second / _HOUR,
            events / figures.step_events_a_second / _HOUR,
            staged / 20e9,
        ]
        cells = [f"{events / 1e6:,.0f} million", f"{raw / GB:,.1f} GB", *(_time(each) for each in hours)]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _time(hours: float) -> str:
    if hours < 1:
        return f"{max(1, round(hours * 60))} min"
    return f"{hours:,.1f} h" if hours < 72 else f"{hours / 24:,.1f} days"


def picture(outcomes: Mapping[str, Outcome], workload: Workload, figures: Figures) -> str:
    """Return an SVG: days loaded, the busiest project's requests, and the first simulation's lake, over time."""
    end = max(max(each.finished.values()) for each in outcomes.values())
    colours = ("#3b6fb6", "#e08a2e", "#4a9a5b")
    height = 3 * (_HEIGHT + 40) + 150
    moments = [end * n / 100 for n in range(101)]
    first = next(iter(outcomes.values()))
    lakes = [
        [size / 1e12 for size in lake_bytes(first, figures, days, moments)] for days in RETENTIONS.values()
    ]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" '
        f'viewBox="0 0 {_WIDTH} {height}" font-family="sans-serif" font-size="13">',
        f'<rect width="{_WIDTH}" height="{height}" fill="white"/>',
        f'<text x="16" y="26" font-size="16">{workload.pipelines} pipelines, {workload.history_days:,} days of history each</text>',
    ]
    panels = (
        ("days loaded, in percent", [_loaded(each, end) for each in outcomes.values()], 100.0),
        ("requests in an hour, busiest project", [_requests(each, end) for each in outcomes.values()], 60.0),
        (f"lake, in TB, {next(iter(outcomes))}", lakes, float(f"{1.1 * max(map(max, lakes)):.1g}")),
    )
    for number, (title, lines, most) in enumerate(panels):
        top = 66 + number * (_HEIGHT + 40)
        parts.append(f'<text x="{_LEFT}" y="{top - 8}">{escape(title)}</text>')
        parts += [_grid(top, mark, most) for mark in (0.0, most / 2, most)]
        parts += [_curve(line, top, most, colour) for line, colour in zip(lines, colours, strict=False)]
    bottom = 66 + 3 * (_HEIGHT + 40) - 16
    parts.append(f'<text x="{_LEFT}" y="{bottom}" fill="#555">0 h</text>')
    parts.append(
        f'<text x="{_WIDTH - 20}" y="{bottom}" text-anchor="end" fill="#555">{escape(_time(end / _HOUR))}</text>'
    )
    for place, (name, colour) in enumerate(zip(outcomes, colours, strict=False)):
        y = bottom + 20 + 18 * place
        parts.append(f'<rect x="{_LEFT}" y="{y - 10}" width="10" height="10" fill="{colour}"/>')
        parts.append(f'<text x="{_LEFT + 16}" y="{y}" fill="#333">{escape(name)}</text>')
    for place, (name, colour) in enumerate(zip(RETENTIONS, colours, strict=True)):
        y = bottom + 20 + 18 * place
        parts.append(f'<rect x="{_WIDTH // 2}" y="{y - 10}" width="10" height="10" fill="{colour}"/>')
        parts.append(f'<text x="{_WIDTH // 2 + 16}" y="{y}" fill="#333">lake, {escape(name)}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _grid(top: float, mark: float, most: float) -> str:
    y = top + _HEIGHT * (1 - mark / most)
    return (
        f'<line x1="{_LEFT}" y1="{y:.1f}" x2="{_WIDTH - 20}" y2="{y:.1f}" stroke="#ddd"/>'
        f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end" fill="#555">{mark:g}</text>'
    )


def _curve(line: Sequence[float], top: float, most: float, colour: str) -> str:
    step = (_WIDTH - 20 - _LEFT) / max(1, len(line) - 1)
    points = " ".join(
        f"{_LEFT + n * step:.1f},{top + _HEIGHT * (1 - y / most):.1f}" for n, y in enumerate(line)
    )
    return f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>'


def _loaded(outcome: Outcome, end: float) -> list[float]:
    moments = sorted(outcome.loaded.values())
    within = bisect_left(moments, end)
    return [100 * bisect_left(moments, end * n / 200) / max(1, within) for n in range(201)]


def _requests(outcome: Outcome, end: float) -> list[float]:
    busiest = sorted(max((len(each), each) for each in outcome.requests.values())[1])
    return [
        float(bisect_left(busiest, end * n / 200) - bisect_left(busiest, end * n / 200 - _HOUR))
        for n in range(201)
    ]
