"""Workers and deployments that disagree: clocks hours apart, and two installations on one day."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from include.errors import Conflict, ForeignLake, PipelineError, WrongClock
from include.lake.lake import Lake
from include.lake.manifest import Manifest
from include.mixpanel.client import MixpanelClient
from include.mixpanel.settings import MixpanelSettings
from include.steps.export.step import export_partition, export_partitions
from scripts.demo.evidence import Comparison
from tests.faults.s3_proxy import S3Fault, proxied
from tests.support.http_server import Reply, Request, serve_http
from tests.support.pipeline_runner import PIPELINES, PipelineRunner, quick_sandbox
from tests.support.s3_server import s3_server

pytestmark = pytest.mark.sandbox
DAY = date(2026, 7, 1)
LINE = b'{"event":"A","properties":{"time":1782900000,"distinct_id":"u","$insert_id":"1"}}\n'


class Clock:
    """The real clock, so many hours off."""

    def __init__(self, hours: float = 0) -> None:
        self.offset = timedelta(hours=hours)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.offset

    def seconds(self) -> float:
        return self.now().timestamp()

    def sleep(self, seconds: float) -> None:
        threading.Event().wait(min(seconds, 0.05))


@contextmanager
def mixpanel(sent_at: datetime | None) -> Iterator[MixpanelClient]:
    """Return a Mixpanel whose clock shows ``sent_at``."""

    def answer(request: Request) -> Reply:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n" % len(LINE)
        said = b"Date: %s\r\n" % format_datetime(sent_at, usegmt=True).encode() if sent_at else b""
        return Reply(wire=head + said + b"\r\n" + LINE)

    with serve_http(answer) as served:
        yield MixpanelClient(MixpanelSettings("u", "secret", 1, "us", served.url))


@pytest.mark.parametrize("many", [False, True], ids=["export", "reconcile"])
@pytest.mark.parametrize(
    ("sent_at", "accepted"),
    [
        (datetime(2026, 7, 1, 21, tzinfo=UTC), False),  # The worker is three hours ahead.
        (datetime(2026, 6, 1, tzinfo=UTC), False),
        (datetime(2026, 7, 1, 23, 54, tzinfo=UTC), False),
        (datetime(2026, 7, 1, 23, 58, tzinfo=UTC), True),  # A usual difference of clocks.
        (datetime(2026, 7, 2, 6, tzinfo=UTC), True),
        (None, True),  # A gateway may omit it.
    ],
)
def test_a_worker_with_a_fast_clock_publishes_no_part_of_a_day(
    sent_at: datetime | None, accepted: bool, many: bool, tmp_path: Path
) -> None:
    pipeline = PIPELINES["hostile"]
    with mixpanel(sent_at) as client:
        runner = PipelineRunner("http://127.0.0.1:1", Lake(f"file://{tmp_path}/lake"), pipeline)
        place = runner.workspace(DAY)

        def export() -> Any:
            if many:
                return export_partitions([place], runner.source, client, "run/1")
            return export_partition(place, runner.source, client)

        if accepted:
            export()
            return
        with pytest.raises(WrongClock, match=r"the clock of this worker is ahead\. No file was published"):
            export()
        assert not list(place.lake.keys(place.partition.prefix))


@pytest.mark.parametrize("code", ["RequestTimeTooSkewed", "RequestExpired"])
def test_a_clock_error_of_the_store_is_not_reported_as_a_missing_permission(
    code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("AWS_REGION", "eu-north-1")
    with s3_server("clock-lake") as url, proxied(url) as s3:
        monkeypatch.setenv("AWS_ENDPOINT_URL", s3.url)
        s3.plan(S3Fault(".*", status=403, code=code, times=9))
        with pytest.raises(WrongClock, match="rejected the time of this worker's clock"):
            Lake("s3://clock-lake/x").read("a")


@pytest.mark.parametrize("hours", [-7, 7])
def test_a_day_of_workers_with_clocks_hours_apart_is_loaded_once(hours: int, tmp_path: Path) -> None:
    """Each step on another worker than the step before; then again on the other one."""
    with quick_sandbox(tmp_path / "sandbox") as server:
        lake = Lake(f"file://{tmp_path}/lake")
        right = PipelineRunner(server.url, lake, PIPELINES["hostile"])
        wrong = replace(right, clock=Clock(hours))
        right.setup()
        raw = wrong.export(DAY)
        right.transform(DAY, raw)
        staged = wrong.stage(DAY)
        right.ingest(DAY, staged)
        batches = [record.batch for record in right.records(DAY)]
        wrong.ingest(DAY, wrong.stage(DAY), run="test/other")
        assert {record.batch for record in right.records(DAY)} == set(batches)
        assert right.compare(DAY) == Comparison(0, 0, 0)
        assert right.result(DAY).active == 8


def until_done(load: Callable[[], Any]) -> list[PipelineError]:
    """Return the errors of a deployment's task until it is green, as Airflow repeats it."""
    met: list[PipelineError] = []
    for _ in range(20):
        try:
            load()
            return met
        except Conflict as conflict:
            met.append(conflict)
    raise AssertionError(f"never green: {met[-1]}")


@pytest.mark.parametrize(
    "names", [("one/run", "other/run"), ("same/run", "same/run")], ids=["names", "same name"]
)
def test_two_deployments_of_one_pipeline_on_one_lake_load_a_day_once(
    names: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Scheduled runs of two Airflows can have the same id, so neither recognises the other."""
    monkeypatch.setattr("include.steps.ingest.claim._WAIT_SECONDS", 0.5)
    with quick_sandbox(tmp_path / "sandbox") as server:
        lake = f"file://{tmp_path}/lake"
        installations = [PipelineRunner(server.url, Lake(lake), PIPELINES["hostile"]) for _ in names]
        installations[0].setup()
        start, one_at_a_time = threading.Barrier(len(names)), threading.Lock()

        def staged(place: PipelineRunner) -> Manifest:
            with one_at_a_time:  # Great Expectations supports one thread of a process.
                return place.stage(DAY)

        def work(place: PipelineRunner, run: str) -> list[PipelineError]:
            first = [staged(place)]
            start.wait(60)
            return until_done(lambda: place.ingest(DAY, first.pop() if first else staged(place), run=run))

        with ThreadPoolExecutor(len(names)) as pool:
            list(pool.map(work, installations, names))
        for place in installations:
            assert place.compare(DAY) == Comparison(0, 0, 0)
            assert place.result(DAY).active == 8
        assert len({record.batch for record in installations[0].records(DAY) if record.kind == "active"}) == 1


def test_two_deployments_with_separate_lakes_do_not_both_load_into_a_dataset(tmp_path: Path) -> None:
    with quick_sandbox(tmp_path / "sandbox") as server:
        one, other = (
            PipelineRunner(server.url, Lake(f"file://{tmp_path}/{name}"), PIPELINES["hostile"])
            for name in "ab"
        )
        one.setup()
        one.run_partition(DAY)
        with pytest.raises(ForeignLake):
            other.setup()
        with pytest.raises(ForeignLake):
            other.run_partition(DAY)
        assert one.compare(DAY) == Comparison(0, 0, 0)
