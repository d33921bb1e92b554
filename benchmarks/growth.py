"""Measure the lake of a loaded day: bytes by kind, as multiples of the export's, before and after cleaning.

    python -m benchmarks.growth [--events N]

A day is loaded, refreshed with three more events, and replaced with another mapping; then a week passes and the lake
is cleaned twice, a day apart.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import Counter
from datetime import timedelta
from pathlib import Path

from benchmarks.__main__ import sandbox
from benchmarks.environment import DAY, BenchmarkEnvironment
from benchmarks.event_days import write_day
from include.aep.setup import setup_pipeline
from include.clock import SYSTEM_CLOCK
from include.config.model import Pipeline
from include.lake.keys import STEP_FOLDERS, parse_key
from include.lake.lake import Lake
from include.steps.retention import clean
from include.steps.run_day import DayRun
from include.steps.workspace import Workspace

_LATE = 3
_MOMENTS = ("loaded", "refreshed", "refreshed and replaced", "cleaned")
Sizes = dict[str, int]


def main() -> None:
    """Print the measured ratios."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--events", type=int, default=200_000)
    found = lake_growth(parser.parse_args().events)
    print(json.dumps({moment: ratios(sizes) for moment, sizes in found.items()}, indent=1))


def ratios(sizes: Sizes) -> dict[str, float]:
    """Return the bytes by kind, and in total, as multiples of one export's."""
    found = {kind: size / sizes["one export"] for kind, size in sizes.items() if kind != "one export"}
    return {name: round(ratio, 4) for name, ratio in {**found, "all": sum(found.values())}.items()}


def lake_growth(events: int) -> dict[str, Sizes]:
    """Load, refresh, replace and clean a day of this many events; return the bytes by kind after each."""
    with tempfile.TemporaryDirectory(prefix="mixpanel-aep-growth-") as name:
        folder = Path(name)
        write_day(folder / "answer.gz", events)
        with sandbox(folder) as url:
            environment = BenchmarkEnvironment(folder, url)
            setup_pipeline(
                environment.pipeline, environment.aep, environment.lake, source=str(environment.source)
            )
            found = [_load(environment, environment.pipeline, "one")]
            write_day(folder / "late.gz", events, late=_LATE)
            (folder / "late.gz").replace(folder / "answer.gz")
            found.append(_load(environment, environment.pipeline, "two", refresh=True))
            other = environment.pipeline.model_copy(update={"unmapped": "drop"})
            found.append(_load(environment, other, "three", replace=True))
            for days in (8, 9):
                clean(environment.lake, environment.pipeline, SYSTEM_CLOCK.now() + timedelta(days=days))
            found.append(_sizes(environment.lake))
        return dict(zip(_MOMENTS, found, strict=True))


def _load(
    environment: BenchmarkEnvironment,
    pipeline: Pipeline,
    run: str,
    *,
    refresh: bool = False,
    replace: bool = False,
) -> Sizes:
    workspace = Workspace.of(environment.lake, pipeline, DAY)
    steps = DayRun(
        workspace,
        environment.source,
        environment.mixpanel,
        environment.aep,
        run,
        refresh=run if refresh else None,
        replace=replace,
    )
    steps.load(steps.to_staged(), poll_seconds=0.2)
    return _sizes(environment.lake)


def _sizes(lake: Lake) -> Sizes:
    """Return the bytes by kind, and those of one export."""
    sizes: Counter[str] = Counter()
    exports = []
    for found in lake.objects(""):
        key = parse_key(found.key)
        if key is not None and key.is_removable:
            kind = STEP_FOLDERS.get(key.step, key.kind.value)
            exports += [found.bytes] if kind == "raw" else []
        else:
            kind = "ids" if "/ids/" in found.key else "records"
        sizes[kind] += found.bytes
    return {"one export": max(exports), **dict(sorted(sizes.items()))}


if __name__ == "__main__":
    main()
