"""Failures of an export that one run of a step cannot show."""

from __future__ import annotations

import socket
import tracemalloc
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from include.clock import Clock
from include.errors import Throttled, TruncatedExport
from include.http.request import RetryPolicy
from include.lake.history import Source
from include.lake.lake import Lake
from include.mixpanel.client import MixpanelClient
from include.mixpanel.export_budget import ExportBudget
from include.mixpanel.settings import MixpanelSettings
from include.steps.export.step import export_partition
from tests.failures.execution import SECRETS, Sandbox, published_lines
from tests.support.builders import DAY, LATER, PROJECT_ID, SOURCE, workspace
from tests.support.fake_clock import FakeClock
from tests.support.raw_server import RawServer, serve_raw

pytestmark = pytest.mark.sandbox
ROW = b'{"event":"A","properties":{"time":1782907200,"distinct_id":"u","text":"%s"}}\n'
HEAD = b"HTTP/1.1 200 OK\r\n"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(f"file://{tmp_path}/lake")


@pytest.fixture
def wire() -> Iterator[RawServer]:
    with serve_raw() as wire:
        yield wire


def client(url: str, clock: Clock | None = None, project_id: int = PROJECT_ID, **more: Any) -> MixpanelClient:
    settings = MixpanelSettings("svc.mp-service-account", SECRETS["mixpanel"], project_id, sandbox_url=url)
    retry_policy = RetryPolicy(5, more.pop("idle_seconds", 5.0), attempts=1)
    return MixpanelClient(settings, clock or FakeClock().clock, retry_policy=retry_policy, **more)


def sized(body: bytes) -> list[bytes]:
    return [HEAD + b"Content-Length: %d\r\n\r\n" % len(body), body]


def test_a_day_is_streamed_and_never_held_in_memory(wire: RawServer, lake: Lake) -> None:
    """A day of 40 MB in one response."""
    block = ROW % (b"x" * 900) * 64
    count = 40_000_000 // len(block)

    def pieces() -> Iterator[bytes]:
        yield HEAD + b"Content-Length: %d\r\n\r\n" % (count * len(block))
        for _ in range(count):
            yield block

    wire.pieces = pieces()
    tracemalloc.start()
    try:
        made = export_partition(workspace(lake), SOURCE, client(wire.url))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert made.rows == count * 64
    assert peak < 6_000_000


def test_a_failed_run_keeps_the_previous_export(wire: RawServer, lake: Lake) -> None:
    """Also when its request differs: the previous export is neither replaced nor used as its result."""
    wire.pieces = sized(ROW % b"first")
    first = export_partition(workspace(lake), SOURCE, client(wire.url))
    other = workspace(lake, mixpanel={"events": ["A"]})
    head, body = sized(ROW % b"second")
    wire.pieces = [head, body[:20]]
    with pytest.raises(TruncatedExport):
        export_partition(other, SOURCE, client(wire.url))
    assert published_lines(lake, other.partition) == [(ROW % b"first").strip()]
    assert export_partition(workspace(lake), SOURCE, client("http://127.0.0.1:1")) == first


def test_a_run_that_dies_before_its_manifest_has_published_nothing(
    wire: RawServer, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is in the lake without its manifest: the next run exports the day and publishes one of each."""
    place = workspace(lake)
    wire.pieces = sized(ROW % b"a")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("include.steps.workspace.publish", _die)
        export_partition(place, SOURCE, client(wire.url))
    assert len(list(lake.keys(place.partition.step("export")))) == 1
    export_partition(place, SOURCE, client(wire.url))
    assert published_lines(lake, place.partition) == [(ROW % b"a").strip()]


def _die(*_args: object) -> None:
    raise KeyboardInterrupt


def test_more_days_than_the_hourly_limit_are_never_rejected(sandbox: Sandbox, lake: Lake) -> None:
    """Mixpanel's own limit is on: the budget's tickets prevent reaching it, for every task and every try."""

    class Together(FakeClock):
        """The sandbox shares this test's clock."""

        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            sandbox.post("/clock", {"set": self.at, "freeze": True})

    fake_clock, project = Together(at=LATER.timestamp()), 4_999_999
    account = {"username": "svc.mp-service-account", "secret": SECRETS["mixpanel"]}
    sandbox.post("/mixpanel/projects", {"id": project, "accounts": [account]})
    days = [DAY - timedelta(n) for n in range(64)]
    fake_clock.sleep(1)
    for day in days:
        place = workspace(lake, day, fake_clock.clock)
        for _ in range(2):
            budget = ExportBudget(lake, project, fake_clock.clock)
            try:
                export_partition(
                    place,
                    Source("us", project),
                    client(sandbox.url, fake_clock.clock, project, budget=budget),
                )
                break
            except Throttled as throttled:
                assert throttled.wait_seconds <= 3600
                fake_clock.sleep(throttled.wait_seconds)
    sandbox.post("/clock", {"reset": True})
    asked = sandbox.asked(lambda entries: len(entries) >= len(days))
    assert [entry["status"] for entry in asked] == [200] * len(days)
    assert 3600 < sum(fake_clock.slept) < 3700


def test_a_silent_connection_is_kept_open(wire: RawServer) -> None:
    """NAT drops an idle connection while a large export is prepared."""
    wire.pieces, wire.end = [HEAD + b"Content-Length: 5\r\n\r\n1"], "silence"
    with client(wire.url).export(DAY, DAY) as stream:
        connection = stream._response._response.raw._connection.sock
        assert connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 60


def test_a_very_slow_stream_times_out(wire: RawServer, lake: Lake) -> None:
    """One byte at a time: no byte is late, but the day would never end."""

    class Hurried(FakeClock):
        @property
        def clock(self) -> Clock:
            def seconds() -> float:
                self.at += 4  # every reading of the clock
                return self.at

            return Clock(seconds=seconds, sleep=self.sleep)

    body = ROW % b"slow"
    wire.pause = 0.002
    wire.pieces = [*sized(body)[:1], *(bytes([byte]) for byte in body)]
    with pytest.raises(TruncatedExport, match="Mixpanel sent only"):
        export_partition(
            workspace(lake), SOURCE, client(wire.url, Hurried(at=LATER.timestamp()).clock, idle_seconds=60.0)
        )
    assert published_lines(lake, workspace(lake).partition) is None
