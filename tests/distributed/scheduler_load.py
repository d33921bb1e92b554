"""Backfills of many pipelines on the test's cluster: how fast the scheduler is, and whether a free slot waits for it.

``python -m tests.distributed.scheduler_load --pipelines 100 --days 365 --minutes 10`` (``make bench-scheduler``). PostgreSQL,
Redis, every component of Airflow and two Celery workers run as in ``make test-distributed``, with the settings of
``deploy/compose.yaml``. The pipelines are generated. Their tasks report that they run and that they have succeeded, and do
nothing else: what is measured is the scheduling, and the start of each task's process would take the machine's cores.
"""

from __future__ import annotations

import argparse
import math
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import yaml
from sqlalchemy import create_engine

from scripts.demo.settings import DemoError
from tests.deploy.shipped import services
from tests.distributed.cluster import WORKERS, Cluster, free_ports
from tests.distributed.free_slots import longest_waits
from tests.distributed.instant_worker import SECONDS
from tests.distributed.load_figures import Figures
from tests.distributed.packages import Missing, find_programs
from tests.distributed.processes import DidNotHappen
from tests.distributed.statsd import Timers
from tests.support.pipeline_runner import PIPELINES

_DAGS_OF_A_PIPELINE = 4
_START_SECONDS = 900.0
_OBSERVE_SECONDS = 5
_SHIPPED = "AIRFLOW__SCHEDULER__"
_BEGAN = time.monotonic()


@dataclass(frozen=True)
class Load:
    """What is scheduled. ``slots``: those of every pool, in place of the shipped ones; ``most_seconds``: the allowed wait."""

    pipelines: int
    days: int
    minutes: float
    task_seconds: float
    slots: int | None
    most_seconds: float
    parallelism: int

    @property
    def names(self) -> list[str]:
        return [f"load-{number:03}" for number in range(1, self.pipelines + 1)]

    @property
    def dags(self) -> list[str]:
        return [f"mixpanel_to_aep_{name.replace('-', '_')}" for name in self.names]

    @property
    def span(self) -> tuple[date, date]:
        last = datetime.now(UTC).date() - timedelta(days=2)
        return last - timedelta(days=self.days - 1), last

    def write_pipelines(self, folder: Path) -> None:
        """Write the pipeline files; no task reads their connections."""
        folder.mkdir(parents=True)
        first, last = self.span
        for name in self.names:
            data = PIPELINES["hostile"].model_dump(
                mode="json", by_alias=True, exclude={"name"}, exclude_none=True
            )
            data["aep"]["dataset"] = name
            (folder / f"{name}.yaml").write_text(
                yaml.safe_dump(data | {"start_date": str(first), "end_date": str(last)})
            )


def main(arguments: list[str]) -> int:
    """Run the load and print the figures; return 0 only if no task failed and no task waited too long next to a free slot."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.distributed.scheduler_load", description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--pipelines", type=int, default=100)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--minutes", type=float, default=10, help="ends earlier if everything is loaded")
    parser.add_argument("--task-seconds", type=float, default=2.0, help="how long a task has its slot")
    parser.add_argument("--slots", type=int, help="of every pool; otherwise those that the project adds")
    parser.add_argument(
        "--parallelism", type=int, default=32, help="tasks that all workers run at the same time"
    )
    parser.add_argument(
        "--most-seconds", type=float, default=60, help="for how long a task may wait next to a free slot"
    )
    parser.add_argument("--set", action="append", default=[], metavar="AIRFLOW__SECTION__KEY=VALUE",
                        help="a setting of Airflow, in addition to those of deploy/compose.yaml")  # fmt: skip
    parser.add_argument("--keep", action="store_true", help="keep logs and database in a temporary folder")
    given = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # Started processes end with this process.
    load = Load(
        given.pipelines,
        given.days,
        given.minutes,
        given.task_seconds,
        given.slots,
        given.most_seconds,
        given.parallelism,
    )
    settings = dict(each.split("=", 1) for each in given.set)
    folder = Path(tempfile.mkdtemp(prefix="mixpanel-aep-load-"))
    try:
        return run(load, settings, folder)
    except (AssertionError, DemoError, DidNotHappen, Missing) as error:
        sys.stderr.write(f"scheduler: failed after {time.monotonic() - _BEGAN:.0f} s: {error}\n")
        return 1
    finally:
        if given.keep:
            say(f"kept in {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


def run(load: Load, settings: dict[str, str], folder: Path) -> int:
    """Start the cluster, measure, and print; return the exit code."""
    timers = Timers()
    with _running(load, settings, folder, timers) as (cluster, figures):
        before, began = figures.megabytes(), time.monotonic()
        for dag_id in load.dags:
            cluster.api.backfill(dag_id, *load.span)
        planned = load.pipelines * load.days
        seconds = time.monotonic() - began
        say(f"{load.pipelines} backfills with {planned:,} runs were requested in {seconds:.0f} s "
            f"({figures.megabytes() - before:.0f} MB)")  # fmt: skip
        for dag_id in load.dags:
            cluster.api.unpause(dag_id)
        cluster.processes.wait_for(
            "tasks end", lambda: figures.tasks(_long_ago()).get("success"), _START_SECONDS
        )
        timers.restart()
        size, since, clock = figures.megabytes(), datetime.now(UTC), time.monotonic()
        _wait_for_end(load, cluster, figures, planned)
        minutes = (time.monotonic() - clock) / 60
        return _report(load, figures, timers, since=since, minutes=minutes, size=size)


@contextmanager
def _running(
    load: Load, settings: dict[str, str], folder: Path, timers: Timers
) -> Iterator[tuple[Cluster, Figures]]:
    """Yield a cluster that has parsed the pipelines; it ends with the block."""
    compose = services("compose.yaml")["scheduler"]["environment"]
    shipped = {name: str(value) for name, value in compose.items() if name.startswith(_SHIPPED)}
    more = {
        "AIRFLOW__CORE__PARALLELISM": str(load.parallelism), **shipped, **settings, **timers.environment(),
        SECONDS: str(load.task_seconds),
    }  # fmt: skip
    load.write_pipelines(folder / "pipelines")
    cluster = Cluster(
        folder, find_programs(), {}, folder / "pipelines", free_ports(), more,
        (sys.executable, "-m", "tests.distributed.instant_worker"), math.ceil(load.parallelism / len(WORKERS)),
    )  # fmt: skip
    try:
        cluster.start_stores()
        began = time.monotonic()
        cluster.start_airflow({})
        figures = Figures(create_engine(cluster.database_url, pool_pre_ping=True))
        expected = load.pipelines * _DAGS_OF_A_PIPELINE + 1
        cluster.processes.wait_for("all DAGs are parsed", lambda: figures.dags() >= expected, _START_SECONDS)
        say(f"Airflow runs with {figures.dags()} DAGs after {time.monotonic() - began:.0f} s")
        if load.slots:
            figures.set_slots(load.slots)
        yield cluster, figures
    finally:
        cluster.processes.stop_all()


def _wait_for_end(load: Load, cluster: Cluster, figures: Figures, planned: int) -> None:
    """Wait until the time is over or every run has ended."""
    end = time.monotonic() + 60 * load.minutes
    while time.monotonic() < end:
        states = figures.runs()
        if states.get("success", 0) + states.get("failed", 0) == planned:
            return
        cluster.processes.tend()
        time.sleep(_OBSERVE_SECONDS)


def _report(
    load: Load,
    figures: Figures,
    timers: Timers,
    *,
    since: datetime,
    minutes: float,
    size: float,
) -> int:
    """Print what was measured; return the exit code."""
    done = figures.tasks(since)
    rate = done.get("success", 0) / minutes
    for file, seconds in figures.parse_seconds():
        say(f"parsed {file} in {seconds:.1f} s")
    for title, name in (("loop", "scheduler.scheduler_loop_duration"),
                        ("its critical section", "scheduler.critical_section_duration")):  # fmt: skip
        median, most, longest = timers.seconds(name)
        say(f"scheduler, {title}: median {median:.2f} s, 95 % {most:.2f} s, longest {longest:.2f} s")
    for waits in figures.waits(since):
        parts = (("seen", waits.scheduled), ("queued", waits.queued), ("started", waits.started))
        texts = [f"{name} after {'/'.join(f'{each:.1f}' for each in values)} s" for name, values in parts]
        say(f"{waits.pool}: {waits.tasks} tasks, {', then '.join(texts)} (median/95 %/longest)")
    growth = figures.megabytes() - size
    runs = figures.runs()
    say(
        f"database: {figures.megabytes():.0f} MB, {growth:+.1f} MB with {sum(done.values()):,} tasks; runs: {runs}"
    )
    until = since + timedelta(minutes=minutes)
    waits_next_to_free = longest_waits(
        figures.times(), figures.slots(), load.parallelism, since.timestamp(), until.timestamp()
    )
    for pool, seconds in sorted(waits_next_to_free.items()):
        say(f"{pool}: no task waited next to a free slot for more than {seconds:.1f} s")
    longest = max(waits_next_to_free.values(), default=0.0)
    print(
        f"scheduler: {load.pipelines} pipelines, {load.pipelines * load.days:,} runs, {rate:.0f} tasks/min, "
        f"no task waits for more than {math.ceil(longest)} s next to a free slot",
        flush=True,
    )
    bad = {state: count for state, count in done.items() if state != "success"}
    assert not bad, f"tasks ended otherwise than with success: {bad}"
    assert done, "no task has ended"
    assert longest <= load.most_seconds, f"a task waited for {longest:.0f} s next to a free slot"
    return 0


def _long_ago() -> datetime:
    return datetime(2000, 1, 1, tzinfo=UTC)


def say(text: str) -> None:
    """Print a line with the time since the start."""
    print(f"[{time.monotonic() - _BEGAN:>4.0f} s] {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
