"""What the cluster works on: two pipelines, their Mixpanel projects in the sandbox, and the proof of what arrived."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import requests
import yaml

from include.aep.client import AepClient
from include.config.loader import load_pipeline
from include.config.model import Pipeline
from include.lake.lake import Lake
from include.steps.history.open_history import open_history
from include.steps.verify import Verification, verify
from scripts.demo.evidence import Comparison
from tests.airflow.connections import connection_variables
from tests.support.pipeline_runner import PIPELINES, PipelineRunner

_ACCOUNT = {"username": "tests.mp-service-account", "secret": "tests-not-real"}
_PROJECTS = {"north": 7_200_001, "south": 7_200_002}


@dataclass(frozen=True)
class World:
    """Return pipelines by name, all over the same days; ``url``: the sandbox's."""

    url: str
    folder: Path
    days: tuple[date, ...]

    @classmethod
    def of(cls, url: str, folder: Path, days: int) -> World:
        last = datetime.now(UTC).date() - timedelta(days=2)
        return cls(url, folder, tuple(last - timedelta(days=n) for n in reversed(range(days))))

    @property
    def names(self) -> list[str]:
        return list(_PROJECTS)

    def pipeline(self, name: str) -> Pipeline:
        return load_pipeline(self.folder / f"{name}.yaml")

    def write_pipelines(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        for name in _PROJECTS:
            data = PIPELINES["hostile"].model_dump(
                mode="json", by_alias=True, exclude={"name"}, exclude_none=True
            )
            data["mixpanel"]["conn_id"] = f"cluster_{name}"
            data["aep"]["dataset"] = f"Cluster {name}"
            data |= {"start_date": str(self.days[0]), "end_date": str(self.days[-1]), "settle_hours": 0}
            (self.folder / f"{name}.yaml").write_text(yaml.safe_dump(data))

    def connections(self) -> dict[str, str]:
        """Return Airflow's connections as environment variables."""
        demo = connection_variables(self.url)
        mixpanel = json.loads(demo["AIRFLOW_CONN_MIXPANEL_SHOP"])
        mixpanel |= {"login": _ACCOUNT["username"], "password": _ACCOUNT["secret"]}
        return {
            "AIRFLOW_CONN_AEP_DEFAULT": demo["AIRFLOW_CONN_AEP_DEFAULT"],
            "MIXPANEL_AEP_SANDBOXES": self.url,
            **{
                f"AIRFLOW_CONN_CLUSTER_{name.upper()}": json.dumps(
                    mixpanel | {"extra": {"project_id": number, "region": "us", "sandbox": True}}
                )
                for name, number in _PROJECTS.items()
            },
        }

    def fill(self, events_a_day: int, batch_seconds: float) -> None:
        """Add events of every day to Mixpanel; ``batch_seconds``: how long AEP takes for a batch, in real time."""
        self._post("/aep/settings", {"batch_seconds": batch_seconds})
        for name, number in _PROJECTS.items():
            self._post(
                "/mixpanel/projects", {"id": number, "limits": {"enabled": False}, "accounts": [_ACCOUNT]}
            )
            for day in self.days:
                self._post(
                    f"/mixpanel/projects/{number}/events", {"events": list(_events(name, day, events_a_day))}
                )

    def compare(self, lake: Lake) -> tuple[Comparison, list[Verification]]:
        """Compare Mixpanel's responses with AEP, and AEP's data lake with the ledgers, as sets of ``_id``."""
        total, verified = Comparison(0, 0, 0), []
        for name in _PROJECTS:
            runner = self._runner(name, lake)
            total += runner.compare(*self.days)
            verified.append(_verify(runner))
        return total, verified

    def active(self, name: str, lake: Lake) -> int:
        """Return how many rows AEP has of the pipeline's days."""
        return sum(self._runner(name, lake).result(day).active for day in self.days)

    def _runner(self, name: str, lake: Lake) -> PipelineRunner:
        pipeline, extra = (
            self.pipeline(name),
            {"project_id": _PROJECTS[name], "region": "us", "sandbox": True},
        )
        fields = {"login": _ACCOUNT["username"], "password": _ACCOUNT["secret"], "extra": extra}
        # From the demo's connections, whose fields are replaced here.
        source = pipeline.mixpanel.model_copy(update={"conn_id": "mixpanel_shop"})
        return PipelineRunner(
            self.url, lake, pipeline.model_copy(update={"mixpanel": source}), connection=fields
        )

    def _post(self, path: str, body: Any) -> None:
        answer = requests.post(f"{self.url}/_sandbox{path}", json=body, timeout=60)
        assert answer.ok, answer.text[:500]


def _verify(runner: PipelineRunner) -> Verification:
    aep: AepClient = runner.aep
    opened = open_history(runner.lake, runner.pipeline, aep, runner.source, all_days=True)
    with aep.lake_reader("query_service") as reader:
        return verify(
            opened.history,
            opened.dataset,
            reader,
            aep,
            runner.pipeline,
            None,
            runner.clock,
            budget_seconds=None,
        )


def _events(name: str, day: date, count: int) -> Iterator[dict[str, Any]]:
    first = int(datetime(day.year, day.month, day.day, 1, tzinfo=UTC).timestamp())
    for number in range(count):
        user = f"{name}-{number % 97}"
        properties = {
            "time": first + number,
            "distinct_id": user,
            "$user_id": user,
            "$insert_id": f"{day}-{number}",
        }
        yield {"event": ("Viewed", "Bought")[number % 2], "properties": properties | {"Price": number / 100}}
