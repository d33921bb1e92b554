"""Runs one step of a benchmark's day in its own process, like a task of Airflow.

    python -m benchmarks.step FOLDER URL STEP [DIGEST of the step before] [--refresh NAME]

Prints the manifest's digest and counts, and the seconds of the step itself without imports, as JSON.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.environment import BenchmarkEnvironment

if TYPE_CHECKING:
    from include.steps.run_day import DayRun

_POLL_SECONDS = 0.2


def main() -> None:
    """Run the step, and print its result as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("folder", type=Path)
    parser.add_argument("url")
    parser.add_argument("step", choices=sorted(_STEPS))
    parser.add_argument("before", nargs="?")
    parser.add_argument("--refresh")
    given = parser.parse_args()
    environment = BenchmarkEnvironment(given.folder, given.url)
    environment.use_variant()
    step = _STEPS[given.step](environment, given.before, given.refresh)
    began, cpu = time.perf_counter(), _cpu_seconds()
    found = step()
    seconds = {"seconds": time.perf_counter() - began, "cpu_seconds": _cpu_seconds() - cpu}
    print(json.dumps(found | seconds))


def _cpu_seconds() -> float:
    """Return the processor time of this process and of its ended children."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in used)


def _export(
    environment: BenchmarkEnvironment, _before: str | None, refresh: str | None
) -> Callable[[], dict[str, Any]]:
    from include.steps.export.step import export_partition

    return lambda: _of(
        export_partition(environment.workspace, environment.source, environment.mixpanel, refresh=refresh)
    )


def _receive(
    environment: BenchmarkEnvironment, _before: str | None, _refresh: str | None
) -> Callable[[], dict[str, Any]]:
    """Receive the day's export and check that it is complete, without storing it in the lake."""
    day = environment.workspace.partition.day

    def receive() -> dict[str, Any]:
        with (
            tempfile.TemporaryDirectory(prefix="mixpanel-aep-receive-") as name,
            environment.mixpanel.export(day, day) as answer,
        ):
            return {"digest": "", "counts": {"exported": answer.save(Path(name) / "events.gz").rows}}

    return receive


def _day_run(environment: BenchmarkEnvironment, refresh: str | None = None) -> DayRun:
    from include.steps.run_day import DayRun

    return DayRun(
        environment.workspace,
        environment.source,
        environment.mixpanel,
        environment.aep,
        "benchmark",
        refresh=refresh,
    )


def _transform(
    environment: BenchmarkEnvironment, before: str | None, _refresh: str | None
) -> Callable[[], dict[str, Any]]:
    raw = environment.workspace.require("export", str(before))
    run = _day_run(environment)
    return lambda: _of(run.transform(raw))


def _validate(
    environment: BenchmarkEnvironment, before: str | None, _refresh: str | None
) -> Callable[[], dict[str, Any]]:
    from include.quality import gx
    from include.steps.validate.step import validate_partition

    gx.load_great_expectations()  # the step imports Great Expectations when it begins
    mapped = environment.workspace.require("transform", str(before))
    return lambda: _of(validate_partition(environment.workspace, mapped))


def _stage(
    environment: BenchmarkEnvironment, before: str | None, _refresh: str | None
) -> Callable[[], dict[str, Any]]:
    valid = environment.workspace.require("validate", str(before))
    run = _day_run(environment)
    return lambda: _of(run.stage(valid))


def _ingest(
    environment: BenchmarkEnvironment, before: str | None, _refresh: str | None
) -> Callable[[], dict[str, Any]]:
    staged = environment.workspace.require("stage", str(before))
    run = _day_run(environment)

    def load() -> dict[str, Any]:
        done = run.load(staged, poll_seconds=_POLL_SECONDS)  # as the task's trigger does between two polls
        return {"digest": "", "counts": {"active": done.active, "loaded": done.loaded}}

    return load


def _day(
    environment: BenchmarkEnvironment, _before: str | None, refresh: str | None
) -> Callable[[], dict[str, Any]]:
    """Return all five steps, to run in one process."""
    run = _day_run(environment, refresh)

    def load() -> dict[str, Any]:
        staged = run.to_staged()
        done = run.load(staged, poll_seconds=_POLL_SECONDS)
        return {"digest": staged.digest, "counts": {"active": done.active, **staged.counts}}

    return load


def _setup(
    environment: BenchmarkEnvironment, _before: str | None, _refresh: str | None
) -> Callable[[], dict[str, Any]]:
    from include.aep.setup import setup_pipeline

    def make() -> dict[str, Any]:
        setup_pipeline(
            environment.pipeline, environment.aep, environment.lake, source=str(environment.source)
        )
        return {"digest": "", "counts": {}}

    return make


def _of(manifest: Any) -> dict[str, Any]:
    return {"digest": manifest.digest, "counts": manifest.counts}


_STEPS = {
    "setup": _setup, "export": _export, "transform": _transform, "validate": _validate, "stage": _stage,
    "ingest": _ingest, "day": _day, "receive": _receive,
}  # fmt: skip

if __name__ == "__main__":
    main()
