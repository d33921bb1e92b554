"""The control plane, the transcript, and how the sandbox starts and stops."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import requests

from mixpanel_aep_sandbox import demo_data as data
from mixpanel_aep_sandbox.core.app import build_app
from mixpanel_aep_sandbox.core.loopback import is_loopback
from mixpanel_aep_sandbox.core.server import SandboxServer
from mixpanel_aep_sandbox.core.state import SandboxState
from mixpanel_aep_sandbox.core.store import Store
from tests.support.sandbox.http_client import ACCOUNT, Sandbox

pytestmark = pytest.mark.sandbox

SHOP, HOSTILE = data.SHOP_PROJECT_ID, data.HOSTILE_PROJECT_ID


def test_health(sandbox: Sandbox) -> None:
    assert sandbox.control("/health", method="GET")["status"] == "ok"


class TestClock:
    def epoch(self, sandbox: Sandbox, **change: Any) -> float:
        return float(sandbox.control("/clock", change)["epoch_ms"]) / 1000

    def test_set_freeze_advance_reset(self, sandbox: Sandbox) -> None:
        assert self.epoch(sandbox, set="2026-07-01T00:00:00Z", freeze=True) == 1782864000
        assert self.epoch(sandbox, advance_seconds=90.5) == 1782864090.5
        assert sandbox.control("/clock", method="GET")["frozen"] is True
        assert 1782864090.5 <= self.epoch(sandbox, freeze=False) < 1782864100
        assert sandbox.control("/clock", method="GET")["frozen"] is False
        assert abs(self.epoch(sandbox, reset=True) - time.time()) < 5

    @pytest.mark.parametrize("moment", ["2026-07-01", "2026-07-01T02:00:00+02:00", 1782864000, 1782864000000])
    def test_common_notations_of_a_time(self, sandbox: Sandbox, moment: str | int) -> None:
        assert self.epoch(sandbox, set=moment, freeze=True) == 1782864000

    @pytest.mark.parametrize("change", [{"set": "noon"}, {"set": True}, {"sett": 1}, {"freeze": "maybe"}])
    def test_other_values_are_refused(self, sandbox: Sandbox, change: dict[str, Any]) -> None:
        answer = sandbox.session.post(f"{sandbox.url}/_sandbox/clock", json=change, timeout=9)
        assert answer.status_code == 422
        assert answer.json()["error"].startswith("body.")

    @pytest.mark.parametrize(
        "change",
        [{"set": "0999-01-01"}, {"set": "2200-01-01"}, {"advance_seconds": 1e300}, {"advance_seconds": -3e9}],
    )
    def test_a_time_out_of_range_is_refused(self, sandbox: Sandbox, change: dict[str, Any]) -> None:
        before = self.epoch(sandbox, set="2026-07-01", freeze=True)
        answer = sandbox.session.post(f"{sandbox.url}/_sandbox/clock", json=change, timeout=9)
        assert answer.status_code == 422
        assert answer.json() == {"error": "The sandbox's time must be between 1970 and 2199."}
        assert self.epoch(sandbox) == before


class TestTranscript:
    def test_an_export_is_recorded_without_secrets(self, sandbox: Sandbox) -> None:
        sandbox.lines(HOSTILE, "2026-07-01")
        [entry] = sandbox.transcript(service="mixpanel")
        assert entry.pop("n") > 0
        assert entry.pop("at").endswith("Z")
        assert entry.pop("bytes") > 100
        assert entry == {
            "service": "mixpanel",
            "method": "GET",
            "path": "/api/2.0/export",
            "query": f"project_id={HOSTILE}&from_date=2026-07-01&to_date=2026-07-01",
            "status": 200,
            "whole": True,
            "fault": None,
            "project": HOSTILE,
            "from_date": "2026-07-01",
            "to_date": "2026-07-01",
            "rows": 9,
        }

    def test_no_secret_is_recorded(self, sandbox: Sandbox) -> None:
        sandbox.get(
            "/ims/token?client_secret=CANARY&grant_type=x&access_token=CANARY", auth=("CANARY", "CANARY")
        )
        sandbox.session.post(
            f"{sandbox.url}/data/x", data="CANARY", headers={"x-api-key": "CANARY"}, timeout=9
        )
        sandbox.get("/api/2.0/export", headers={"authorization": "Basic CANARY:CANARY"})
        text = (sandbox.state.store.folder / "transcript.jsonl").read_text()
        assert "grant_type=x" in text
        assert "CANARY" not in text

    def test_unknown_routes_are_501_and_recorded(self, sandbox: Sandbox) -> None:
        answer = sandbox.get("/api/query/retention")
        assert answer.status_code == 501
        assert answer.json() == {"error": "The sandbox does not know GET /api/query/retention."}
        assert [entry["status"] for entry in sandbox.transcript(path="/api/query/*")] == [501]

    def test_selection(self, sandbox: Sandbox) -> None:
        for path in ("/data/a", "/ims/b", "/data/c"):
            sandbox.get(path)
        entries = sandbox.transcript()
        numbers = [entry["n"] for entry in entries]
        assert numbers == sorted(set(numbers))
        assert [entry["path"] for entry in sandbox.transcript(service="aep")] == ["/data/a", "/data/c"]
        assert [entry["path"] for entry in sandbox.transcript(since=numbers[-2])] == ["/data/c"]
        assert [entry["path"] for entry in sandbox.transcript(path="*/b")] == ["/ims/b"]
        assert [entry["path"] for entry in sandbox.transcript(path="/data")] == ["/data/a", "/data/c"]

    def test_a_client_that_disconnects_got_no_complete_response(self, sandbox: Sandbox) -> None:
        sandbox.fault({"do": "drip", "bytes_at_a_time": 50_000, "every_seconds": 0.05})
        with sandbox.export(SHOP, "2026-06-01", stream=True) as answer:
            next(answer.raw.stream(1000))
        deadline = time.monotonic() + 5
        while not sandbox.transcript(service="mixpanel") and time.monotonic() < deadline:
            time.sleep(0.02)
        [entry] = sandbox.transcript(service="mixpanel")
        assert entry["whole"] is False
        assert sandbox.returned() == []


class TestProjects:
    def test_a_project_is_created_and_changed_field_by_field(self, sandbox: Sandbox) -> None:
        sandbox.project(7, name="Seven", timezone="Asia/Kolkata", secret="hidden")
        sandbox.project(7, region="in", limits={"per_hour": 5})
        found = {p["id"]: p for p in sandbox.control("/mixpanel/projects", method="GET")}[7]
        assert (found["name"], found["timezone"], found["region"]) == ("Seven", "Asia/Kolkata", "in")
        assert found["limits"]["per_hour"] == 5
        assert found["limits"]["per_second"] == 3
        assert "secret" not in found
        sandbox.control("/mixpanel/projects/7", method="DELETE")
        assert 7 not in {p["id"] for p in sandbox.control("/mixpanel/projects", method="GET")}

    def test_a_project_with_a_reused_id_begins_empty(self, sandbox: Sandbox) -> None:
        accounts = [{"username": "x", "secret": "s"}]
        for project in (7, 8):
            sandbox.project(project, accounts=accounts, limits={"per_hour": 1})
            sandbox.add(project, {"event": "a", "at": "2026-07-01", "properties": {"distinct_id": "ann"}})
            sandbox.control(f"/mixpanel/projects/{project}/rewrites", {"from": "ann", "to": "u-1"})
            items = {"items": [{"distinct_id": "ann"}]}
            sandbox.control(f"/mixpanel/projects/{project}/profiles", items)
            assert len(sandbox.lines(project, "2026-07-01", auth=("x", "s"))) == 1
        sandbox.control("/mixpanel/projects/7", method="DELETE")
        sandbox.project(7, limits={"per_hour": 1})
        assert sandbox.export(7, "2026-07-01", auth=("x", "s")).status_code == 403
        sandbox.project(7, accounts=accounts)
        assert sandbox.lines(7, "2026-07-01", auth=("x", "s")) == []
        for kind in ("rules", "profiles"):
            assert sandbox.control(f"/mixpanel/projects/7/{kind}", method="GET") == []
        sandbox.control("/mixpanel/projects/7/compactions", {})
        for kind in ("rules", "profiles"):
            assert len(sandbox.control(f"/mixpanel/projects/8/{kind}", method="GET")) == 1
        assert sandbox.export(8, "2026-07-01", auth=("x", "s")).status_code == 429

    @pytest.mark.parametrize(
        "project",
        [
            {"name": "no id"},
            {"id": 7, "timezone": "Mars/Base"},
            {"id": 7, "time_is": "local"},
            {"id": 7, "region": "moon"},
            {"id": 7, "colour": "red"},
            {"id": 7, "accounts": [{"username": "a"}]},
            [],
        ],
    )
    def test_an_invalid_project_is_refused(self, sandbox: Sandbox, project: Any) -> None:
        answer = sandbox.session.post(f"{sandbox.url}/_sandbox/mixpanel/projects", json=project, timeout=9)
        assert answer.status_code == 422
        assert "error" in answer.json()

    def test_accounts(self, sandbox: Sandbox) -> None:
        sandbox.project(7, accounts=[{"username": "x", "secret": "s", "role": "consumer"}])
        sandbox.project(8, accounts=[{"username": "x", "secret": "s"}])
        found = {a["username"]: a for a in sandbox.control("/mixpanel/accounts", method="GET")}["x"]
        assert found["roles"] == {"7": "consumer", "8": "analyst"}
        assert (found["expires"], found["organization_role"]) == (None, "member")
        assert not {"secret", "bearer"} & found.keys()
        assert sandbox.export(7, "2026-01-01", auth=("x", "s")).status_code == 200
        sandbox.control("/mixpanel/accounts/x", method="DELETE")
        assert sandbox.export(7, "2026-01-01", auth=("x", "s")).status_code == 401

    @pytest.mark.parametrize(
        "body",
        [
            b"no json",
            b'{"event":[]}',
            b'{"events":[{"event":"a","properties":{"time":"noon"}}]}',
            b'{"events":[{"event":"a","at":"noon"}]}',
            b'{"events":[{"line":"x"}]}',
            b'{"events":[{"line":"x\\ny","at":1}]}',
            b'{"lines":["{}"]}',
        ],
    )
    def test_invalid_events_change_nothing(self, sandbox: Sandbox, body: bytes) -> None:
        url = f"{sandbox.url}/_sandbox/mixpanel/projects/{SHOP}/events"
        answer = sandbox.session.post(url, data=body, timeout=9)
        assert answer.status_code == 422
        assert answer.json()["error"].endswith(".")
        unknown = sandbox.session.post(url.replace(str(SHOP), "99"), data=body, timeout=9)
        assert unknown.status_code == 404

    def test_lines_are_restored_in_the_exports_form(self, sandbox: Sandbox) -> None:
        lines = data.HOSTILE_EVENTS.read_text("utf-8").split("\n")[:-1]
        sandbox.project(7, accounts=[{"username": ACCOUNT[0], "secret": ACCOUNT[1]}])
        answer = sandbox.add(7, lines=lines)
        assert answer["added"] == 12
        assert answer["days"][0] == "2025-05-27"
        assert sandbox.lines(7, "2025-01-01", "2026-07-31") == sandbox.lines(
            HOSTILE, "2025-01-01", "2026-07-31"
        )

    def test_events_list_what_an_export_would_return(self, sandbox: Sandbox) -> None:
        seen = sandbox.get(
            f"/_sandbox/mixpanel/projects/{HOSTILE}/events?from_date=2026-07-01&to_date=2026-07-01"
        )
        assert seen.content.split(b"\n")[:-1] == sandbox.lines(HOSTILE, "2026-07-01")
        assert len(sandbox.control("/mixpanel/exports", method="GET")) == 1


def test_reset_creates_a_fresh_state(sandbox: Sandbox) -> None:
    sandbox.project(7)
    sandbox.add(SHOP, {"event": "A", "at": "2026-09-01"})
    sandbox.fault({"do": "answer", "status": 418}, times=None)
    sandbox.control("/clock", {"set": "2020-01-01"})
    sandbox.control("/reset")
    assert sandbox.transcript() == [] or [e["path"] for e in sandbox.transcript()] == ["/_sandbox/reset"]
    assert len(sandbox.control("/mixpanel/projects", method="GET")) == 3
    assert sandbox.lines(SHOP, "2026-09-01") == []
    assert sandbox.returned() == []


class TestLoopback:
    @pytest.mark.parametrize(
        ("address", "inside"),
        [
            ("127.0.0.1", True),
            ("127.9.9.9", True),
            ("::1", True),
            ("::ffff:127.0.0.1", True),
            ("10.0.0.1", False),
            ("::ffff:10.0.0.1", False),
            ("", False),
            ("testclient", False),
        ],
    )
    def test_addresses(self, address: str, inside: bool) -> None:
        assert is_loopback((address, 1)) is inside
        assert not is_loopback(None)

    def test_a_remote_client_is_refused_by_the_control_plane_only(self, tmp_path: Path) -> None:
        app = build_app(SandboxState(Store(tmp_path)))

        async def ask(path: str, method: str = "GET") -> httpx.Response:
            transport = httpx.ASGITransport(app=app, client=("192.0.2.7", 5))
            async with httpx.AsyncClient(transport=transport, base_url="http://sandbox") as client:
                return await client.request(method, path)

        for path, method in (("/_sandbox/health", "GET"), ("/_sandbox/reset", "POST"), ("/_sandbox", "GET")):
            answer = asyncio.run(ask(path, method))
            assert answer.status_code == 403
            assert answer.json() == {"error": "The control plane answers only requests from this computer."}
        assert asyncio.run(ask("/api/app/me")).status_code == 401


class TestHost:
    """A web page whose name resolves to 127.0.0.1 connects from loopback, and sends its own name as Host."""

    def status(self, url: str, target: str, *hosts: str, method: str = "GET") -> tuple[int, bytes]:
        place = urlsplit(url)
        headers = "".join(f"host: {host}\r\n" for host in hosts)
        with socket.create_connection((place.hostname or "", place.port or 0), timeout=10) as wire:
            request = f"{method} {target} HTTP/1.1\r\n{headers}connection: close\r\ncontent-length: 0\r\n\r\n"
            wire.sendall(request.encode("latin-1"))
            got = b"".join(iter(lambda: wire.recv(65536), b""))
        head, _, body = got.partition(b"\r\n\r\n")
        return int(head.split(b" ")[1]), body

    @pytest.mark.parametrize(
        "host",
        [
            "127.0.0.1",
            "localhost",
            "LOCALHOST:8765",
            "localhost.",
            "[::1]:1",
            "127.0.0.7:80",
            "sandbox:8090",
            "Sandbox",
        ],
    )
    def test_loopback_names_and_configured_names_are_answered(self, host: str) -> None:
        with SandboxServer(host_names=["sandbox"]) as server:
            assert self.status(server.url, "/_sandbox/health", host)[0] == 200

    @pytest.mark.parametrize(
        "host",
        [
            "evil.example", "evil.example:8765", "localhost.evil.example", "127.0.0.1.evil.example", "sandbox",
            "localhost@evil.example", "192.0.2.7", "0.0.0.0", "[2001:db8::1]", "", "localhost, evil.example",
        ],
    )  # fmt: skip
    def test_another_name_is_refused_with_a_sentence_and_changes_nothing(self, host: str) -> None:
        with SandboxServer() as server:
            requests.post(
                f"{server.url}/_sandbox/clock", json={"set": "2026-07-01", "freeze": True}, timeout=10
            ).raise_for_status()
            before = requests.get(f"{server.url}/_sandbox/clock", timeout=10).json()
            for method, target in (
                ("GET", "/_sandbox/health"),
                ("POST", "/_sandbox/reset"),
                ("POST", "/_sandbox/clock"),
                ("GET", "/_sandbox"),
            ):
                status, body = self.status(server.url, target, host, method=method)
                assert status in (400, 421), (target, status)
                assert json.loads(body)["error"]
            assert requests.get(f"{server.url}/_sandbox/clock", timeout=10).json() == before, (
                "a reset would have been done"
            )
            status, body = self.status(server.url, "/_sandbox/health", "evil.example")
            assert (status, "--host-name" in json.loads(body)["error"]) == (421, True)

    def test_the_name_in_the_request_target_is_the_host(self) -> None:
        with SandboxServer() as server:
            assert self.status(server.url, "http://evil.example/_sandbox/health", "localhost")[0] == 421

    def test_the_services_answer_under_any_name(self) -> None:
        with SandboxServer() as server:
            assert self.status(server.url, "/api/app/me", "mixpanel.com")[0] == 401


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
