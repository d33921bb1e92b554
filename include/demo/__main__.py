"""``python -m include.demo run``: the whole pipeline, from nothing to events in AEP, and the proof that it is right."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from collections import Counter
from types import FrameType
from typing import Any, NoReturn
from urllib.parse import urlsplit

import yaml
from rich.console import Console
from rich.table import Table

from include.aep.client import AepClient
from include.aep.settings import AepSettings
from include.config.loader import load_pipelines
from include.config.model import Pipeline
from include.demo.airflow_api import AirflowApi
from include.demo.evidence import Comparison, PartitionResult, Sandbox, compare, result_of
from include.demo.services import Services
from include.demo.settings import PARTITIONS, PROJECT, DemoError, DemoSettings
from include.lake.history import History
from include.lake.keys import PartitionKey
from include.lake.lake import Lake
from include.mixpanel.settings import MixpanelSettings
from include.steps.binding import open_history

console = Console(highlight=False, width=max(132, shutil.get_terminal_size().columns))
SETUP = "mixpanel_aep_setup"
_DEADLINE_SECONDS = 1200
_ENDED = ("success", "failed")


def main(argv: list[str]) -> int:
    """Exit status 0: nothing lost, duplicate or phantom; 1: something is; 2: the demo could not run."""
    commands = {"run": run, "up": up, "down": down}
    if len(argv) != 1 or argv[0] not in commands:
        console.print("usage: python -m include.demo run|up|down")
        return 2
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        settings = DemoSettings.from_environment(os.environ)
        os.environ.update(settings.lake_environment())
        return commands[argv[0]](settings)
    except DemoError as error:
        console.print(f"demo: {error}", markup=False)
        return 2
    except KeyboardInterrupt:
        console.print("demo: interrupted; everything that it started has been stopped")
        return 130


def run(settings: DemoSettings) -> int:
    """Starts everything, backfills the demo's partitions, shows the result, stops everything."""
    services = Services(settings)
    services.require_free_ports()
    try:
        api = _start(services)
        sandbox = Sandbox(settings.sandbox_url)
        before = sandbox.calls()
        pipelines = _demo_pipelines()
        _backfill(api, pipelines)
        asked = sandbox.calls() - before
        return _show(api, pipelines, sandbox, Lake(settings.lake_url), asked)
    finally:
        services.stop()


def up(settings: DemoSettings) -> int:
    """Starts everything and leaves it running."""
    services = Services(settings)
    services.require_free_ports()
    started = False
    try:
        _start(services)
        started = True
    finally:
        if not started:
            services.stop()
    console.print(f"Airflow  {settings.airflow_url}  (no login)")
    console.print(f"Sandbox  {settings.sandbox_url}  (Mixpanel, IMS and AEP)")
    console.print(f"Lake     {settings.lake_url}")
    console.print("Choose a DAG mixpanel_to_aep_…, Trigger, Backfill; `make down` stops everything.")
    return 0


def down(settings: DemoSettings) -> int:
    """Stops what `up` started."""
    services = Services(settings)
    running = ", ".join(entry["name"] for entry in services.running())
    services.stop()
    console.print(f"stopped: {running}" if running else "nothing of the demo is running")
    return 0


def _start(services: Services) -> AirflowApi:
    settings = services.settings
    if settings.lake == "s3" and settings.folder.exists():
        shutil.rmtree(
            settings.folder
        )  # moto forgets its buckets, so the rest of this demo starts anew as well
    _say("starting the sandbox: Mixpanel, IMS and AEP on this machine")
    services.start_sandbox()
    if settings.lake == "s3":
        services.start_s3()
    _say("starting Airflow (20 to 60 seconds)")
    services.start_airflow()
    services.load_airflow_settings()
    api = AirflowApi(settings.airflow_url)
    api.await_dags({SETUP, *(pipeline.dag_id for pipeline in _demo_pipelines())})
    _say("setup: identity namespaces, field groups, schemas, datasets")
    api.unpause(SETUP)
    run_id = api.trigger(SETUP)
    _await_runs(api, {(SETUP, run_id)}, "setup")
    for pipeline in _demo_pipelines():
        api.unpause(pipeline.dag_id)
    return api


def _demo_pipelines() -> list[Pipeline]:
    return [pipeline for pipeline in load_pipelines() if pipeline.name in PARTITIONS]


def _backfill(api: AirflowApi, pipelines: list[Pipeline]) -> None:
    waiting: set[tuple[str, str]] = set()
    for pipeline in pipelines:
        dag_id, (first, last) = pipeline.dag_id, PARTITIONS[pipeline.name]
        api.cancel_backfills(dag_id)
        missing = api.missing_partitions(dag_id, first, last)
        _say(f"backfill of {pipeline.name}, {first} to {last}: {missing or 'no'} partitions to do")
        if missing:
            api.backfill(dag_id, first, last)
        waiting |= _unfinished(api, dag_id, missing)
    _await_runs(api, waiting, "partitions")


def _unfinished(api: AirflowApi, dag_id: str, at_least: int) -> set[tuple[str, str]]:
    """The DAG's runs that have not ended; a backfill's appear one after the other once it was accepted."""
    deadline = time.monotonic() + 60
    while True:
        runs = [run for run in api.runs(dag_id) if run["state"] not in _ENDED]
        if len(runs) >= at_least or time.monotonic() > deadline:
            return {(dag_id, run["dag_run_id"]) for run in runs}
        time.sleep(0.3)


def _await_runs(api: AirflowApi, waiting: set[tuple[str, str]], what: str) -> None:
    """Shows progress until every run has ended; DemoError with the first red task's sentence when one fails."""
    total, shown, deadline = len(waiting), "", time.monotonic() + _DEADLINE_SECONDS
    waiting = set(waiting)
    while waiting:
        progress = Counter[str]()
        for dag_id, run_id in sorted(waiting):
            state = api.run_state(dag_id, run_id)
            if state == "failed":
                raise DemoError(_why(api, dag_id, run_id))
            if state == "success":
                waiting.discard((dag_id, run_id))
            else:
                progress.update(_at_work(api, dag_id, run_id))
        line = f"{what}: {total - len(waiting)} of {total} done" + "".join(
            f", {count} in {task}" for task, count in sorted(progress.items())
        )
        if line != shown and what != "setup":
            _say(line)
            shown = line
        if time.monotonic() > deadline:
            raise DemoError(
                f"{line} after {_DEADLINE_SECONDS} seconds; see the logs below {PROJECT / '.run'}."
            )
        if waiting:
            time.sleep(1)


def _at_work(api: AirflowApi, dag_id: str, run_id: str) -> list[str]:
    return [
        task["task_id"]
        for task in api.tasks(dag_id, run_id)
        if task["state"] in ("running", "deferred", "up_for_retry")
    ]


def _why(api: AirflowApi, dag_id: str, run_id: str) -> str:
    failed = [task for task in api.tasks(dag_id, run_id) if task["state"] == "failed"]
    if not failed:
        return f"run {run_id} of {dag_id} failed without a failed task"
    task = failed[0]
    tail = api.log_tail(dag_id, run_id, task["task_id"], task["try_number"])
    return f"task {task['task_id']} of {dag_id}, run {run_id}, failed: {tail}"


def _show(
    api: AirflowApi, pipelines: list[Pipeline], sandbox: Sandbox, lake: Lake, asked: Counter[str]
) -> int:
    table = Table()
    for name in (
        "partition",
        "exported",
        "duplicates",
        "quarantined",
        "staged",
        "active in AEP",
        "batch",
        "seconds",
    ):
        table.add_column(name, justify="left" if name in ("partition", "batch") else "right", no_wrap=True)
    total, comparison = Counter[str](), Comparison(0, 0, 0)
    for pipeline in pipelines:
        active = Counter(batch for _, batch in sandbox.active(pipeline.aep.dataset))
        seconds = _seconds(api, pipeline)
        first, last = PARTITIONS[pipeline.name]
        days = [first.fromordinal(n) for n in range(first.toordinal(), last.toordinal() + 1)]
        history = _history(pipeline, lake, sandbox)
        results = [
            result_of(lake, PartitionKey(pipeline.name, day), history.ledger(day).records(), active)
            for day in days
        ]
        for result in results:
            _add_row(table, result, seconds.get(str(result.partition), ""))
            total.update(partitions=1, exported=result.exported, duplicates=result.duplicates,
                         quarantined=result.quarantined, active=result.active)  # fmt: skip
        comparison += compare(pipeline, history.source.project_id, sandbox, lake, results)
    console.print(table)
    if not asked:
        console.print("Everything was active already: no export was made and no batch.")
    console.print(
        f"demo: {total['partitions']} partitions, {total['exported']} exported, {total['duplicates']} duplicates, "
        f"{total['quarantined']} quarantined, {total['active']} active, lost {comparison.lost}, "
        f"duplicate {comparison.duplicate}, phantom {comparison.phantom}",
        soft_wrap=True,
    )
    return 1 if comparison != Comparison(0, 0, 0) else 0


def _add_row(table: Table, result: PartitionResult, seconds: str) -> None:
    name = f"{result.partition.pipeline} {result.partition}"
    numbers = (result.exported, result.duplicates, result.quarantined, result.staged, result.active)
    table.add_row(name, *(f"{number:,}" for number in numbers), result.batch or "none: an empty day", seconds)


def _seconds(api: AirflowApi, pipeline: Pipeline) -> dict[str, str]:
    """How long the newest run of each partition took."""
    return {
        run["partition_key"]: f"{run['duration']:.0f}"
        for run in reversed(api.runs(pipeline.dag_id))
        if run.get("partition_key") and run.get("duration")
    }


def _history(pipeline: Pipeline, lake: Lake, sandbox: Sandbox) -> History:
    """What was loaded into a pipeline's dataset."""
    source = MixpanelSettings.from_connection(**_connection(pipeline.mixpanel.conn_id, sandbox)).source
    aep = AepClient(AepSettings.from_connection(**_connection(pipeline.aep.conn_id, sandbox)))
    return open_history(lake, pipeline, aep, source).history


def _connection(conn_id: str, sandbox: Sandbox) -> dict[str, Any]:
    """A connection of airflow_settings.yaml, to the sandbox where it runs."""
    settings = yaml.safe_load((PROJECT / "airflow_settings.yaml").read_text())
    rows: list[dict[str, Any]] = settings["airflow"]["connections"]
    row, place = next(row for row in rows if row["conn_id"] == conn_id), urlsplit(sandbox.url)
    return {
        "conn_id": conn_id,
        "login": row["conn_login"],
        "password": row["conn_password"],
        "host": place.hostname,
        "port": place.port,
        "extra": row["conn_extra"],
    }


def _say(text: str) -> None:
    console.print(f"[{time.strftime('%H:%M:%S')}] {text}", markup=False)


def _interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
