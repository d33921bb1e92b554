"""Runs partitions of the demo's pipelines through all five steps without Airflow, against a sandbox."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import yaml

from include.aep.client import AepClient
from include.aep.settings import AepSettings
from include.aep.setup import setup_pipeline
from include.aep.upload import UploadLimits
from include.clock import SYSTEM_CLOCK, Clock
from include.config.loader import load_pipelines
from include.config.model import Pipeline
from include.http.request import RetryPolicy
from include.json_types import JsonObject
from include.lake.history import History, Source
from include.lake.lake import Lake
from include.lake.ledger import LedgerRecord
from include.lake.manifest import Manifest
from include.mixpanel.client import EXPORT_RETRY_POLICY, MixpanelClient
from include.mixpanel.export_budget import ExportBudget
from include.mixpanel.settings import MixpanelSettings
from include.steps.export.window_export import FetchAhead
from include.steps.ingest.step import IngestResult, PendingBatch
from include.steps.run_day import DayRun
from include.steps.workspace import Workspace
from mixpanel_aep_sandbox.core.server import SandboxServer
from scripts.demo.evidence import Comparison, PartitionResult, Sandbox, compare, result_of

PROJECT = Path(__file__).parents[2]
CONNECTIONS: dict[str, JsonObject] = {
    row["conn_id"]: row
    for row in yaml.safe_load((PROJECT / "airflow_settings.yaml").read_text())["airflow"]["connections"]
}
PIPELINES = {pipeline.name: pipeline for pipeline in load_pipelines()}


@dataclass
class PipelineRunner:
    """A pipeline, its lake, and clients of the sandbox at ``url``."""

    url: str
    lake: Lake
    pipeline: Pipeline
    clock: Clock = SYSTEM_CLOCK
    connection: JsonObject = field(default_factory=dict)
    """Fields of the Mixpanel connection to change."""
    aep_connection: JsonObject = field(default_factory=dict)
    retry_policy: RetryPolicy | None = None
    limits: UploadLimits | None = None
    budget: bool = False
    """Whether exports keep to the project's budget in the lake, as they do outside of tests."""

    @property
    def mixpanel(self) -> MixpanelClient:
        budget = ExportBudget(self.lake, self.project_id, self.clock) if self.budget else None
        retry_policy = self.retry_policy or EXPORT_RETRY_POLICY
        return MixpanelClient(self.mixpanel_settings, self.clock, budget, retry_policy)

    @property
    def mixpanel_settings(self) -> MixpanelSettings:
        return MixpanelSettings.from_connection(
            **self._fields(self.pipeline.mixpanel.conn_id, self.connection)
        )

    @property
    def aep(self) -> AepClient:
        fields = self._fields(self.pipeline.aep.conn_id, self.aep_connection)
        settings = AepSettings.from_connection(**fields)
        return AepClient(settings, self.clock, retry_policy=self.retry_policy, limits=self.limits)

    @property
    def project_id(self) -> int:
        return self.mixpanel_settings.project_id

    def _fields(self, conn_id: str, changes: JsonObject) -> JsonObject:
        row, place = CONNECTIONS[conn_id], urlsplit(self.url)
        fields = {
            "conn_id": conn_id,
            "login": row["conn_login"],
            "password": row["conn_password"],
            "host": place.hostname,
            "port": place.port,
            "extra": dict(row["conn_extra"]),
        }
        extra = fields["extra"] | changes.get("extra", {})
        return fields | changes | {"extra": extra}

    def setup(self) -> list[str]:
        return setup_pipeline(self.pipeline, self.aep, self.lake, source=str(self.source)).changes

    def workspace(self, day: date) -> Workspace:
        return Workspace.of(self.lake, self.pipeline, day, self.clock)

    @property
    def source(self) -> Source:
        return self.mixpanel_settings.source

    def steps(
        self,
        day: date,
        run: str = "test/run",
        refresh: str | None = None,
        *,
        replace: bool = False,
        backfill: bool = False,
    ) -> DayRun:
        """Return the steps of a day, as a new process creates them."""
        ahead = FetchAhead(f"{run}/{day}") if backfill else None
        given: JsonObject = {"refresh": refresh, "replace": replace, "ahead": ahead}
        return DayRun(self.workspace(day), self.source, self.mixpanel, self.aep, run, **given)

    def history(self, day: date) -> History:
        return self.steps(day).history

    def records(self, day: date) -> list[LedgerRecord]:
        """Return the records of the day's ledger."""
        return self.history(day).ledger(day).records()

    def export(self, day: date, refresh: str | None = None) -> Manifest:
        return self.steps(day, refresh=refresh).export()

    def transform(self, day: date, raw: Manifest, *, replace: bool = False) -> Manifest:
        return self.steps(day, replace=replace).transform(raw)

    def stage(self, day: date, refresh: str | None = None, *, replace: bool = False) -> Manifest:
        """Run the steps export, transform, validate and stage."""
        return self.steps(day, refresh=refresh, replace=replace).to_staged()

    def advance(
        self, day: date, staged: Manifest, run: str = "test/run", *, replace: bool = False
    ) -> IngestResult | PendingBatch:
        """Run the step ingest once, without waiting for AEP."""
        return self.steps(day, run, replace=replace).ingest(staged)

    def ingest(
        self, day: date, staged: Manifest, run: str = "test/run", *, replace: bool = False
    ) -> IngestResult:
        """Poll until AEP has finished; the sandbox finishes at once (``batch_seconds`` 0)."""
        for _ in range(10):
            result = self.advance(day, staged, run, replace=replace)
            if isinstance(result, IngestResult):
                return result
        raise AssertionError("AEP did not finish")

    def run_partition(self, day: date) -> PartitionResult:
        """Run all five steps and return the outcome of the partition."""
        self.ingest(day, self.stage(day))
        return self.result(day)

    def result(self, day: date) -> PartitionResult:
        from collections import Counter

        active = Counter(batch for _, batch in Sandbox(self.url).active(self.pipeline.aep.dataset))
        return result_of(self.lake, self.workspace(day).partition, self.records(day), active)

    def compare(self, *days: date) -> Comparison:
        results = [self.result(day) for day in days]
        return compare(self.pipeline, self.project_id, Sandbox(self.url), self.lake, results, days=days)


@contextmanager
def quick_sandbox(folder: Path) -> Iterator[SandboxServer]:
    """Start a sandbox whose batches are active as soon as they are complete."""
    import requests

    with SandboxServer(folder) as server:
        requests.post(
            f"{server.url}/_sandbox/aep/settings", json={"batch_seconds": 0}, timeout=10
        ).raise_for_status()
        yield server


@contextmanager
def loaded_sandbox(folder: Path, *days: date) -> Iterator[SandboxServer]:
    """Start a fast sandbox in which days of the hostile pipeline are loaded, with their lake at ``folder/lake``.

    It is a copy: the days are loaded once in each process, not once in each test.
    """
    shutil.copytree(_loaded(days), folder, dirs_exist_ok=True)
    with SandboxServer(folder / "sandbox") as server:
        yield server


@cache
def _loaded(days: tuple[date, ...]) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="mixpanel-aep-loaded-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with quick_sandbox(folder / "sandbox") as server:
        runner = PipelineRunner(server.url, Lake(f"file://{folder}/lake"), PIPELINES["hostile"])
        runner.setup()
        for day in days:
            runner.ingest(day, runner.stage(day))
    return folder
