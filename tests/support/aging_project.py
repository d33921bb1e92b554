"""A project for tests of cleaning: its time can be advanced, and the contents of its lake can be listed."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import requests

from include.clock import Clock
from include.config.model import Retention
from include.lake.keys import KeyKind, is_removable, parse_key
from include.lake.lake import Lake
from include.steps.ingest.step import IngestResult
from include.steps.retention import CleanResult, clean
from scripts.demo.evidence import Sandbox
from tests.support.pipeline_runner import PIPELINES, PipelineRunner, quick_sandbox

DAY = date(2026, 7, 1)
NOON = 1782907200
HOUR = 3600.0


@dataclass
class AgingProject(PipelineRunner):
    """The hostile project, with a clock that can be moved forward."""

    ahead: dict[str, float] = field(default_factory=lambda: {"seconds": 0.0})

    def __post_init__(self) -> None:
        self.clock = Clock(seconds=lambda: time.time() + self.ahead["seconds"])

    def wait(self, **spans: float) -> None:
        """Advance the time of the project."""
        self.ahead["seconds"] += timedelta(**spans).total_seconds()

    def keep(self, **days: int | None) -> None:
        """Change how many days the pipeline keeps each kind of object."""
        self.pipeline = self.pipeline.model_copy(update={"retention": Retention(**days)})

    def remap(self, unmapped: str) -> None:
        """Change the mapping: the handling of unmapped properties."""
        self.pipeline = self.pipeline.model_copy(update={"unmapped": unmapped})

    def add(self, *keys: str, day: date = DAY, at: float = NOON) -> None:
        """Add events that Mixpanel receives after their day was loaded; ``at`` is their time on the first day."""
        at += 86_400 * (day - DAY).days
        rows = [
            {
                "event": "Late",
                "properties": {"time": at, "distinct_id": "u", "$insert_id": key, "$user_id": "u"},
            }
            for key in keys
        ]
        self.control(f"/mixpanel/projects/{self.project_id}/events", {"events": rows})

    def delete(self, *keys: str) -> None:
        """Delete events in Mixpanel, so that later exports do not contain them."""
        self.control(f"/mixpanel/projects/{self.project_id}/deletions", {"insert_ids": list(keys)})

    def load(
        self, run: str, *, day: date = DAY, refresh: bool = False, replace: bool = False
    ) -> IngestResult:
        """Run all five steps of a day."""
        staged = self.stage(day, run if refresh else None, replace=replace)
        return self.ingest(day, staged, run, replace=replace)

    def clean(self, *, dry_run: bool = False) -> CleanResult:
        return clean(self.lake, self.pipeline, self.clock.now(), dry_run=dry_run)

    def clean_for_good(self) -> None:
        """Clean twice, a day apart: the second cleaning removes what the first announced."""
        self.clean()
        self.wait(days=1)
        self.clean()

    def calls(self) -> dict[str, int]:
        """Return the exports and batches requested so far."""
        return dict(Sandbox(self.url).calls())

    def steps_with_files(self, day: date = DAY) -> set[str]:
        """Return the steps with a file of rows in the lake."""
        found = (parse_key(key) for key in self.lake.keys(f"{self.pipeline.name}/{day}"))
        return {key.step for key in found if key is not None and key.kind is KeyKind.OUTPUT_FILE}

    def protected(self) -> dict[str, str]:
        """Return a digest of every object that cleaning must not touch, by key; without indices, which are rewritten."""
        root = Path(str(self.lake.root))
        return {
            key: hashlib.sha256((root / key).read_bytes()).hexdigest()
            for key in self.lake.keys("")
            if not is_removable(key) and not key.endswith(("/index.json", "/batches.json"))
        }

    def control(self, path: str, body: object) -> None:
        """Send a request to the sandbox's control plane."""
        requests.post(f"{self.url}/_sandbox{path}", json=body, timeout=20).raise_for_status()


@contextmanager
def aging_project(folder: Path) -> Iterator[AgingProject]:
    """A project in a separate sandbox, set up, with its lake at ``folder/lake``."""
    with quick_sandbox(folder / "sandbox") as server:
        project = AgingProject(server.url, Lake(f"file://{folder}/lake"), PIPELINES["hostile"])
        # A plan exports more often than Mixpanel allows within the real hour that it takes.
        limits = {"per_hour": 100_000, "per_second": 1000}
        project.control("/mixpanel/projects", {"id": project.project_id, "limits": limits})
        project.setup()
        yield project
