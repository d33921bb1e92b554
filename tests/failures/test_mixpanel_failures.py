"""Every known failure of an export, through the real steps: the day is published whole, or not at all and explained."""

from __future__ import annotations

import base64
import itertools
from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from include.http.request import RetryPolicy
from include.lake.lake import Lake
from scripts.demo.evidence import Comparison
from tests.failures import mixpanel_responses_table as mixpanel_answers_table
from tests.failures import mixpanel_table
from tests.failures.execution import (
    SECRETS,
    Sandbox,
    assert_waited,
    made,
    published_lines,
    reasons,
    tries,
)
from tests.failures.failure import Elsewhere, NotOurs
from tests.failures.mixpanel_failure import MixpanelFailure
from tests.support.fake_clock import FakeClock
from tests.support.pipeline_runner import PIPELINES, PipelineRunner

pytestmark = pytest.mark.sandbox
TABLES = (mixpanel_table, mixpanel_answers_table)
ALL = [row for table in TABLES for row in table.ROWS]
ROWS = [row for row in ALL if isinstance(row, MixpanelFailure)]
ACCOUNT = "test.mp-service-account"
_PROJECTS = itertools.count(5_000_001)


def test_every_number_has_a_row_and_row_numbers_are_unique() -> None:
    for table in TABLES:
        shown = {number for row in table.ROWS for number in row.id.partition("/")[0].split("+")}
        assert shown == set(table.NUMBERS)
    assert [row for row, count in Counter(row.id for row in ALL).items() if count > 1] == []


def test_references_to_other_tests_are_valid_and_exclusions_have_a_reason() -> None:
    here = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    for row in ALL:
        if isinstance(row, Elsewhere):
            assert f"\ndef {row.test}(" in here, f"{row.id}: {row.test} is missing"
        assert row.source
        assert not isinstance(row, NotOurs) or row.reason


class MixpanelScenario:
    """A row's own project, lake, clock and dataset."""

    def __init__(self, row: MixpanelFailure, sandbox: Sandbox, folder: Path) -> None:
        self.row, self.sandbox, self.project_id = row, sandbox, next(_PROJECTS)
        self.fake_clock = FakeClock(at=datetime.fromisoformat(row.now).timestamp())
        self.runner = self._runner(folder)

    def arrange(self) -> None:
        row, sandbox = self.row, self.sandbox
        sandbox.post("/clock", {"set": row.now})
        account = {"username": ACCOUNT, "secret": SECRETS["mixpanel"]}
        project = {"id": self.project_id, "limits": {"enabled": False}, "accounts": [account], **row.project}
        sandbox.post("/mixpanel/projects", project)
        if row.holds:
            sandbox.post(f"/mixpanel/projects/{self.project_id}/events", {"events": row.holds})
        if row.active is not None:
            self.runner.setup()
        own = {"path": "/api/2.0/export", "query": f"project_id={self.project_id}"}
        for fault in row.faults:
            sandbox.post("/faults", {"match": own, **fault})

    def _runner(self, folder: Path) -> PipelineRunner:
        row, base = self.row, PIPELINES["hostile"]
        pipeline = base.model_copy(
            update={
                "mixpanel": base.mixpanel.model_copy(update=row.source_settings),
                "aep": base.aep.model_copy(update={"dataset": f"Events of {self.project_id}"}),
                "quality": base.quality.model_copy(update={"max_quarantined": 1.0}),
                "start_date": date(2015, 1, 1),
                "end_date": None,
            }
        )
        own: dict[str, Any] = {"project_id": self.project_id, "region": row.project.get("region", "us")}
        given = dict(row.connection)
        extra = own | given.pop("extra", {})
        return PipelineRunner(
            self.sandbox.url,
            Lake(f"file://{folder}/lake"),
            pipeline,
            self.fake_clock.clock,
            {"login": ACCOUNT, "password": SECRETS["mixpanel"], **given, "extra": extra},
            {"password": SECRETS["aep"]},
            RetryPolicy(5, row.idle_seconds),
        )

    def run(self) -> None:
        """Run what Airflow would run: one step, or all of them, for each day."""
        for day in self.row.days:
            if self.row.active is None:
                self.runner.export(day)
            else:
                self.runner.ingest(day, self.runner.stage(day))

    def returned(self) -> list[bytes]:
        """Return the lines of the last complete export of each day, from the sandbox's log."""
        exports = {e["from_date"]: e["export"] for e in self._exports()}
        kept = self.sandbox.lines("/mixpanel/returned", project_id=self.project_id)
        return [_line(entry) for entry in kept if entry["export"] in exports.values()]

    def _exports(self) -> list[dict[str, Any]]:
        return list(self.sandbox.get("/mixpanel/exports", project_id=self.project_id).json())

    def exports_asked(self) -> list[dict[str, Any]]:
        def own(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
            return [entry for entry in entries if f"project_id={self.project_id}&" in entry["query"]]

        return own(self.sandbox.asked(lambda entries: len(own(entries)) >= self.row.requests))

    def partitions(self) -> list[Any]:
        return [self.runner.workspace(day).partition for day in self.row.days]


def _line(entry: dict[str, Any]) -> bytes:
    return base64.b64decode(entry["line_base64"]) if "line_base64" in entry else entry["line"].encode()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_a_day_is_published_whole_or_not_at_all_and_explained(
    row: MixpanelFailure, sandbox: Sandbox, tmp_path: Path
) -> None:
    scenario = MixpanelScenario(row, sandbox, tmp_path)
    scenario.arrange()
    for _ in range(row.runs):
        tries(row, scenario.run, scenario.fake_clock)
    asked = scenario.exports_asked()
    assert len(asked) == row.requests, [(e["status"], e["fault"]) for e in asked]
    assert_waited(row, scenario.fake_clock)
    published = [published_lines(scenario.runner.lake, partition) for partition in scenario.partitions()]
    if row.exported is None:
        assert published == [None] * len(row.days)
        return
    lines = [line for day in published for line in day or []]
    assert len(lines) == row.exported
    assert sorted(lines) == sorted(scenario.returned())
    if row.active is not None:
        assert_arrived(scenario)


def assert_arrived(scenario: MixpanelScenario) -> None:
    """Assert that every event that Mixpanel returned is active once, in quarantine, or a duplicate, and no other event is active."""
    row, runner = scenario.row, scenario.runner
    results = [runner.result(day) for day in row.days]
    assert sum(result.active for result in results) == row.active
    assert sum(result.duplicates for result in results) == row.duplicates
    assert sum((reasons(runner.lake, p) for p in scenario.partitions()), Counter()) == row.quarantined
    assert row.exported == row.active + row.duplicates + sum(row.quarantined.values())
    assert runner.compare(*row.days) == Comparison(0, 0, 0)
    rows = scenario.sandbox.get("/aep/rows", dataset=runner.pipeline.aep.dataset, limit=1000).text
    for text in row.kept:
        assert text in rows
    if row.instants:
        kept = scenario.sandbox.lines("/aep/rows", dataset=runner.pipeline.aep.dataset, limit=1000)
        assert sorted(map(_instant, (r["timestamp"] for r in kept))) == sorted(map(_instant, row.instants))
    for partition in scenario.partitions():
        last = runner.records(partition.day)[-1].kind
        assert last == ("active" if made(runner.lake, partition)["stage"].rows else "empty")


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
