"""``make test-distributed``: a backfill on two Celery workers with faults; the last line has the total.

``--days N``: partitions of each of the two pipelines (14). ``--no-faults``. ``--keep``: keeps the logs after a failure.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from include.lake.lake import Lake
from scripts.demo.settings import DemoError
from tests.distributed.cluster import WORKERS, Cluster, free_ports
from tests.distributed.faults import FAILPOINTS, Faults
from tests.distributed.packages import Missing, find_programs
from tests.distributed.processes import DidNotHappen
from tests.distributed.world import World

_EVENTS_A_DAY = 400
_BATCH_SECONDS = 20.0
"""Longer than ingest polls by itself, so that every ingest is deferred."""
_SETUP, _SETUP_SECONDS = "mixpanel_aep_setup", 180.0
_BACKFILL_SECONDS = 1200.0
_BEGAN = time.monotonic()


def main(arguments: list[str]) -> int:
    """Run the cluster, the backfill and the faults, and compare; return 0 only if no event is lost, duplicated or a phantom."""
    parser = argparse.ArgumentParser(prog="python -m tests.distributed", description=__doc__)
    parser.add_argument("--days", type=int, default=14)
    parser.add_argument("--no-faults", action="store_true")
    parser.add_argument(
        "--keep", action="store_true", help="keep logs, database and lake in a temporary folder"
    )
    given = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # Started processes end with this process.
    folder = Path(tempfile.mkdtemp(prefix="mixpanel-aep-cluster-"))
    try:
        with _running(folder, given.days, with_faults=not given.no_faults) as (cluster, world):
            return _prove(cluster, world, with_faults=not given.no_faults)
    except (AssertionError, DemoError, DidNotHappen, Missing) as error:
        sys.stderr.write(f"distributed: failed after {_seconds()}: {error}\n")
        return 1
    finally:
        if given.keep:
            say(f"kept in {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _running(folder: Path, days: int, *, with_faults: bool) -> Iterator[tuple[Cluster, World]]:
    """Yield a cluster with two pipelines that are set up and unpaused; it ends with the block."""
    ports = free_ports()
    world = World.of(f"http://127.0.0.1:{ports['SANDBOX_PORT']}", folder / "pipelines", days)
    world.write_pipelines()
    cluster = Cluster(folder, find_programs(), world.connections(), world.folder, ports)
    try:
        cluster.start_stores()
        world.fill(_EVENTS_A_DAY, _BATCH_SECONDS)
        say("PostgreSQL, Redis, S3 and the sandbox run")
        cluster.start_airflow(FAILPOINTS if with_faults else {})
        api = cluster.api
        dags = {world.pipeline(name).dag_id for name in world.names}
        api.await_dags({_SETUP, *dags}, _SETUP_SECONDS)
        say(f"Airflow runs, with {' and '.join(WORKERS)}")
        api.unpause(_SETUP)
        run = api.trigger(_SETUP)
        state = cluster.processes.wait_for(
            "setup has ended", lambda: api.run_state(_SETUP, run) in ("success", "failed"), _SETUP_SECONDS
        )
        assert state, "setup has not ended"
        assert api.run_state(_SETUP, run) == "success", _red_tasks(cluster, [(_SETUP, run)])
        for dag_id in dags:
            api.unpause(dag_id)
        yield cluster, world
    finally:
        cluster.processes.stop_all()


def _prove(cluster: Cluster, world: World, *, with_faults: bool) -> int:
    """Backfill both pipelines; print what each worker did, and the total."""
    api, began = cluster.api, time.monotonic()
    dags = [world.pipeline(name).dag_id for name in world.names]
    for dag_id in dags:
        api.backfill(dag_id, world.days[0], world.days[-1])

    def runs() -> list[tuple[str, str]]:
        return [
            (dag_id, run["dag_run_id"]) for dag_id in dags for run in _patient(lambda d=dag_id: api.runs(d))
        ]

    partitions = len(world.days) * len(dags)
    cluster.processes.wait_for("the backfill has its runs", lambda: len(runs()) == partitions, 120)
    happened = 0
    if with_faults:
        for fault in Faults(cluster, runs, say).all():
            fault()
            happened += 1
    cluster.processes.wait_for(
        "the backfill has ended", lambda: _all_ended(cluster, dags, partitions), _BACKFILL_SECONDS
    )
    assert not (red := _red_tasks(cluster, runs())), red
    say(f"backfill of {partitions} partitions: {time.monotonic() - began:.0f} s")
    shared = _report_workers(cluster, runs())
    lake = _lake(cluster)
    compared, verified = world.compare(lake)
    for verification in verified:
        print(verification, flush=True)
    differing = sum(len(each.differing) for each in verified)
    print(
        f"distributed: {len(WORKERS)} workers, {partitions} partitions, {happened} faults, lost {compared.lost}, "
        f"duplicate {compared.duplicate}, phantom {compared.phantom}",
        flush=True,
    )
    expected = len(world.days) * _EVENTS_A_DAY
    rows = [world.active(name, lake) for name in world.names]
    assert rows == [expected] * len(rows), f"AEP shows {rows} rows, Mixpanel has {expected} for each pipeline"
    equal = (compared.lost, compared.duplicate, compared.phantom, differing) == (0, 0, 0, 0)
    return 0 if equal and shared and all(each.is_verified for each in verified) else 1


def _report_workers(cluster: Cluster, runs: list[tuple[str, str]]) -> int:
    """Print how many tasks each worker ended; return how many runs had tasks on both.

    Raises:
        AssertionError: no run had, or a task ran somewhere else.
    """
    tasks: Counter[str] = Counter()
    shared = again = 0
    for dag_id, run_id in runs:
        found = cluster.api.tasks(dag_id, run_id)
        hosts = [task["hostname"] for task in found]
        again += sum(task["try_number"] > 1 for task in found)
        tasks.update(hosts)
        shared += len(set(hosts)) == len(WORKERS)
    assert set(tasks) == set(WORKERS), f"tasks ran on {sorted(tasks)}"
    assert shared, "no run had tasks on both workers"
    done = ", ".join(f"{name} ended {tasks[name]} tasks" for name in WORKERS)
    say(f"{done}; {shared} of {len(runs)} runs had tasks on both; {again} tasks took another try")
    return shared


def _all_ended(cluster: Cluster, dags: list[str], partitions: int) -> bool:
    states = [run["state"] for dag_id in dags for run in _patient(lambda d=dag_id: cluster.api.runs(d))]
    return len(states) == partitions and all(state in ("success", "failed") for state in states)


def _red_tasks(cluster: Cluster, runs: list[tuple[str, str]]) -> str:
    """Return the failed tasks of failed runs with the first error of their logs on the workers' disks."""
    red = [
        f"{task['task_id']} of {run_id} on {task['hostname']}, try {task['try_number']}"
        for dag_id, run_id in runs
        if cluster.api.run_state(dag_id, run_id) == "failed"
        for task in cluster.api.tasks(dag_id, run_id)
        if task["state"] in ("failed", "upstream_failed")
    ]
    return "; ".join(red)


def _patient(ask: Callable[[], list[dict[str, str]]]) -> list[dict[str, str]]:
    """Return a response of the API server, or None while it or its database restarts."""
    try:
        return ask()
    except DemoError:
        return []


def _lake(cluster: Cluster) -> Lake:
    os.environ.update(cluster.settings.lake_environment())
    return Lake(cluster.lake_url)


def say(text: str) -> None:
    """Print a line with the time since the start."""
    print(f"[{_seconds():>6}] {text}", flush=True)


def _seconds() -> str:
    return f"{time.monotonic() - _BEGAN:.0f} s"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
