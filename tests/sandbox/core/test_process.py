"""The sandbox as a process: its start, its end, and its stored state."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from mixpanel_aep_sandbox.core.server import SandboxServer
from tests.support.sandbox.http_client import Sandbox

pytestmark = pytest.mark.sandbox


class TestProcess:
    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "mixpanel_aep_sandbox", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
        )

    @pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
    def test_one_line_when_ready_and_a_clean_end(self, tmp_path: Path, how: signal.Signals) -> None:
        process = self.start("--state", str(tmp_path / "s"))
        assert process.stdout
        line = json.loads(process.stdout.readline())
        assert set(line) == {"url", "state"}
        assert line["state"] == str(tmp_path / "s")
        assert line["url"].startswith("http://127.0.0.1:")
        address = ("127.0.0.1", int(line["url"].rsplit(":", 1)[1]))
        hang = {"action": {"do": "hang"}, "match": {"path": "/x"}}
        with httpx.Client() as client, socket.create_connection(address, timeout=5) as hanging:
            # Neither an open connection nor an endless response may keep the process alive.
            assert client.post(line["url"] + "/_sandbox/faults", json=hang).status_code == 200
            hanging.sendall(b"GET /x HTTP/1.1\r\nhost: x\r\n\r\n")
            assert hanging.recv(100).startswith(b"HTTP/1.1 501")
            start = time.monotonic()
            process.send_signal(how)
            rest, errors = process.communicate(timeout=10)
        assert (process.returncode, rest, errors) == (0, "", "")
        assert time.monotonic() - start < 6

    def test_it_refuses_production(self, tmp_path: Path) -> None:
        process = self.start("--state", str(tmp_path / "s"), MIXPANEL_AEP_ENV="production")
        out, errors = process.communicate(timeout=10)
        assert (process.returncode, out) == (2, "")
        assert errors == "The sandbox does not start where MIXPANEL_AEP_ENV is production.\n"
        assert not (tmp_path / "s").exists()

    def test_a_used_port_is_reported_in_one_sentence(self, tmp_path: Path) -> None:
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            port = str(other.getsockname()[1])
            process = self.start("--port", port, "--state", str(tmp_path / "s"))
            out, errors = process.communicate(timeout=10)
        assert (process.returncode, out) == (2, "")
        assert errors.count("\n") == 1
        assert port in errors

    def test_the_state_survives_a_restart(self, tmp_path: Path) -> None:
        with SandboxServer(tmp_path) as server:
            first = Sandbox(server)
            first.control("/clock", {"set": "2026-07-01", "freeze": True})
            first.project(7, accounts=[{"username": "u", "secret": "s"}])
            first.add(7, {"event": "A", "at": "2026-06-01"})
            first.fault({"do": "answer", "status": 418}, match={"path": "/x"}, times=2)
            assert first.get("/x").status_code == 418
            lines = first.lines(7, "2026-06-01", auth=("u", "s"))
            count = len(first.transcript())
        with SandboxServer(tmp_path) as server:
            second = Sandbox(server)
            assert second.lines(7, "2026-06-01", auth=("u", "s")) == lines
            assert second.get("/x").status_code == 418
            assert second.get("/x").status_code == 501
            assert second.control("/clock", method="GET")["now"] == "2026-07-01T00:00:00+00:00"
            assert [entry["export"] for entry in second.returned()] == [1, 2]
            numbers = [entry["n"] for entry in second.transcript()]
            assert numbers == list(range(1, count + 4))

    def test_heavy_libraries_are_not_imported_at_start(self) -> None:
        code = (
            "import sys, mixpanel_aep_sandbox.core.server\n"
            "print([name for name in ('pandas', 'pyarrow', 'duckdb', 'great_expectations') if name in sys.modules])"
        )
        found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert found.stdout.strip() == "[]"
