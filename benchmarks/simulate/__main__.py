"""Simulate many pipelines with years of history, and say how long it takes and what it costs.

python -m benchmarks.simulate [--pipelines N] [--years N] [--events N] [--write]
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path

from benchmarks.simulate.model import Faults, Figures, Workload
from benchmarks.simulate.report import lake_growth, larger_days, numbers, picture, table
from benchmarks.simulate.simulation import Outcome, run

_ROOT = Path(__file__).parents[2]
PAGE, PICTURE = _ROOT / "docs/scale.md", _ROOT / "docs/scale.svg"
_BEGIN, _END = "<!-- {}: written by python -m benchmarks.simulate --write -->", "<!-- end of {} -->"


def main(argv: Sequence[str] | None = None) -> None:
    """Print the table; with ``--write``, also write it and the picture into the documentation."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--pipelines", type=int, default=Workload.pipelines)
    parser.add_argument("--years", type=float, default=3.0)
    parser.add_argument(
        "--events", type=float, default=Workload.events_a_day, help="the median pipeline's, a day"
    )
    parser.add_argument("--write", action="store_true", help="write docs/scale.md and docs/scale.svg")
    given = parser.parse_args(argv)
    workload = Workload(
        pipelines=given.pipelines, history_days=round(given.years * 365), events_a_day=given.events
    )
    figures = Figures()
    outcomes = simulate(workload, figures)
    printed = table({name: numbers(each, figures) for name, each in outcomes.items()})
    print(printed)
    if given.write:
        page = PAGE.read_text()
        growth = lake_growth(next(iter(outcomes.values())), figures)
        for name, text in (("simulation", printed), ("lake", growth), ("larger days", larger_days(figures))):
            page = _replaced(page, name, text)
        PAGE.write_text(page)
        PICTURE.write_text(picture(outcomes, workload, figures))


def simulate(workload: Workload, figures: Figures) -> dict[str, Outcome]:
    """Return the outcomes of the same workload with windows, and with a request for each day."""
    sizes = {
        f"windows of up to {workload.window_days} days": workload.window_days,
        "a request for each day": 1,
    }
    workloads = [replace(workload, window_days=days) for days in sizes.values()]
    with ProcessPoolExecutor(len(workloads), mp_context=get_context("spawn")) as processes:
        return dict(zip(sizes, processes.map(run, workloads, repeat(figures), repeat(Faults())), strict=True))


def _replaced(page: str, name: str, text: str) -> str:
    begin, end = _BEGIN.format(name), _END.format(name)
    before, rest = page.split(begin)
    return f"{before}{begin}\n\n{text}\n\n{end}{rest.split(end)[1]}"


if __name__ == "__main__":
    main()
