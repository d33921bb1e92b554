"""The demo's late events arrive once, on a day that its reconcile DAG exports again, with realistic properties."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from include.lake.lake import Lake
from include.steps.quarantine import quarantined_days
from include.steps.reconcile.window import days_to_reconcile
from scripts.demo.evidence import Comparison
from scripts.demo.late_events import DAY, EVENTS, PIPELINE, LateEvents, add_late_events
from scripts.demo.settings import PARTITIONS
from tests.support.pipeline_runner import CONNECTIONS, PIPELINES, PipelineRunner, quick_sandbox

PROJECT_ID = CONNECTIONS["mixpanel_shop"]["conn_extra"]["project_id"]


def lines(url: str) -> list[dict[str, Any]]:
    days = {"from_date": str(DAY), "to_date": str(DAY)}
    answer = requests.get(f"{url}/_sandbox/mixpanel/projects/{PROJECT_ID}/events", params=days, timeout=60)
    return [json.loads(line) for line in answer.content.split(b"\n") if line]


@pytest.mark.sandbox
def test_late_events_arrive_once_and_resemble_the_other_events_of_their_day(tmp_path: Path) -> None:
    with quick_sandbox(tmp_path) as server:
        before = lines(server.url)
        assert add_late_events(server.url, PROJECT_ID) == EVENTS == 12
        after = lines(server.url)
        assert add_late_events(server.url, PROJECT_ID) == 0
        assert len(lines(server.url)) == len(after) == len(before) + EVENTS + 1
    known = {json.dumps(line, sort_keys=True) for line in before}
    late = [line for line in after if json.dumps(line, sort_keys=True) not in known]
    (invalid,) = [line for line in late if line["properties"]["$insert_id"] == "late-invalid"]
    late.remove(invalid)
    assert {line["properties"]["$insert_id"] for line in late} == {f"late-{n:02}" for n in range(1, 13)}
    assert Counter(line["event"] for line in late).keys() <= Counter(line["event"] for line in before).keys()
    newest = max(line["properties"]["mp_processing_time_ms"] for line in before)
    assert all(line["properties"]["mp_processing_time_ms"] > newest for line in late), "they came later"


@pytest.mark.sandbox
def test_one_of_them_goes_to_quarantine_with_its_reason_and_none_is_lost(tmp_path: Path) -> None:
    with quick_sandbox(tmp_path / "sandbox") as server:
        runner = PipelineRunner(server.url, Lake(f"file://{tmp_path}/lake"), PIPELINES[PIPELINE])
        runner.setup()
        runner.ingest(DAY, runner.stage(DAY), "first")
        add_late_events(server.url, PROJECT_ID)
        runner.ingest(DAY, runner.stage(DAY, "late"), "late")
        assert runner.compare(DAY) == Comparison(0, 0, 0)
        (day,) = quarantined_days(runner.lake, PIPELINE, DAY)
        assert dict(day.reasons) == {"its time is not a number": 1}


@pytest.mark.unit
def test_the_reconcile_window_of_the_demo_equals_its_backfill() -> None:
    """Another window would load days outside the demo's table, or miss the late events."""
    days = days_to_reconcile(PIPELINES[PIPELINE], datetime.now(UTC))
    assert (days[0], days[-1]) == PARTITIONS[PIPELINE]
    assert DAY in days


@pytest.mark.unit
def test_the_demo_reports_how_many_late_events_arrived_and_were_loaded() -> None:
    assert str(LateEvents(12, 12, "dag")) == "late events: 12 arrived, 12 loaded by dag"
    assert "an earlier demo" in str(LateEvents(0, 0, "dag"))
