"""Unusual and invalid requests: each gets a proper response without a stack trace."""

from __future__ import annotations

import json
import socket
from urllib.parse import urlsplit

import pytest

from mixpanel_aep_sandbox.core.server import SandboxServer
from tests.support.sandbox.http_client import Sandbox

pytestmark = pytest.mark.sandbox

HOST = "host: localhost\r\n"


def answer(sandbox: Sandbox, request: str | bytes) -> tuple[int, dict[str, str], bytes]:
    """Return status, headers and body of the only request on a connection."""
    parts = urlsplit(sandbox.url)
    sent = request.encode("latin-1") if isinstance(request, str) else request
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=10) as wire:
        wire.sendall(sent)
        got = b""
        while piece := wire.recv(65536):
            got += piece
    head, _, body = got.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    assert b"Traceback" not in got and b'File "' not in got
    headers = dict(line.lower().split(": ", 1) for line in lines)
    return int(first.split(" ")[1]), headers, body


def test_http_1_0_gets_a_body_that_ends_with_the_connection(sandbox: Sandbox) -> None:
    status, headers, body = answer(sandbox, "GET /_sandbox/health HTTP/1.0\r\n\r\n")
    assert status == 200 and json.loads(body)["status"] == "ok"
    assert "transfer-encoding" not in headers


def test_a_stream_for_http_1_0_is_not_chunked(sandbox: Sandbox) -> None:
    query = "from_date=2026-06-01&to_date=2026-06-01"
    target = f"/_sandbox/mixpanel/projects/3000002/events?{query}"
    status, headers, body = answer(sandbox, f"GET {target} HTTP/1.0\r\n\r\n")
    assert status == 200 and "transfer-encoding" not in headers
    assert json.loads(body.split(b"\n")[0])["event"] and body.endswith(b"}\n")


@pytest.mark.parametrize("path", ["/_sandbox/health", "/_sandbox/", "/_sandbox/openapi.json", "/nowhere"])
def test_head_has_the_status_of_a_get_and_no_body(sandbox: Sandbox, path: str) -> None:
    status, headers, body = answer(sandbox, f"HEAD {path} HTTP/1.1\r\n{HOST}connection: close\r\n\r\n")
    assert status == sandbox.get(path).status_code and body == b""
    assert int(headers["content-length"]) > 0


@pytest.mark.parametrize(
    "line", ["OPTIONS *", "OPTIONS /_sandbox/health", "BREW /coffee", "TRACE /", "CONNECT a:1"]
)
def test_an_unknown_route_is_501(sandbox: Sandbox, line: str) -> None:
    status, _, body = answer(sandbox, f"{line} HTTP/1.1\r\n{HOST}connection: close\r\n\r\n")
    assert (status, json.loads(body)) == (501, {"error": f"The sandbox does not know {line}."})


def test_an_absolute_target_is_served_as_a_proxy_would(sandbox: Sandbox) -> None:
    target = "http://data.mixpanel.com/api/2.0/export?project_id=1"
    status, _, body = answer(sandbox, f"GET {target} HTTP/1.1\r\n{HOST}connection: close\r\n\r\n")
    assert status == 401 and b"Unauthorized" in body
    assert sandbox.transcript(service="mixpanel")[-1]["path"] == "/api/2.0/export"


def test_an_absolute_target_determines_the_host(sandbox: Sandbox) -> None:
    """The US project is unknown to the EU's host, whatever the Host header says (RFC 9112, 3.2.2)."""
    query = "project_id=3000002&from_date=2026-06-01&to_date=2026-06-01"
    basic = "authorization: Basic demo.5a4d00.mp-service-account:demo-secret-not-real-0000\r\n"
    for host, status in (("data.mixpanel.com", 200), ("data-eu.mixpanel.com", 400)):
        line = f"GET http://{host}/api/2.0/export?{query} HTTP/1.1\r\n"
        sent = f"{line}host: data.mixpanel.com\r\n{basic}connection: close\r\n\r\n"
        assert answer(sandbox, sent)[0] == status


@pytest.mark.parametrize("host", ["[", "[::1", "x:99999", "x:port"])
@pytest.mark.parametrize("path", ["/data/foundation/catalog/batches", "/_sandbox/", "/nowhere", "http://[/"])
def test_an_invalid_host_is_refused(sandbox: Sandbox, host: str, path: str) -> None:
    sent = f"GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n"
    assert answer(sandbox, sent)[0] == 400


@pytest.mark.parametrize(
    "headers", ["x-big: " + "a" * 1_000_000, "\r\n".join(f"x-{n}: 1" for n in range(20_000))]
)
def test_too_large_headers_are_refused(sandbox: Sandbox, headers: str) -> None:
    assert answer(sandbox, f"GET /_sandbox/health HTTP/1.1\r\n{HOST}{headers}\r\n\r\n")[0] in (400, 431)


@pytest.mark.parametrize(
    "path", ["/%", "/%zz", "/%00", "/a%2fb", "/%c3%28", "/%ed%a0%80", "/\\..", "//", "/.%2e/"]
)
def test_a_path_may_contain_any_byte(sandbox: Sandbox, path: str) -> None:
    for prefix in (
        "",
        "/api/2.0/export",
        "/_sandbox/faults",
        "/data/foundation/schemaregistry/tenant/schemas",
    ):
        for method in ("GET", "DELETE"):
            sent = f"{method} {prefix}{path}?q=%00%ff HTTP/1.1\r\n{HOST}connection: close\r\n\r\n"
            status, _, body = answer(sandbox, sent)
            assert status in (401, 403, 404, 501) and json.loads(body), (method, prefix)
    assert sandbox.control("/health", method="GET")


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01",
        b"GET\r\n\r\n",
        b"GET /\x00 HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET /\xc3\xa4 HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n",
        b"POST /_sandbox/clock HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n",
        b"POST /_sandbox/clock HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n{}",
        b"POST /_sandbox/clock HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_invalid_http_is_refused(sandbox: Sandbox, sent: bytes) -> None:
    assert 400 <= answer(sandbox, sent)[0] < 502


@pytest.mark.parametrize(
    "body",
    [b"{", b"\xff", b"[" * 100_000, b"1" * 5000, b'{"set": 1e999}', b'{"advance_seconds": NaN}', b"null"],
)
def test_a_body_that_is_not_json_is_refused_with_a_sentence(sandbox: Sandbox, body: bytes) -> None:
    kind = {"content-type": "application/json"}
    for path in ("clock", "faults"):
        got = sandbox.session.post(f"{sandbox.url}/_sandbox/{path}", data=body, headers=kind, timeout=20)
        assert got.status_code in (400, 422) and got.json()["error"].endswith("."), path


def test_an_internal_error_is_reported_without_a_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_url: str) -> str:
        raise KeyError("a secret")

    monkeypatch.setattr("mixpanel_aep_sandbox.core.control_routes.render", broken)
    with SandboxServer() as server:
        status, _, body = answer(
            Sandbox(server), f"GET /_sandbox/ HTTP/1.1\r\n{HOST}connection: close\r\n\r\n"
        )
    error = json.loads(body)["error"]
    assert status == 500
    assert error.startswith("The sandbox has a bug: KeyError in ") and "secret" not in error
