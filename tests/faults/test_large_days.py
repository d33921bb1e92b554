"""R02 and R03: memory does not grow with the day, and time grows in proportion.

``NIGHTLY=1`` runs the days of full size, 2 GB and 10^7 events, which take about an hour; ``NIGHTLY=0.1`` a tenth of them.
"""

from __future__ import annotations

import os
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil
import pytest

from tests.faults.case import run
from tests.faults.environment import FaultEnvironment
from tests.faults.scenario import NOON, Scenario

pytestmark = pytest.mark.sandbox
_NIGHTLY = float(os.environ.get("NIGHTLY") or 0)
_MEGABYTES = 256
_ALL_DAY = 3600.0
_LINES = 1000


@dataclass(frozen=True)
class Cost:
    """The time and memory that a day cost its process."""

    events: int
    megabytes: float
    seconds: float


@contextmanager
def mixpanel(events: int, padding: int) -> Iterator[int]:
    """Serve a generated day of so many events and return the port."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.send_response(200)
            for name, value in (("Content-Encoding", "gzip"), ("Transfer-Encoding", "chunked")):
                self.send_header(name, value)
            self.end_headers()
            packer = zlib.compressobj(1, zlib.DEFLATED, 31)
            for first in range(0, events, _LINES):
                lines = b"".join(_line(number, padding) for number in range(first, first + _LINES))
                self._send(packer.compress(lines))
            self._send(packer.flush())
            self.wfile.write(b"0\r\n\r\n")

        def _send(self, data: bytes) -> None:
            if data:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


def _line(number: int, padding: int) -> bytes:
    text = f"{number * 2654435761 % 2**64:x}".ljust(padding, "abcdefghij klmnopqrst"[number % 20])
    return (
        b'{"event":"Viewed","properties":{"time":%d,"distinct_id":"u-%d","$insert_id":"i-%d","code":"c","text":"%s"}}\n'
        % (NOON + number % 40_000, number % 1000, number, text.encode())
    )


def carried(scenario: Scenario, events: int, padding: int) -> Cost:
    """Process the day up to its staged files, which is what needs memory."""
    with mixpanel(events, padding) as port:
        connection = {**scenario.where.connection, "host": "127.0.0.1", "port": port}
        scenario.change(connection=connection, environment={"MIXPANEL_AEP_MEMORY": f"{_MEGABYTES}MB"})
        one, megabytes, seconds = scenario.start(run(until="stage")), 0.0, 0.0
        while one.process.is_alive():
            try:
                seconds = sum(psutil.Process(one.process.pid).cpu_times()[:2])
                megabytes = max(megabytes, _peak_megabytes(one.process.pid))
            except (psutil.Error, OSError):
                break
            time.sleep(0.02)
        end = one.wait(_ALL_DAY)
    assert str(end) == "green", end.text
    keys = scenario.lake.keys(scenario.partition().step("stage"))
    assert any(key.endswith("/manifest.json") for key in keys)
    return Cost(events, megabytes, seconds)


def _peak_megabytes(pid: int | None) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0


@pytest.mark.parametrize(
    ("events", "padding"),
    [(int(_NIGHTLY * 10**6) or 5_000, 1900), (int(_NIGHTLY * 10**7) or 20_000, 20)],
    ids=["2 KB events", "small events"],
)
def test_a_large_day_takes_time_but_no_memory(stage: FaultEnvironment, events: int, padding: int) -> None:
    costs = []
    for name, number in (("small", events // 10), ("large", events)):
        scenario = stage.scenario(f"{name}-{padding}")
        costs.append(carried(scenario, number, padding))
        scenario.discard()
    small, large = costs
    print(small, large)
    assert large.megabytes - small.megabytes < _MEGABYTES, costs
    assert large.seconds / large.events < 1.5 * small.seconds / small.events, costs
