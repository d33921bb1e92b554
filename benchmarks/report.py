"""The results of a benchmark: a table, JSON and a chart."""

from __future__ import annotations

import math
from collections.abc import Mapping
from html import escape
from typing import Any

_BAR, _ROW, _LEFT, _WIDTH = 14, 48, 110, 760
_COLOURS = {"ratio": "#3b6fb6", "cpu_ratio": "#e08a2e"}
_NAMES = {"ratio": "wall time", "cpu_ratio": "processor time"}


def table(result: Mapping[str, Any]) -> str:
    """Return the steps of a result, one line each."""
    lines = [
        f"{'step':16}{'seconds':>9}{'events/s':>12}{'x baseline':>12}{'x CPU':>8}{'peak MB':>9}{'runs':>6}"
    ]
    rows = {**result["steps"], "export to staged": result["export_to_staged"], **result["more"]}
    for name, row in rows.items():
        lines.append(
            f"{name:16}{row['seconds']:9.2f}{row.get('events_per_s', 0):12,.0f}{row['ratio']:12.3f}"
            f"{row['cpu_ratio']:8.3f}{row['peak_rss_mb']:9.0f}{row.get('runs', 1):6}"
        )
    if share := result.get("late_rows_to_first_load"):
        lines.append(
            f"3 late rows / first load, without the download: {share['wall']} wall, {share['cpu']} CPU"
        )
    return "\n".join(lines)


def picture(result: Mapping[str, Any]) -> str:
    """Return an SVG chart with two bars per step: the speed relative to the baseline, on a logarithmic scale."""
    rows = {**result["steps"], "export to staged": result["export_to_staged"]}
    height = 112 + _ROW * len(rows)
    about = f"{result['events']:,} events, {result['megabytes']:,.0f} MB of JSON, {result['variant']}; {result['machine']}"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" viewBox="0 0 {_WIDTH} {height}" '
        'font-family="sans-serif" font-size="13">',
        f'<rect width="{_WIDTH}" height="{height}" fill="white"/>',
        '<text x="16" y="26" font-size="16">Speed of the steps; 1 = inflating and decoding the day in Python</text>',
        f'<text x="16" y="46" fill="#555">{escape(about)}</text>',
    ]
    top, bottom = 62, 62 + _ROW * len(rows)
    for mark in (0.01, 0.1, 1, 10, 100):
        x = _x(mark)
        line = "#222" if mark == 1 else "#ddd"
        parts.append(f'<line x1="{x:.1f}" y1="{top}" x2="{x:.1f}" y2="{bottom}" stroke="{line}"/>')
        parts.append(f'<text x="{x:.1f}" y="{bottom + 18}" text-anchor="middle" fill="#555">{mark:g}</text>')
    for number, (name, row) in enumerate(rows.items()):
        y = top + _ROW * number + 8
        parts.append(f'<text x="{_LEFT - 8}" y="{y + 19}" text-anchor="end">{escape(name)}</text>')
        for place, (key, colour) in enumerate(_COLOURS.items()):
            parts.append(_bar(y + place * (_BAR + 2), row[key], colour))
    for place, (key, colour) in enumerate(_COLOURS.items()):
        x = _LEFT + 150 * place
        parts.append(f'<rect x="{x}" y="{height - 14}" width="10" height="10" fill="{colour}"/>')
        parts.append(f'<text x="{x + 15}" y="{height - 5}" fill="#333">{_NAMES[key]}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _x(ratio: float) -> float:
    """Return the position of a ratio on the scale from 0.01 to 100, which has 140 points per power of ten."""
    return _LEFT + 140 * (math.log10(min(max(ratio, 0.01), 100)) + 2)


def _bar(y: float, ratio: float, colour: str) -> str:
    end = _x(ratio)
    return (
        f'<rect x="{_LEFT}" y="{y}" width="{max(end - _LEFT, 1):.1f}" height="{_BAR}" fill="{colour}"/>'
        f'<text x="{end + 6:.1f}" y="{y + 11.5}" font-size="12">{ratio:.3g}</text>'
    )
