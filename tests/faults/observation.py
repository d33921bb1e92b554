"""The outcome of a scenario: its records, its batches, its rows at AEP, and its files."""

from __future__ import annotations

import json
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from include.aep.data_lake import EVER
from include.config.model import Pipeline
from include.lake.history import History, Target
from include.lake.keys import PartitionKey
from include.lake.lake import Lake
from include.lake.ledger import LedgerRecord
from tests.faults.process_run import DAYS, Where
from tests.support.canaries import find_canaries, find_in
from tests.support.pipeline_runner import PipelineRunner

if TYPE_CHECKING:
    from tests.faults.environment import FaultEnvironment

LakeKind = Literal["disk", "s3"]


class Observation:
    """A project, a dataset, a pipeline and a lake to observe."""

    stage: FaultEnvironment
    where: Where
    folder: Path
    project_id: int
    dataset_id: str
    lake_kind: LakeKind

    @property
    def pipeline(self) -> Pipeline:
        return self.where.pipeline

    @property
    def runner(self) -> PipelineRunner:
        return self.where.runner()

    @property
    def history(self) -> History:
        """The history of this scenario's dataset."""
        aep = self.runner.aep
        target = Target(aep.org_id, aep.aep_sandbox, self.dataset_id)
        return History(self.lake, self.runner.source, target)

    @cached_property
    def lake(self) -> Lake:
        """Opened once: opening a store in S3 reads all certificates."""
        return Lake(self.where.lake)

    @property
    def aep_sandbox(self) -> str:
        return str(self.runner.aep.aep_sandbox)

    def partition(self, day: date = DAYS[0]) -> PartitionKey:
        return PartitionKey(self.pipeline.name, day)

    def records(self, day: date = DAYS[0]) -> list[LedgerRecord]:
        return self.history.ledger(day).records()

    def kinds(self, day: date = DAYS[0]) -> list[str]:
        return [record.kind for record in self.records(day)]

    def active(self) -> list[tuple[str, str]]:
        """Return ``_id`` and batch of every active row."""
        return self.active_in(self.pipeline.aep.dataset)

    def active_in(self, dataset: str) -> list[tuple[str, str]]:
        """Return the same of another dataset, by its name or id."""
        url, query = (
            f"{self.stage.url}/_sandbox/aep/active",
            {"dataset": dataset, "sandbox": self.aep_sandbox},
        )
        answer = self.stage.session.get(url, params=query, timeout=30)
        answer.raise_for_status()
        rows = [json.loads(line) for line in answer.content.split(b"\n") if line]
        return [(str(row["_id"]), str(row["batch"])) for row in rows]

    def read_lake(self) -> list[tuple[str, str]]:
        """Return the same as AEP's Query Service returns it over the wire, as ``verify`` reads it."""
        aep = self.runner.aep
        dataset = aep.catalog.require_dataset(self.pipeline.aep.dataset)
        with aep.lake_reader() as reader:
            return list(reader.ids(dataset, EVER.start, EVER.end))

    def events_now(self) -> list[bytes]:
        """Return the lines that Mixpanel would return now, of all days."""
        url = f"{self.stage.url}/_sandbox/mixpanel/projects/{self.project_id}/events"
        query = {"from_date": "2026-01-01", "to_date": "2026-12-31"}
        answer = self.stage.session.get(url, params=query, timeout=30)
        answer.raise_for_status()
        return [line for line in answer.content.split(b"\n") if line]

    def batches(self) -> list[dict[str, Any]]:
        """Return the batches of this dataset, as Catalog lists them."""
        found = self.stage.get("/aep/batches", sandbox=self.aep_sandbox)["batches"]
        return [
            {"id": key, **body}
            for entry in found
            for key, body in (entry.items() if len(entry) == 1 else [(entry["id"], entry)])
            if any(related["id"] == self.dataset_id for related in body.get("relatedObjects", ()))
        ]

    def logs(self) -> str:
        return "".join(path.read_text(errors="replace") for path in sorted(self.folder.glob("*.log")))

    def leaks(self) -> list[object]:
        """Return the secrets of its connections that its runs left in files or output."""
        found: list[object] = list(find_canaries([self.folder]))
        if self.lake_kind == "s3":
            found += [
                (key, leak)
                for key in self.lake.keys(self.pipeline.name)
                for leak in find_in(self.lake.read(key) or b"")
            ]
        return found
