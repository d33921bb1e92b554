"""``python -m scripts.demo run``: runs the whole pipeline, and proves that the events in AEP are complete."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from dataclasses import replace
from types import FrameType
from typing import NoReturn

from rich.console import Console

from include.config.loader import load_pipelines
from include.config.model import Pipeline
from include.http.sandbox_address import SANDBOXES_VARIABLE
from include.lake.lake import Lake
from scripts.demo import late_events
from scripts.demo.airflow_api import AirflowApi
from scripts.demo.airflow_runs import await_runs, unfinished_runs
from scripts.demo.evidence import Sandbox
from scripts.demo.late_events import LateEvents
from scripts.demo.report import project_source, show
from scripts.demo.services import Services
from scripts.demo.settings import PARTITIONS, USER, DemoError, DemoSettings

console = Console(highlight=False, width=max(132, shutil.get_terminal_size().columns))
SETUP = "mixpanel_aep_setup"


def main(argv: list[str]) -> int:
    """Run a command; exit code 0: no lost, duplicate or phantom event; 1: at least one; 2: the demo could not run."""
    commands = {"run": run, "up": up, "down": down}
    if len(argv) != 1 or argv[0] not in commands:
        console.print("usage: python -m scripts.demo run|up|down")
        return 2
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        settings = DemoSettings.from_environment(os.environ)
        os.environ.update({**settings.lake_environment(), SANDBOXES_VARIABLE: settings.sandbox_url})
        return commands[argv[0]](settings)
    except DemoError as error:
        console.print(f"demo: {error}", markup=False)
        return 2
    except KeyboardInterrupt:
        console.print("demo: interrupted; all of its processes were stopped")
        return 130


def run(settings: DemoSettings) -> int:
    """Start everything, backfill the demo's partitions, show the result, and stop everything."""
    services = Services(settings)
    services.require_free_ports()
    try:
        api = _start(services)
        sandbox = Sandbox(settings.sandbox_url)
        before = sandbox.calls()
        pipelines = _demo_pipelines()
        _backfill(api, pipelines)
        requests = sandbox.calls() - before
        if not requests:
            console.print("All partitions were already active: no export and no batch was requested.")
        late = _reconcile(api, pipelines, sandbox)
        console.print(str(late), soft_wrap=True)
        code = show(console, api, pipelines, sandbox, Lake(settings.lake_url))
        console.print(what_next(settings), markup=False, soft_wrap=True)
        return code
    finally:
        services.stop()


def up(settings: DemoSettings) -> int:
    """Start everything and leave it running."""
    services = Services(replace(settings, has_new_files=True))
    services.require_free_ports()
    started = False
    try:
        _start(services)
        started = True
    finally:
        if not started:
            services.stop()
    console.print(
        f"Airflow  {settings.airflow_url}  (user {USER}, password {settings.password})", soft_wrap=True
    )
    console.print(f"Board    {settings.airflow_url}/plugin/mixpanel-aep-nav  (the state of every day)")
    console.print(f"Sandbox  {settings.sandbox_url}  (Mixpanel, IMS and AEP)")
    console.print(f"Lake     {settings.lake_url}")
    environment = settings.write_command_line_environment()
    console.print(
        f"Command line  set -a; . {environment}; set +a; .venv/bin/mixpanel-aep check shop", soft_wrap=True
    )
    console.print(
        "To load days, select a DAG mixpanel_to_aep_…, Trigger, Backfill. `make down` stops everything."
    )
    return 0


def what_next(settings: DemoSettings) -> str:
    """Return what a person can do with the demo's result."""
    up = "make up" if settings.lake == "file" else f"LAKE={settings.lake} make up"
    kept = (
        f"The data are in {settings.folder}: the lake, the sandbox and Airflow's database. `make clean` removes them."
        if settings.lake == "file"
        else "The data of this lake are not kept: a next `make demo` loads the days again."
    )
    day = late_events.DAY
    return f"""
What to do next:
  `{up}` starts Airflow again. It prints an address, a user and a password. In Airflow open
    Board                   the state of every day
    Board, shop, {day}  what became of the events of a day, its batch in AEP, its quality report, and one quarantined
                            event: its time is not a number, so no day in AEP could hold it
  docs/tutorial.md          the same on the command line, in five minutes
  docs/own-project.md       your own Mixpanel project and dataset
{kept}"""


def down(settings: DemoSettings) -> int:
    """Stop the processes that `up` started."""
    services = Services(settings)
    running = ", ".join(entry["name"] for entry in services.running())
    services.stop()
    console.print(f"stopped: {running}" if running else "no process of the demo is running")
    return 0


def _start(services: Services) -> AirflowApi:
    settings = services.settings
    if settings.lake == "s3" and settings.folder.exists():
        shutil.rmtree(settings.folder)  # moto does not persist its buckets, so the demo starts from scratch
    _report("starting the sandbox: Mixpanel, IMS and AEP on this machine")
    services.start_sandbox()
    if settings.lake == "s3":
        services.start_s3()
    _report("starting Airflow (20 seconds to 3 minutes)")
    services.start_airflow()
    services.load_airflow_settings()
    api = AirflowApi(settings.airflow_url, settings.password)
    pipelines = _demo_pipelines()
    dag_ids = {dag_id for each in pipelines for dag_id in (each.dag_id, each.reconcile_dag_id)}
    api.await_dags({SETUP, *dag_ids})
    _report("setup: identity namespaces, field groups, schemas, datasets")
    api.unpause(SETUP)
    run_id = api.trigger(SETUP)
    await_runs(api, {(SETUP, run_id)}, "setup", _report)
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
        _report(f"backfill of {pipeline.name}, {first} to {last}: {missing} partitions to load")
        if missing:
            api.backfill(dag_id, first, last)
        waiting |= unfinished_runs(api, dag_id, missing)
    await_runs(api, waiting, "partitions", _report)


def _reconcile(api: AirflowApi, pipelines: list[Pipeline], sandbox: Sandbox) -> LateEvents:
    """Add late events, and let the scheduler run the reconcile DAG that loads them."""
    pipeline = next(each for each in pipelines if each.name == late_events.PIPELINE)
    source = project_source(pipeline, sandbox)
    arrived = late_events.add_late_events(sandbox.url, source.project_id)
    _report(
        f"late events of {pipeline.name}: {arrived} arrive for {late_events.DAY}; running {pipeline.reconcile_dag_id}"
    )
    runs = late_events.start_reconcile(api, pipeline)
    await_runs(api, runs, "reconcile", _report)
    return LateEvents(arrived, late_events.loaded_late(api, runs), pipeline.reconcile_dag_id)


def _report(text: str) -> None:
    console.print(f"[{time.strftime('%H:%M:%S')}] {text}", markup=False)


def _interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
