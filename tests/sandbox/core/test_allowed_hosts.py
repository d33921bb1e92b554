"""Who may use the control plane: clients of this machine, under names of loopback."""

from __future__ import annotations

import asyncio
import json
import socket
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
import requests

from mixpanel_aep_sandbox.core.app import build_app
from mixpanel_aep_sandbox.core.loopback import is_loopback
from mixpanel_aep_sandbox.core.server import SandboxServer
from mixpanel_aep_sandbox.core.state import SandboxState
from mixpanel_aep_sandbox.core.store import Store

pytestmark = pytest.mark.sandbox


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
