"""Measure the speed of the steps. ``make bench``: a day of a million events; ``make bench-large``: also one of ten million.

    python -m benchmarks [--events N] [--large N] [--variant NAME] [--runs N] [--until STEP] [--output FOLDER]

Each step runs in its own process against a sandbox over HTTP, on a lake in a folder, and is measured from outside.
A baseline reads the same raw file in every round (``benchmarks/baseline.py``); ratios are of medians.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import requests

from benchmarks.environment import DAY, ROOT
from benchmarks.event_days import write_day
from benchmarks.measure import Measured, measured
from benchmarks.report import picture, table
from benchmarks.variants import VARIANTS, Variant

STEPS = ("export", "transform", "validate", "stage")
_LATE = 3
_MB = 1_000_000
_ENOUGH_SECONDS = 120
"""A further round starts only if all rounds together have taken less than this."""


def main() -> None:
    """Run the benchmarks, print their tables, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--large", type=int, default=0, help="also a day of this many events, for growth")
    parser.add_argument("--variant", choices=sorted(VARIANTS), default="shipped")
    parser.add_argument("--runs", type=int, default=3, help="number of rounds; the results are medians")
    parser.add_argument("--until", choices=STEPS, default=STEPS[-1], help="skip the steps after this one")
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks")
    given = parser.parse_args()
    steps = STEPS[: STEPS.index(given.until) + 1]
    result = benchmark(given.variant, given.events, given.runs, steps)
    print(table(result))
    if given.large:
        large = benchmark(given.variant, given.large, 1, steps)
        print(table(large))
        result |= _growth(result, large) | {"large": large}
    (given.output / "latest.json").write_text(json.dumps(result, indent=1) + "\n")
    (given.output / "latest.svg").write_text(picture(result))


def benchmark(variant: str, events: int, runs: int, steps: Sequence[str] = STEPS) -> dict[str, Any]:
    """Measure steps on a day of ``events`` events; for all steps, also the ingest and further runs."""
    with tempfile.TemporaryDirectory(prefix="mixpanel-aep-benchmark-") as name:
        folder = Path(name)
        kind = VARIANTS[variant]
        kind.write_files(folder)
        write_day(folder / "answer.gz", events, odd=kind.odd, more=kind.more)
        with sandbox(folder) as url:
            measured("benchmarks.step", name, url, "setup")
            rounds = list(_rounds(folder, url, runs, steps))
            whole = tuple(steps) == STEPS
            more = _afterwards(folder, url, events, kind, rounds[-1]) if whole else {}
        return _result(variant, events, rounds, more)


@contextmanager
def sandbox(folder: Path) -> Iterator[str]:
    """Start a sandbox in its own process that responds to exports with ``answer.gz``; yield its URL."""
    command = [
        sys.executable,
        "-m",
        "benchmarks.export_server",
        str(folder / "state"),
        str(folder / "answer.gz"),
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)  # noqa: S603 - our own module
    try:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["url"]
        settings = {"batch_seconds": 0}
        requests.post(f"{url}/_sandbox/aep/settings", json=settings, timeout=30).raise_for_status()
        yield url
    finally:
        process.terminate()
        process.wait(30)


def _rounds(folder: Path, url: str, runs: int, steps: Sequence[str]) -> Iterator[dict[str, Measured]]:
    """Run the baseline and the steps up to stage several times; fewer times if that takes too long."""
    spent = 0.0
    for number in range(runs):
        if spent > _ENOUGH_SECONDS:
            return
        yield (found := one_round(folder, url, steps))
        spent += sum(each.seconds for each in found.values())
        times = ", ".join(f"{step} {each.seconds:.1f} s" for step, each in found.items())
        print(f"round {number + 1}: {times}", file=sys.stderr)


def one_round(folder: Path, url: str, steps: Sequence[str] = STEPS) -> dict[str, Measured]:
    """Run the baseline, and the steps on an unprocessed day."""
    shutil.rmtree(folder / f"lake/shop/{DAY}", ignore_errors=True)
    found = {"baseline": measured("benchmarks.baseline", str(folder / "answer.gz"))}
    before: tuple[str, ...] = ()
    for step in steps:
        found[step] = measured("benchmarks.step", str(folder), url, step, *before)
        before = (found[step].said["digest"],)
    return found


def _afterwards(
    folder: Path, url: str, events: int, kind: Variant, last: Mapping[str, Measured]
) -> dict[str, Measured]:
    """Measure the ingest, a second run of the day, and a refresh with three late events."""
    place = (str(folder), url)
    ingest = measured("benchmarks.step", *place, "ingest", last["stage"].said["digest"])
    again = measured("benchmarks.step", *place, "day")
    write_day(folder / "late.gz", events, odd=kind.odd, more=kind.more, late=_LATE)
    (folder / "late.gz").replace(folder / "answer.gz")
    late = measured("benchmarks.step", *place, "day", "--refresh", "late")
    if late.said["counts"]["staged"] != _LATE:
        raise RuntimeError(f"The refresh staged {late.said['counts']['staged']} rows, not {_LATE}.")
    received = measured("benchmarks.step", *place, "receive")
    return {"ingest": ingest, "a green day again": again, "3 late rows": late, "download only": received}


def _result(
    variant: str, events: int, rounds: list[dict[str, Measured]], more: Mapping[str, Measured]
) -> dict[str, Any]:
    baseline = [one["baseline"] for one in rounds]
    steps = [step for step in STEPS if step in rounds[0]]
    together = [
        Measured(
            sum(one[step].seconds for step in steps),
            sum(one[step].cpu_seconds for step in steps),
            max(one[step].peak_bytes for step in steps),
            {},
        )
        for one in rounds
    ]

    def row(found: list[Measured]) -> dict[str, Any]:
        seconds, cpu = median(m.seconds for m in found), median(m.cpu_seconds for m in found)
        return {
            "events_per_s": round(events / seconds),
            "ratio": round(median(m.seconds for m in baseline) / seconds, 4),
            "cpu_ratio": round(median(m.cpu_seconds for m in baseline) / cpu, 4),
            "peak_rss_mb": round(max(m.peak_bytes for m in found) / _MB),
            "seconds": round(seconds, 3),
            "cpu_seconds": round(cpu, 3),
            "runs": len(found),
        }

    return {
        "variant": variant,
        "events": events,
        "megabytes": round(rounds[0]["baseline"].said["bytes"] / _MB),
        "machine": f"{os.cpu_count()} cores, Python {platform.python_version()}",
        "baseline": row(baseline),
        "steps": {step: row([one[step] for one in rounds]) for step in steps},
        "export_to_staged": row(together),
        "more": {name: row([found]) for name, found in more.items()},
        **({"late_rows_to_first_load": _late_share(together, more)} if more else {}),
        "memory_growth_1m_to_10m": None,
        "time_growth_1m_to_10m": None,
    }


def _late_share(together: Sequence[Measured], more: Mapping[str, Measured]) -> dict[str, float]:
    """Return the time of the refresh as a share of the first load's, both with the ingest and without the download."""
    found = {}
    for name, kind in (("wall", "seconds"), ("cpu", "cpu_seconds")):
        ingest, late, download = (
            float(getattr(more[step], kind)) for step in ("ingest", "3 late rows", "download only")
        )
        first = median(float(getattr(one, kind)) for one in together) + ingest
        found[name] = round((late - download) / (first - download), 3)
    return found


def _growth(small: Mapping[str, Any], large: Mapping[str, Any]) -> dict[str, float]:
    """Return memory and processor time of the larger day as multiples of the smaller day's."""
    one, ten = small["export_to_staged"], large["export_to_staged"]
    return {
        "memory_growth_1m_to_10m": round(ten["peak_rss_mb"] / one["peak_rss_mb"], 3),
        "time_growth_1m_to_10m": round(ten["cpu_seconds"] / one["cpu_seconds"], 3),
    }


if __name__ == "__main__":
    main()
