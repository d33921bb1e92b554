"""An Airflow with its own sandbox for the browser: one pipeline that loads, and nine with three years of days."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import requests

from include.board.facts import BatchFacts, Counts, DayFacts
from include.board.index import BoardIndex
from include.lake.history import History, Source, Target
from include.lake.lake import Lake
from scripts.demo.airflow_api import AirflowApi
from scripts.demo.services import Services
from scripts.demo.settings import PORTS, USER, DemoSettings

PROJECT = Path(__file__).parents[2]
VIEWER, PASSWORD = "viewer", "viewer-not-real"
PIPELINE, DAG, ONE_DAY = "web", "mixpanel_to_aep_web", "mixpanel_aep_day_web"
SETUP = "mixpanel_aep_setup"
MIXPANEL_PROJECT = 3_000_002
OLD_PIPELINES, YEARS = 9, 3
EVENTS = 60
TODAY = datetime.now(UTC).date()
YESTERDAY = TODAY - timedelta(days=1)
QUARANTINED, FAILED = YESTERDAY - timedelta(days=1), YESTERDAY - timedelta(days=2)
FIRST = YESTERDAY - timedelta(days=5)
NEVER_RUN = (FIRST, FIRST + timedelta(days=1), FIRST + timedelta(days=2))
_RUN_SECONDS = 300
_YAML = """
mixpanel: {{conn_id: mixpanel_shop, timezone: Europe/Berlin, time_is: utc}}
aep: {{conn_id: aep_default, dataset: "{name} events", schema: "{name} events", field_group: shop.json}}
mapping: shop.json
identities: {{$user_id: MixpanelUser, $device_id: MixpanelDevice}}
quality: {{max_quarantined: 20%, history_days: 0}}
settle_hours: 0
start_date: {start}
"""


@dataclass(frozen=True)
class BoardSettings(DemoSettings):
    """The demo's settings with a second, read-only user, and the tests' pipelines."""

    def airflow_environment(self) -> dict[str, str]:
        found = super().airflow_environment()
        passwords = self.folder / "passwords.json"
        passwords.write_text(json.dumps({USER: self.password, VIEWER: PASSWORD}))
        return found | {
            "MIXPANEL_AEP_PIPELINES": str(self.folder / "pipelines"),
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin,{VIEWER}:viewer",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
        }


@dataclass(frozen=True)
class Stage:
    """What the tests use of the stage."""

    settings: BoardSettings
    api: AirflowApi

    @property
    def url(self) -> str:
        return self.settings.airflow_url

    @property
    def board(self) -> str:
        return f"{self.url}/mixpanel-aep/board"

    def day(self, day: date) -> str:
        return f"{self.board}/day/{DAG}/{day}"

    def sandbox(self, path: str, body: Mapping[str, Any]) -> None:
        requests.post(f"{self.settings.sandbox_url}/_sandbox{path}", json=body, timeout=30).raise_for_status()

    def await_runs(self, dag_id: str = DAG) -> None:
        """Wait until no run of a DAG is active and Airflow has completed its backfill, which takes longer."""
        deadline = time.monotonic() + _RUN_SECONDS
        while self.api.open_backfills(dag_id) or any(
            run["state"] in ("queued", "running") for run in self.api.runs(dag_id)
        ):
            assert time.monotonic() < deadline, f"a run of {dag_id} did not end"
            time.sleep(0.5)


def free_ports() -> dict[str, int]:
    """Return free ports; all are held until the last one is found."""
    sockets = {name: socket.socket() for name in PORTS}
    for each in sockets.values():
        each.bind(("127.0.0.1", 0))
    found = {name: each.getsockname()[1] for name, each in sockets.items()}
    for each in sockets.values():
        each.close()
    return found


def start(services: Services) -> Stage:
    """Start everything, and load the first days."""
    settings = services.settings
    assert isinstance(settings, BoardSettings)
    write_pipelines(settings)
    services.start_sandbox()
    services.start_airflow()
    services.load_airflow_settings()
    api = AirflowApi(settings.airflow_url, settings.password)
    stage = Stage(settings, api)
    _add_events(stage)
    stage.sandbox("/aep/settings", {"batch_seconds": 0})
    api.await_dags({SETUP, DAG, "mixpanel_to_aep_old_1"}, seconds=180)
    api.unpause(SETUP)
    api.trigger(SETUP)
    stage.await_runs(SETUP)
    plan = {"outcome": "failed", "external_id": f"*-{PIPELINE}-{FAILED}-*"}
    stage.sandbox("/aep/settings", {"next_batches": [plan]})
    api.unpause(DAG)
    api.backfill(DAG, FAILED, YESTERDAY)
    deadline = time.monotonic() + 60
    while len(api.runs(DAG)) < (YESTERDAY - FAILED).days + 1:
        assert time.monotonic() < deadline, "the backfill made no runs"
        time.sleep(0.3)
    stage.await_runs()
    return stage


def write_pipelines(settings: BoardSettings) -> None:
    """Write the pipeline files, and the index of those that have loaded three years of days."""
    folder = settings.folder / "pipelines"
    folder.mkdir(parents=True)
    (folder / f"{PIPELINE}.yaml").write_text(_YAML.format(name=PIPELINE, start=FIRST))
    lake = Lake(settings.lake_url)
    for number in range(1, OLD_PIPELINES + 1):
        start = YESTERDAY - timedelta(days=365 * YEARS)
        (folder / f"old-{number}.yaml").write_text(_YAML.format(name=f"old-{number}", start=start))
        history = History(lake, Source("us", number), Target("DEMO0000@AdobeOrg", "prod", f"{number:024x}"))
        history.bind(f"old-{number}", datetime.now(UTC).isoformat())
        lake.replace(history.key("board"), msgspec.json.encode(old_index(start, number)))


def old_index(start: date, number: int) -> BoardIndex:
    """Return an index of three years of days, some of them quarantined, empty or late."""
    days = {}
    for count in range((YESTERDAY - start).days + 1):
        day = start + timedelta(days=count)
        exported = 0 if count % 97 == 5 else 4_000 + (count * 37 * number) % 3_000
        quarantined = 12 if count % 31 == 3 and exported else 0
        active = exported - quarantined - (40 if exported else 0)
        counts = Counts(exported, 40 if exported else 0, quarantined, active, max(0, active))
        at = f"{day + timedelta(days=1)}T06:10:00+00:00"
        facts = DayFacts(
            3, at, counts=counts, exported_at=at, first_active_at=at, schema_version="1.0", bytes_raw=400_000
        )
        batches = (BatchFacts(f"batch-{number}-{count}", active, at, "a-run"),) if exported else ()
        days[str(day)] = replace_facts(facts, batches)
    del days[str(YESTERDAY - timedelta(days=400))]
    now = datetime.now(UTC).isoformat()
    return BoardIndex(listed_at=now, audited_at=now, days=days, properties={"a property": str(start)})


def replace_facts(facts: DayFacts, batches: tuple[BatchFacts, ...]) -> DayFacts:
    """Return a day's facts with batches; without any the day is empty."""
    return msgspec.structs.replace(facts, batches=batches, progress="none" if batches else "empty")


def _add_events(stage: Stage) -> None:
    """Return copies of events of the sandbox's shop, moved to the last days."""
    place = f"/mixpanel/projects/{MIXPANEL_PROJECT}/events"
    answer = requests.get(
        f"{stage.settings.sandbox_url}/_sandbox{place}",
        params={"from_date": "2026-07-01", "to_date": "2026-07-01"}, timeout=60,
    )  # fmt: skip
    models = [json.loads(line) for line in answer.content.split(b"\n") if line][:EVENTS]
    given: list[dict[str, Any]] = []
    for count in range((YESTERDAY - FIRST).days + 1):
        day = FIRST + timedelta(days=count)
        noon = int(datetime(day.year, day.month, day.day, 12, tzinfo=UTC).timestamp())
        given += [_moved(model, noon, f"{day}-{number}") for number, model in enumerate(models)]
        if day == QUARANTINED:
            given += [
                {"line": f'{{"event": "Broken {n}", "properties": {{', "at": noon, "processed_at": noon}
                for n in range(3)
            ]
    stage.sandbox(place, {"events": given})


def _moved(model: Mapping[str, Any], noon: int, key: str) -> dict[str, Any]:
    dropped = ("mp_processing_time_ms", "$mp_api_timestamp_ms", "$import")
    kept = {name: value for name, value in model["properties"].items() if name not in dropped}
    return {
        "event": model["event"],
        "properties": kept | {"time": noon, "$insert_id": key},
        "processed_at": (noon + 60) * 1000,
    }


def settings_in(folder: Path) -> BoardSettings:
    """Return settings of an Airflow in a folder that does not exist yet."""
    base = DemoSettings("file", free_ports(), folder)
    folder.mkdir(parents=True, exist_ok=True)
    return BoardSettings(base.lake, base.ports, base.folder)
