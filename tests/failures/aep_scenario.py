"""Where a row of AEP's tables is executed: its dataset, its ledger, its clock, and what AEP holds in the end."""

from __future__ import annotations

import hashlib
import itertools
import re
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Self

import requests

from include.aep.client import AepClient
from include.aep.setup import setup_pipeline
from include.http.request import RetryPolicy
from include.lake.history import History, Target
from include.lake.keys import HISTORIES
from include.lake.lake import Lake
from include.lake.manifest import Manifest, upload_file
from include.lake.rate_budget import BUDGETS
from include.steps.ingest.step import IngestResult, PendingBatch
from scripts.demo import evidence
from scripts.demo.evidence import Comparison, compare, result_of
from tests.failures.aep_failure import ROUTES, STAGED, AepFailure
from tests.failures.execution import SECRETS, Sandbox
from tests.support.fake_clock import FakeClock
from tests.support.pipeline_runner import PIPELINES, PipelineRunner

DAY = date(2026, 7, 1)
_DATASETS = itertools.count(1)
_MOST_LOOKS = 6


@dataclass
class Template:
    """A day that was staged once, the schema of the datasets that the rows load it into, and Mixpanel's response."""

    runner: PipelineRunner
    aep: AepClient
    staged: Manifest
    schema_id: str
    returned: list[bytes]

    @classmethod
    def stage(cls, sandbox: Sandbox, folder: Path) -> Self:
        """Process the day up to staging, in a separate lake."""
        runner = PipelineRunner(sandbox.url, Lake(f"file://{folder}"), PIPELINES["hostile"])
        runner.aep_connection = {"password": SECRETS["aep"]}
        setup_pipeline(runner.pipeline, runner.aep)
        staged = runner.stage(DAY)
        assert staged.rows == STAGED
        aep = runner.aep
        dataset = aep.catalog.require_dataset(runner.pipeline.aep.dataset)
        returned = list(evidence.Sandbox(sandbox.url).returned(runner.project_id))
        return cls(runner, aep, staged, dataset["schemaRef"]["id"], returned)

    def dataset(self, name: str) -> str:
        content_type = "application/vnd.adobe.xed+json;version=1"
        body = {"name": name, "schemaRef": {"id": self.schema_id, "contentType": content_type}}
        return self.aep.catalog.create_dataset(body)

    def delete_dataset(self, dataset_id: str) -> None:
        """The sandbox lists each dataset's batches: hundreds of them would make every row slower."""
        url = f"{self.runner.url}/data/foundation/catalog/dataSets/{dataset_id}"
        requests.delete(url, headers=self.aep._http._headers(), timeout=20).raise_for_status()


class AepScenario:
    """A row's own ledger, budgets, clock and dataset. All rows share the lake: none changes the staged files."""

    def __init__(self, row: AepFailure, sandbox: Sandbox, template: Template) -> None:
        self.row, self.sandbox, self.template, self.fake_clock = row, sandbox, template, FakeClock()
        self.runner = self._runner(template.runner)
        lake = template.runner.lake
        assert lake.root
        # The clock does not advance, so a budget would never be free again.
        for folder in (HISTORIES, BUDGETS):
            shutil.rmtree(lake.root / folder, ignore_errors=True)
        self.dataset_id = template.dataset(self.runner.pipeline.aep.dataset)
        self.staged = self._by_hand() if row.lines else template.staged
        if row.settings or row.next_batches:
            sandbox.post("/aep/settings", {**row.settings, "next_batches": list(row.next_batches)})
        for fault in row.faults:
            sandbox.post("/faults", fault)
        sandbox.forget_requests()
        self._left = list(row.between_polls)

    def _runner(self, base: PipelineRunner) -> PipelineRunner:
        row, name = self.row, f"Failures {next(_DATASETS)}"
        file_format = "json" if row.lines else "parquet"
        aep = base.pipeline.aep.model_copy(update={"dataset": name, "file_format": file_format})
        return PipelineRunner(
            base.url,
            base.lake,
            base.pipeline.model_copy(update={"aep": aep}),
            self.fake_clock.clock,
            aep_connection={"password": SECRETS["aep"], **row.connection},
            retry_policy=RetryPolicy(5, row.idle_seconds),
            limits=row.limits,
        )

    def _by_hand(self) -> Manifest:
        """Return the row's own lines as a staged file, which validation would refuse."""
        content = b"".join(line + b"\n" for line in self.row.lines)
        digest = hashlib.sha256(content).hexdigest()
        scenario = self.runner.workspace(DAY)
        with scenario.scratch() as scratch:
            path = scratch / f"events-{digest[:16]}.json"
            path.write_bytes(content)
            key = f"{scenario.partition.output('stage', digest[:32])}/{path.name}"
            files = (upload_file(scenario.lake, key, path, len(self.row.lines)),)
        return scenario.publish(step="stage", digest=digest[:32], inputs={}, files=files, counts={})

    def task(self) -> IngestResult | PendingBatch:
        """Run one try of the task: it polls until AEP has finished, or until the polling limit."""
        for _ in range(_MOST_LOOKS):
            result = self.runner.advance(DAY, self.staged)
            if isinstance(result, IngestResult):
                break
            if self._left:
                self.do(self._left.pop(0))
        return result

    def do(self, happening: Mapping[str, Any]) -> None:
        batch = next((r.batch for r in reversed(self.records()) if r.batch), "")
        self.sandbox.post(happening["path"].format(batch=batch), happening["body"])

    def asked(self) -> Counter[str]:
        """Return how often each route was requested."""
        return asked(self.sandbox.asked(lambda entries: asked(entries) >= Counter(self.row.requests)))

    def records(self) -> list[Any]:
        """Return the day's ledger, without a request to AEP."""
        aep = self.template.aep
        target = Target(aep.org_id, aep.aep_sandbox, self.dataset_id)
        return History(self.runner.lake, self.runner.source, target).ledger(DAY).records()

    def active(self) -> list[tuple[str, str]]:
        """Return ``_id`` and batch of every row that AEP holds."""
        kept = self.sandbox.lines("/aep/active", dataset=self.runner.pipeline.aep.dataset)
        return [(row["_id"], row["batch"]) for row in kept]

    def compared(self, active: list[tuple[str, str]]) -> Comparison:
        """Return returned, quarantined and active events, as sets."""
        results = [
            result_of(self.runner.lake, self.runner.workspace(DAY).partition, self.records(), Counter())
        ]
        known = _Known(self.template.returned, active)
        return compare(self.runner.pipeline, self.runner.project_id, known, self.runner.lake, results)


class _Known(evidence.Sandbox):
    """The sandbox's records as of the last read."""

    def __init__(self, returned: list[bytes], active: list[tuple[str, str]]) -> None:
        self._returned, self._active = returned, active

    def returned(self, project_id: int) -> Iterator[bytes]:
        return iter(self._returned)

    def active(self, dataset: str) -> Iterator[tuple[str, str]]:
        return iter(self._active)


def asked(entries: list[dict[str, Any]]) -> Counter[str]:
    """Return how often each route was requested."""
    return Counter(
        next((name for name, route in ROUTES.items() if _fits(route, entry)), "?") for entry in entries
    )


def _fits(route: Mapping[str, Any], entry: Mapping[str, Any]) -> bool:
    path = route.get("path_regex") or re.escape(route["path"]).replace(r"\*", ".*") + "$"
    return (
        route["method"] == entry["method"]
        and re.match(path, entry["path"]) is not None
        and route.get("query", "") in entry["query"]
    )
