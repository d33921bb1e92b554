"""Requests of the tests to a running sandbox: its Mixpanel side and its control plane."""

from __future__ import annotations

import json
import socket
from typing import Any
from urllib.parse import urlencode, urlsplit

import requests

from mixpanel_aep_sandbox import demo_data as data
from mixpanel_aep_sandbox.core.server import SandboxServer
from mixpanel_aep_sandbox.core.state import SandboxState
from tests.support.sandbox.json_types import JsonObject

ACCOUNT = (data.SERVICE_ACCOUNT, data.SERVICE_ACCOUNT_SECRET)


class Sandbox:
    """A client of a running sandbox."""

    def __init__(self, server: SandboxServer) -> None:
        self.url = server.url
        self.state: SandboxState = server.state
        self.session = requests.Session()

    def get(self, path: str, **options: Any) -> requests.Response:
        return self.session.get(self.url + path, timeout=20, **options)

    def control(self, path: str, body: object = None, method: str = "POST") -> Any:
        """Send a request to the control plane that must succeed, and return its JSON."""
        answer = self.session.request(method, f"{self.url}/_sandbox{path}", json=body, timeout=20)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def export(
        self, project: int | None, first: str, last: str | None = None, **options: Any
    ) -> requests.Response:
        """Send ``GET /api/2.0/export``; ``auth`` and ``headers`` are passed to requests, other arguments are the query."""
        given = {name: options.pop(name) for name in ("auth", "headers", "stream") if name in options}
        query = {"project_id": project, "from_date": first, "to_date": last or first, **options}
        return self.get("/api/2.0/export", params=query, **{"auth": ACCOUNT, **given})

    def lines(self, project: int, first: str, last: str | None = None, **options: Any) -> list[bytes]:
        answer = self.export(project, first, last, **options)
        assert answer.status_code == 200, answer.text
        assert not answer.content or answer.content.endswith(b"\n")
        return answer.content.split(b"\n")[:-1]

    def project(self, project: int, **fields: object) -> None:
        self.control("/mixpanel/projects", {"id": project, **fields})

    def add(self, project: int, *events: JsonObject, **body: object) -> Any:
        return self.control(f"/mixpanel/projects/{project}/events", {"events": list(events), **body})

    def fault(self, action: JsonObject, **fault: Any) -> str:
        return str(self.control("/faults", {"action": action, **fault})["id"])

    def transcript(self, **query: Any) -> list[JsonObject]:
        return list(self.get("/_sandbox/transcript", params=query).json()["entries"])

    def returned(self, **query: Any) -> list[JsonObject]:
        text = self.get("/_sandbox/mixpanel/returned", params=query).content
        return [json.loads(line) for line in text.split(b"\n")[:-1]]

    def raw_export(self, project: int, first: str, last: str, *, gzipped: bool = False) -> bytes:
        """Return everything that the server writes on one connection, until it ends. Raises OSError for a reset."""
        query = urlencode({"project_id": project, "from_date": first, "to_date": last})
        return self.raw(f"/api/2.0/export?{query}", "accept-encoding: gzip\r\n" if gzipped else "")

    def raw(self, target: str, headers: str = "", seconds: float = 10) -> bytes:
        parts = urlsplit(self.url)
        basic = requests.auth._basic_auth_str(*ACCOUNT)
        with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=seconds) as wire:
            request = f"GET {target} HTTP/1.1\r\nhost: x\r\nauthorization: {basic}\r\n{headers}\r\n"
            wire.sendall(request.encode())
            got = b""
            while piece := wire.recv(65536):
                got += piece
        return got
