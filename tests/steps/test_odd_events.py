"""Unusual events of Mixpanel and of apps, through all five steps: every event is active, and once."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from include.lake.lake import Lake
from include.steps.export.step import export_partitions
from include.steps.reconcile.window import late_beyond_window
from include.steps.validate.step import validate_partition
from scripts.demo.evidence import Comparison, Sandbox
from tests.support.fake_clock import FakeClock
from tests.support.pipeline_runner import PIPELINES, PipelineRunner, quick_sandbox

pytestmark = pytest.mark.sandbox
DAY = date(2025, 6, 10)
NOON = 1749556800
PROJECT = 7_000_001
EXACT = Comparison(0, 0, 0)
NO_ID: dict[str, Any] = {"$insert_id": None}


class Project(PipelineRunner):
    """A project and a dataset for one test."""

    def control(self, path: str, body: Any) -> None:
        answer = requests.post(f"{self.url}/_sandbox{path}", json=body, timeout=20)
        assert answer.ok, answer.text

    def hold(self, *events: dict[str, Any]) -> None:
        self.control(f"/mixpanel/projects/{PROJECT}/events", {"events": list(events)})

    def merge(self, old: str, new: str, **more: Any) -> None:
        self.control(f"/mixpanel/projects/{PROJECT}/rewrites", {"from": old, "to": new, **more})

    def load(self, run: str) -> dict[str, int]:
        staged = self.stage(DAY, run)
        self.ingest(DAY, staged, run)
        return staged.counts

    def active(self) -> list[str]:
        return [identity for identity, _ in Sandbox(self.url).active(self.pipeline.aep.dataset)]

    def rows(self) -> list[dict[str, Any]]:
        params = {"dataset": self.pipeline.aep.dataset, "limit": 100}
        text = requests.get(f"{self.url}/_sandbox/aep/rows", params=params, timeout=20).text
        return [json.loads(line) for line in text.splitlines()]


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    base = PIPELINES["hostile"]
    pipeline = base.model_copy(
        update={
            "aep": base.aep.model_copy(update={"dataset": "Odd events"}),
            "start_date": date(2025, 1, 1),
            "end_date": None,
        }
    )
    now = datetime(2025, 6, 11, 8, tzinfo=UTC)
    with quick_sandbox(tmp_path / "sandbox") as server:
        login = {"login": "me.mp-service-account", "password": "s3cret-s3cret"}
        connection = {**login, "extra": {"project_id": PROJECT, "region": "us"}}
        hands = FakeClock(at=now.timestamp())
        made = Project(server.url, Lake(f"file://{tmp_path}/lake"), pipeline, hands.clock, connection)
        account = {"username": login["login"], "secret": login["password"]}
        made.control("/clock", {"set": now.isoformat()})
        made.control(
            "/mixpanel/projects", {"id": PROJECT, "limits": {"enabled": False}, "accounts": [account]}
        )
        made.setup()
        yield made


def event(name: str = "Viewed", **properties: Any) -> dict[str, Any]:
    given = {"time": NOON, "distinct_id": "u-1", "$insert_id": "i-1", **properties}
    return {
        "event": name,
        "properties": {key: value for key, value in given.items() if value is not None},
        "processed_at": (NOON + 60) * 1000,
    }


def raw(content: bytes) -> dict[str, Any]:
    """Return a line that is exported exactly as given."""
    return {"line_base64": base64.b64encode(content).decode(), "at": NOON * 1000, "processed_at": NOON * 1000}


def test_an_event_without_insert_id_stays_one_when_its_user_logs_in(project: Project) -> None:
    anonymous = {"distinct_id": "$device:d-1", "$device_id": "d-1"}
    project.hold(
        event(**anonymous, **NO_ID), event(**anonymous), event("Other", distinct_id="$device:d-2", **NO_ID)
    )
    assert project.load("one")["staged"] == 3
    project.merge("$device:d-1", "user-9")
    project.merge("$device:d-2", "user-9", touches_processing=True)
    assert project.load("two") == {"staged": 0, "already_active": 3, "vanished": 0, "changed": 3}
    assert len(project.active()) == len(set(project.active())) == 3
    assert project.compare(DAY) == EXACT


def test_equal_events_of_two_users_stay_two_when_the_users_are_merged(
    project: Project,
) -> None:
    project.hold(*(event(distinct_id=f"$device:d-{n}", **NO_ID) for n in (1, 2)))
    assert project.load("one")["staged"] == 2
    for n in (1, 2):
        project.merge(f"$device:d-{n}", "user-9")
    assert project.load("two") == {"staged": 0, "already_active": 2, "vanished": 0, "changed": 2}
    assert len(set(project.active())) == 2


def test_a_merge_that_keeps_no_earlier_id_is_a_documented_limit_and_counted(project: Project) -> None:
    project.hold(event(distinct_id="$device:d-1", **NO_ID))
    project.load("one")
    project.merge("$device:d-1", "user-9", keep_before=False)
    assert project.load("two") == {"staged": 1, "already_active": 0, "vanished": 1, "changed": 0}


def test_an_event_without_insert_id_stays_one_when_milliseconds_are_requested(project: Project) -> None:
    project.hold(event(**NO_ID), event("Other", **NO_ID, time=NOON + 0.25), event())
    assert project.load("one")["staged"] == 3
    source = project.pipeline.mixpanel.model_copy(update={"time_in_ms": True})
    project.pipeline = project.pipeline.model_copy(update={"mixpanel": source})
    assert project.load("two") == {"staged": 0, "already_active": 3, "vanished": 0, "changed": 0}


@pytest.mark.parametrize("time_is", ["utc", "project_local"])
def test_an_invalid_arrival_time_stops_no_day(project: Project, time_is: str) -> None:
    zone = {"time_is": time_is, "timezone": "America/New_York"}
    project.control("/mixpanel/projects", {"id": PROJECT, **zone})
    source = project.pipeline.mixpanel.model_copy(update=zone)
    project.pipeline = project.pipeline.model_copy(update={"mixpanel": source})
    arrivals = [
        NOON * 1_000_000,
        -NOON * 1000,
        253402300799999,
        253402300800000,
        10**30,
        NOON + 0.5,
        "x",
        None,
        [],
    ]
    body = '{"event":"E","properties":{"time":%d,"distinct_id":"u","$insert_id":"%d","mp_lib":"unity","$mp_api_timestamp_ms":%s}}'
    lines = [body % (NOON, n, json.dumps(arrival)) for n, arrival in enumerate(arrivals)]
    project.hold(*(raw(text.encode()) for text in lines))
    project.control("/clock", {"set": "2025-06-12T08:00:00Z"})
    mapped = project.transform(DAY, project.export(DAY))
    assert (mapped.counts["mapped"], mapped.counts["quarantined"]) == (9, 0)


def test_a_refresh_of_a_range_accepts_a_deeply_nested_event(project: Project) -> None:
    deep = b"[" * 1200 + b"]" * 1200
    project.hold(event(), raw(b'{"event":"Deep","properties":{"time":%d,"x":%s}}' % (NOON, deep)))
    days = [DAY, DAY + timedelta(1)]
    project.control("/clock", {"set": "2025-06-13T08:00:00Z"})
    project.clock = FakeClock(at=datetime(2025, 6, 13, 8, tzinfo=UTC).timestamp()).clock
    before = Sandbox(project.url).calls()["export"]
    found = export_partitions(
        [project.workspace(day) for day in days], project.source, project.mixpanel, "refresh"
    )
    assert [manifest.rows for manifest in found] == [2, 0]
    assert Sandbox(project.url).calls()["export"] == before + 1, "one request for the range"
    assert project.transform(DAY, found[0]).details["reasons"] == {"nested_too_deep": 1}
    now = datetime(2025, 6, 13, 8, tzinfo=UTC)
    assert late_beyond_window(project.lake, project.pipeline, project.mixpanel, DAY + timedelta(2), now) == {}


def test_events_without_distinct_id_are_active_without_an_identity(project: Project) -> None:
    project.hold(
        event("Ad spend", distinct_id=None),
        event("Ad spend", distinct_id=None, cost=1, **NO_ID),
        event("Ad spend", distinct_id="", cost=2, **NO_ID),
        event(**{"$user_id": "u-1"}),
    )
    mapped = project.transform(DAY, project.export(DAY))
    assert (mapped.counts["quarantined"], mapped.counts["mapped"]) == (0, 4)
    valid = validate_partition(project.workspace(DAY), mapped)
    assert valid.details["warnings"] == {"identityMap must contain an identity": 3}
    assert project.load("one")["staged"] == 4
    found = project.rows()
    assert [row.get("identityMap") for row in found if row["eventType"] == "Ad spend"] == [None] * 3
    assert project.compare(DAY) == EXACT


def test_for_profile_an_event_without_identity_is_quarantined(project: Project) -> None:
    aep = project.pipeline.aep.model_copy(update={"profile": True})
    project.pipeline = project.pipeline.model_copy(update={"aep": aep})
    project.hold(event("Ad spend", distinct_id=None), event(**{"$user_id": "u-1", "$insert_id": "i-2"}))
    quality = project.pipeline.quality.model_copy(update={"max_quarantined": 1.0})
    project.pipeline = project.pipeline.model_copy(update={"quality": quality})
    valid = validate_partition(project.workspace(DAY), project.transform(DAY, project.export(DAY)))
    assert (valid.counts["valid"], valid.counts["quarantined"]) == (1, 1)
    assert valid.details["reasons"] == {"identityMap must contain an identity": 1}


def test_fractions_of_a_second_are_loaded_to_the_millisecond(project: Project) -> None:
    """mixpanel-swift#648. The default mapping puts `time` into an integer, which has no fraction."""
    body = b'{"event":"E","properties":{"time":%d.%03d9,"distinct_id":"u%d","$insert_id":"i%d"}}'
    project.hold(*(raw(body % (NOON, n * 77, n, n)) for n in range(12)))
    assert project.load("one")["staged"] == 12
    times = sorted(row["timestamp"][:23] for row in project.rows())
    assert times == [f"2025-06-10T12:00:00.{n * 77:03d}" for n in range(12)]
    assert project.compare(DAY) == EXACT


def test_lines_that_are_not_events_are_quarantined_and_not_counted_as_events(project: Project) -> None:
    project.hold(event(), raw(b"99"), raw(b'{"note":"x"}'), raw(b'{"event":"A","properties":[]}'))
    project.hold(event(**{"$insert_id": "i-9", "time": NOON + 1}))
    exported = project.export(DAY)
    mapped = project.transform(DAY, exported)
    assert exported.counts == {"exported": 3, "not_events": 2}
    counts = mapped.counts
    assert (counts["exported"], counts["not_events"], counts["mapped"], counts["quarantined"]) == (3, 2, 2, 3)
    assert mapped.details["reasons"] == {"not_an_event": 3}
