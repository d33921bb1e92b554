"""Planned faults: every way in which a response can be late, damaged or wrong."""

from __future__ import annotations

import gzip
import json
import re
import socket
import time
import zlib
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from mixpanel_aep_sandbox import demo_data as data
from tests.support.sandbox.http_client import ACCOUNT, Sandbox

pytestmark = pytest.mark.sandbox

HOSTILE, DAY = data.HOSTILE_PROJECT_ID, "2026-07-01"
EXPORT = {"path": "/api/2.0/export"}


def split(raw: bytes) -> tuple[dict[str, str], bytes]:
    """Return the headers (the status line under '') and the bytes after them."""
    head, _, rest = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    return {"": first, **dict(line.lower().split(": ", 1) for line in lines)}, rest


def export_raw(sandbox: Sandbox, *, gzipped: bool = False) -> tuple[dict[str, str], bytes]:
    return split(sandbox.raw_export(HOSTILE, DAY, DAY, gzipped=gzipped))


@pytest.fixture
def whole(sandbox: Sandbox) -> bytes:
    return sandbox.export(HOSTILE, DAY).content


class TestCut:
    def test_chunked_without_the_last_chunk(self, sandbox: Sandbox, whole: bytes) -> None:
        sandbox.fault({"do": "cut", "after_bytes": 1000}, match=EXPORT)
        headers, rest = export_raw(sandbox)
        assert headers["transfer-encoding"] == "chunked"
        assert rest == b"3e8\r\n" + whole[:1000] + b"\r\n"

    def test_fewer_bytes_than_content_length_says(self, sandbox: Sandbox, whole: bytes) -> None:
        sandbox.fault({"do": "cut", "after_bytes": 1000, "framing": "content-length"}, match=EXPORT)
        headers, rest = export_raw(sandbox)
        assert int(headers["content-length"]) == len(whole)
        assert rest == whole[:1000]

    def test_closed_in_the_middle_of_a_body_without_length(self, sandbox: Sandbox, whole: bytes) -> None:
        sandbox.fault({"do": "cut", "after_bytes": 1000, "framing": "close"}, match=EXPORT)
        headers, rest = export_raw(sandbox)
        assert headers["connection"] == "close"
        assert not {"content-length", "transfer-encoding"} & set(headers)
        assert rest == whole[:1000]

    @pytest.mark.parametrize("framing", ["chunked", "content-length", "close"])
    def test_correct_framing_of_a_gzip_without_its_trailer(
        self, sandbox: Sandbox, whole: bytes, framing: str
    ) -> None:
        action = {"do": "cut", "before_end_bytes": 8, "framing": framing, "honest": True}
        sandbox.fault(action, match=EXPORT)
        answer = sandbox.export(HOSTILE, DAY, stream=True)
        body = answer.raw.read(decode_content=False)
        reader = zlib.decompressobj(wbits=31)
        assert answer.headers["content-encoding"] == "gzip"
        assert reader.decompress(body) == whole
        assert not reader.eof
        assert sandbox.export(HOSTILE, DAY).content == whole

    @pytest.mark.parametrize("framing", ["chunked", "content-length"])
    @pytest.mark.parametrize("encoding", ["gzip", "identity"])
    def test_a_client_that_checks_detects_it(self, sandbox: Sandbox, framing: str, encoding: str) -> None:
        sandbox.fault({"do": "cut", "framing": framing, "encoding": encoding}, match=EXPORT)
        with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
            sandbox.export(HOSTILE, DAY)

    def test_after_so_many_lines(self, sandbox: Sandbox, whole: bytes) -> None:
        sandbox.fault({"do": "cut", "after_lines": 3, "honest": True}, match=EXPORT)
        assert sandbox.export(HOSTILE, DAY).content == b"".join(
            line + b"\n" for line in whole.split(b"\n")[:3]
        )

    def test_after_zero_bytes(self, sandbox: Sandbox) -> None:
        sandbox.fault({"do": "cut", "after_bytes": 0}, match=EXPORT)
        headers, rest = export_raw(sandbox)
        assert headers[""] == "HTTP/1.1 200 OK"
        assert rest == b""

    def test_inside_a_chunk(self, sandbox: Sandbox, whole: bytes) -> None:
        """As in "IncompleteRead(237 bytes read, 275 more expected)"."""
        sandbox.fault({"do": "cut", "after_bytes": 237, "inside_chunk": True}, match=EXPORT)
        _, rest = export_raw(sandbox)
        assert rest == b"%x\r\n" % 474 + whole[:237]

    def test_half_closed(self, sandbox: Sandbox, whole: bytes) -> None:
        """The body ends, and the other direction stays open."""
        sandbox.fault({"do": "cut", "after_bytes": 100, "end": "half-close"}, match=EXPORT)
        parts = urlsplit(sandbox.url)
        with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=5) as wire:
            query = f"project_id={HOSTILE}&from_date={DAY}&to_date={DAY}"
            basic = requests.auth._basic_auth_str(*ACCOUNT)
            head = f"host: x\r\nauthorization: {basic}\r\n\r\n"
            wire.sendall(f"GET /api/2.0/export?{query} HTTP/1.1\r\n{head}".encode())
            got = b""
            while piece := wire.recv(65536):
                got += piece
            assert got.endswith(b"64\r\n" + whole[:100] + b"\r\n")
            for _ in range(20):
                wire.sendall(b"still there")

    def test_a_weight_of_zero_requests_no_gzip(self, sandbox: Sandbox, whole: bytes) -> None:
        sandbox.fault({"do": "cut", "after_bytes": 50, "honest": True}, match=EXPORT)
        answer = sandbox.export(HOSTILE, DAY, headers={"accept-encoding": "gzip;q=0"})
        assert (answer.content, "content-encoding" in answer.headers) == (whole[:50], False)

    @pytest.mark.parametrize("framing", ["chunked", "content-length", "close"])
    def test_half_of_it_by_default(self, sandbox: Sandbox, whole: bytes, framing: str) -> None:
        sandbox.fault({"do": "cut", "framing": framing, "honest": True, "encoding": "identity"}, match=EXPORT)
        assert sandbox.export(HOSTILE, DAY).content == whole[: len(whole) // 2]

    def test_with_a_reset(self, sandbox: Sandbox) -> None:
        sandbox.fault({"do": "cut", "after_bytes": 100, "end": "reset"}, match=EXPORT)
        with pytest.raises(ConnectionResetError):
            export_raw(sandbox)


class TestSilence:
    def test_before_the_first_byte(self, sandbox: Sandbox, whole: bytes) -> None:
        sandbox.fault({"do": "delay", "delay_seconds": 0.3}, match=EXPORT)
        start = time.monotonic()
        assert sandbox.export(HOSTILE, DAY).content == whole
        assert time.monotonic() - start >= 0.3

    def test_after_so_many_bytes(self, sandbox: Sandbox, whole: bytes) -> None:
        sandbox.fault({"do": "hang", "after_bytes": 500, "encoding": "identity"}, match=EXPORT)
        with pytest.raises(TimeoutError):
            sandbox.raw(f"/api/2.0/export?project_id={HOSTILE}&from_date={DAY}&to_date={DAY}", seconds=0.3)
        [entry] = sandbox.transcript(path="/api/2.0/export", since=1)[-1:]
        assert (entry["status"], entry["bytes"], entry["whole"]) == (200, 500, False)

    def test_the_silence_ends(self, sandbox: Sandbox) -> None:
        sandbox.fault({"do": "hang", "after_bytes": 500, "seconds": 0.2}, match=EXPORT)
        start = time.monotonic()
        export_raw(sandbox)
        assert 0.2 <= time.monotonic() - start < 5

    def test_drop_by_drop(self, sandbox: Sandbox, whole: bytes) -> None:
        action = {"do": "drip", "bytes_at_a_time": len(whole) // 5, "every_seconds": 0.05}
        sandbox.fault(action, match=EXPORT)
        start = time.monotonic()
        answer = sandbox.export(HOSTILE, DAY, headers={"accept-encoding": "identity"})
        assert answer.content == whole
        assert time.monotonic() - start >= 0.25
        assert sandbox.returned()


class TestNoAnswer:
    def test_reset(self, sandbox: Sandbox) -> None:
        sandbox.fault({"do": "drop"}, match=EXPORT)
        with pytest.raises(ConnectionResetError):
            export_raw(sandbox)
        assert sandbox.transcript()[-1]["status"] is None

    def test_close(self, sandbox: Sandbox) -> None:
        sandbox.fault({"do": "drop", "end": "close"}, match=EXPORT)
        assert sandbox.raw_export(HOSTILE, DAY, DAY) == b""

    def test_lost_reply(self, sandbox: Sandbox) -> None:
        """The service processed the request: the export counts against the limit, although no client received it."""
        sandbox.project(HOSTILE, limits={"enabled": True, "per_hour": 1})
        sandbox.fault({"do": "drop", "after": True}, match=EXPORT)
        with pytest.raises(ConnectionResetError):
            export_raw(sandbox)
        assert sandbox.export(HOSTILE, DAY).status_code == 429
        assert sandbox.returned() == []


class TestAnswers:
    @pytest.mark.parametrize("status", [500, 502, 503, 504, 401, 403, 402, 520])
    def test_status_with_html(self, sandbox: Sandbox, status: int) -> None:
        sandbox.fault({"do": "answer", "status": status, "body": "<html>no</html>"}, match=EXPORT)
        answer = sandbox.export(HOSTILE, DAY)
        assert (answer.status_code, answer.text) == (status, "<html>no</html>")
        assert answer.headers["content-type"] == "text/html"

    @pytest.mark.parametrize(
        ("given", "expected"),
        [(7, "7"), (0, "0"), (10**9, "1000000000"), ("soon", "soon"), ("-1", "-1"), (None, None)],
    )
    def test_retry_after(self, sandbox: Sandbox, given: Any, expected: str | None) -> None:
        body = {"error": "too many export requests in progress for this project"}
        sandbox.fault({"do": "answer", "status": 429, "body_json": body, "retry_after": given}, match=EXPORT)
        answer = sandbox.export(HOSTILE, DAY)
        assert (answer.status_code, answer.json()) == (429, body)
        assert answer.headers.get("retry-after") == expected

    def test_retry_after_as_a_date(self, sandbox: Sandbox) -> None:
        sandbox.fault({"do": "answer", "status": 429, "retry_after": "date+30"}, match=EXPORT)
        moment = parsedate_to_datetime(sandbox.export(HOSTILE, DAY).headers["retry-after"])
        assert 25 < moment.timestamp() - time.time() < 31

    def test_an_error_with_status_200(self, sandbox: Sandbox) -> None:
        sandbox.fault({"do": "answer", "status": 200, "body_json": {"error": "x"}}, match=EXPORT)
        answer = sandbox.export(HOSTILE, DAY)
        assert (answer.status_code, answer.json()) == (200, {"error": "x"})

    def test_an_empty_response(self, sandbox: Sandbox) -> None:
        sandbox.fault({"do": "answer", "status": 200}, match=EXPORT)
        answer = sandbox.export(HOSTILE, DAY)
        assert (answer.status_code, answer.content) == (200, b"")
        assert sandbox.returned() == []

    def test_the_callers_own_secret(self, sandbox: Sandbox) -> None:
        sandbox.fault({"do": "answer", "status": 401, "echo_authorization": True}, match=EXPORT)
        answer = sandbox.export(HOSTILE, DAY)
        assert answer.request.headers["authorization"] in answer.text

    def test_redirect(self, sandbox: Sandbox) -> None:
        sandbox.fault({"do": "redirect", "to": "http://127.0.0.1:9/x", "status": 307}, match=EXPORT)
        answer = sandbox.get("/api/2.0/export", allow_redirects=False)
        assert (answer.status_code, answer.headers["location"]) == (307, "http://127.0.0.1:9/x")

    def test_a_client_that_still_sends_gets_the_response(self, sandbox: Sandbox) -> None:
        sandbox.fault({"do": "answer", "status": 503}, match={"path": "/data/*"})
        answer = sandbox.session.put(f"{sandbox.url}/data/x", data=b"x" * 5_000_000, timeout=9)
        assert answer.status_code == 503

    def test_no_content_has_no_body(self, sandbox: Sandbox) -> None:
        sandbox.fault({"do": "answer", "status": 204, "body": "text"})
        answer = sandbox.get("/api/app/me")
        assert (answer.status_code, answer.content) == (204, b"")
        assert "content-length" not in answer.headers

    @pytest.mark.parametrize(
        "action",
        [
            {"headers": {"a b": "c"}},
            {"headers": {"a": "b\r\nc: d"}},
            {"headers": {"a": "\u20ac"}},
            {"headers": {"Content-Length": "5"}},
            {"retry_after": "a\nb"},
            {"body": "\ud800"},
            {"body_json": ["\ud800"]},
            {"body_json": float("nan")},
        ],
    )
    def test_faults_that_would_break_the_response_are_refused(
        self, sandbox: Sandbox, action: dict[str, Any]
    ) -> None:
        body = json.dumps({"action": {"do": "answer", **action}})
        kind = {"content-type": "application/json"}
        url = f"{sandbox.url}/_sandbox/faults"
        assert sandbox.session.post(url, data=body, headers=kind, timeout=9).status_code == 422


class TestSentinel:
    @pytest.mark.parametrize(
        "text",
        [
            "terminated early",
            "export terminated early",
            "[terminated early]",
            '["terminated early"]',
            "TERMINATED EARLY",
        ],
    )
    @pytest.mark.parametrize("newline", [True, False])
    @pytest.mark.parametrize("encoding", ["gzip", "identity"])
    def test_rows_then_the_termination_line(
        self, sandbox: Sandbox, whole: bytes, text: str, newline: bool, encoding: str
    ) -> None:
        sandbox.fault(
            {"do": "sentinel", "text": text, "newline": newline, "encoding": encoding}, match=EXPORT
        )
        answer = sandbox.export(HOSTILE, DAY)
        assert answer.status_code == 200
        assert answer.content == whole + text.encode() + (b"\n" if newline else b"")
        assert (answer.headers.get("content-encoding") == "gzip") is (encoding == "gzip")

    def test_after_half_a_row(self, sandbox: Sandbox, whole: bytes) -> None:
        sandbox.fault({"do": "sentinel", "after_lines": 2, "mid_line": True}, match=EXPORT)
        first, second, word, rest = sandbox.export(HOSTILE, DAY).content.split(b"\n")
        assert first == whole.split(b"\n")[0]
        assert second == whole.split(b"\n")[1][: len(whole.split(b"\n")[1]) // 2]
        assert (word, rest) == (b"terminated early", b"")

    def test_in_the_middle(self, sandbox: Sandbox, whole: bytes) -> None:
        sandbox.fault({"do": "sentinel", "after_lines": 2, "rest": True}, match=EXPORT)
        lines = sandbox.export(HOSTILE, DAY).content.split(b"\n")
        assert lines.pop(2) == b"terminated early"
        assert b"\n".join(lines) == whole


class TestOddForms:
    def test_they_contain_every_row(self, sandbox: Sandbox, whole: bytes) -> None:
        rows = whole.split(b"\n")[:-1]
        same = ("gzip_members", "close_delimited", "content_length")
        for how in ("bom", "crlf", "blank_lines", "no_final_newline", *same):
            sandbox.fault({"do": "alter", "how": how}, match=EXPORT)
            content = sandbox.export(HOSTILE, DAY).content
            assert (content == whole) is (how in same)
            plain = content.removeprefix(b"\xef\xbb\xbf").replace(b"\r", b"").split(b"\n")
            assert [line for line in plain if line] == rows

    def test_several_gzip_members(self, sandbox: Sandbox, whole: bytes) -> None:
        sandbox.fault({"do": "alter", "how": "gzip_members"}, match=EXPORT)
        packed = sandbox.export(HOSTILE, DAY, stream=True).raw.read(decode_content=False)
        reader = zlib.decompressobj(wbits=31)
        assert len(reader.decompress(packed)) < len(whole)
        assert reader.eof
        assert reader.unused_data.startswith(b"\x1f\x8b")
        assert gzip.decompress(packed) == whole

    @pytest.mark.parametrize("gzipped", [False, True])
    def test_a_complete_body_that_ends_with_the_connection(
        self, sandbox: Sandbox, whole: bytes, gzipped: bool
    ) -> None:
        sandbox.fault({"do": "alter", "how": "close_delimited"}, match=EXPORT)
        headers, rest = export_raw(sandbox, gzipped=gzipped)
        assert not {"content-length", "transfer-encoding"} & set(headers)
        assert headers["connection"] == "close"
        assert (gzip.decompress(rest) if gzipped else rest) == whole
        assert [entry["whole"] for entry in sandbox.transcript(path="/api/2.0/export")] == [True, True]
        assert len(sandbox.control("/mixpanel/exports", method="GET")) == 2

    def test_a_complete_body_with_its_length(self, sandbox: Sandbox, whole: bytes) -> None:
        sandbox.fault({"do": "alter", "how": "content_length", "encoding": "identity"}, match=EXPORT)
        answer = sandbox.export(HOSTILE, DAY)
        assert int(answer.headers["content-length"]) == len(whole)
        assert "transfer-encoding" not in answer.headers
        assert answer.content == whole

    def test_invalid_utf8(self, sandbox: Sandbox) -> None:
        sandbox.fault({"do": "alter", "how": "invalid_utf8"}, match=EXPORT)
        with pytest.raises(UnicodeDecodeError):
            sandbox.export(HOSTILE, DAY).content.decode("utf-8")


class TestPlan:
    def ask(self, sandbox: Sandbox, path: str, method: str = "GET", **query: str) -> int:
        answer = sandbox.session.request(method, sandbox.url + path, params=query, timeout=9)
        return answer.status_code

    @pytest.mark.parametrize(
        ("match", "hit", "missed"),
        [
            ({"service": "aep"}, "/data/x", "/api/x"),
            ({"service": "ims"}, "/ims/x", "/data/x"),
            ({"service": "mixpanel"}, "/api/app/x", "/data/x"),
            ({"path": "/data/*/batches/*"}, "/data/a/b/batches/1", "/data/batches"),
            ({"path_regex": r"/b\d$"}, "/data/b7", "/data/b7/x"),
            ({"query": "a=x y"}, "/data/x?a=x%20y", "/data/x?a=xy"),
            ({"query": "a=x%20y"}, "/data/x?a=x%20y", "/data/x?a=x+y"),
            ({"method": "get"}, "/data/x", None),
            ({"method": "POST"}, None, "/data/x"),
            ({}, "/anything", "/_sandbox/health"),
        ],
    )
    def test_which_requests_are_affected(
        self, sandbox: Sandbox, match: dict[str, str], hit: str | None, missed: str | None
    ) -> None:
        sandbox.fault({"do": "answer", "status": 418}, match=match, times=None)
        if hit:
            assert self.ask(sandbox, hit) == 418
        if missed:
            assert self.ask(sandbox, missed) != 418

    def test_skip_and_times(self, sandbox: Sandbox) -> None:
        sandbox.fault({"do": "answer", "status": 418}, match={"path": "/x"}, skip=2, times=2)
        assert [self.ask(sandbox, "/x") for _ in range(6)] == [501, 501, 418, 418, 501, 501]
        [fault] = sandbox.control("/faults", method="GET")
        assert (fault["met"], fault["happened"]) == (6, 2)

    def test_the_oldest_fault_is_used_first(self, sandbox: Sandbox) -> None:
        first = sandbox.fault({"do": "answer", "status": 418})
        second = sandbox.fault({"do": "answer", "status": 419})
        assert [self.ask(sandbox, "/x") for _ in range(3)] == [418, 419, 501]
        assert [entry["fault"] for entry in sandbox.transcript(path="/x")] == [first, second, None]

    def test_clearing(self, sandbox: Sandbox) -> None:
        first = sandbox.fault({"do": "answer", "status": 418}, times=None)
        sandbox.fault({"do": "answer", "status": 419}, times=None)
        sandbox.control(f"/faults/{first}", method="DELETE")
        assert self.ask(sandbox, "/x") == 419
        assert sandbox.control("/faults", method="DELETE") == {"forgotten": 1}
        assert self.ask(sandbox, "/x") == 501
        gone = sandbox.session.delete(f"{sandbox.url}/_sandbox/faults/{first}", timeout=9)
        assert gone.status_code == 404

    @pytest.mark.parametrize(
        "fault",
        [
            {"action": {"do": "explode"}},
            {"action": {"do": "cut", "after_byte": 3}},
            {"action": {"do": "answer", "status": 99}},
            {"action": {"do": "answer"}, "match": {"path_regex": "("}},
            {"action": {"do": "answer"}, "times": 0},
            {"match": {}},
            {},
        ],
    )
    def test_an_invalid_plan_is_refused(self, sandbox: Sandbox, fault: dict[str, Any]) -> None:
        answer = sandbox.session.post(f"{sandbox.url}/_sandbox/faults", json=fault, timeout=9)
        assert answer.status_code == 422
        assert re.match(r"body\.\S+: .+\.$", answer.json()["error"])

    def test_the_connection_stays_usable_after_a_complete_response(self, sandbox: Sandbox) -> None:
        sandbox.fault({"do": "answer", "status": 503, "body": "busy"}, match=EXPORT, times=3)
        with socket.create_connection(("127.0.0.1", int(sandbox.url.rsplit(":", 1)[1])), timeout=5) as wire:
            for _ in range(3):
                wire.sendall(b"GET /api/2.0/export HTTP/1.1\r\nhost: x\r\n\r\n")
                got = b""
                while not got.endswith(b"busy"):
                    got += wire.recv(65536)
                assert got.startswith(b"HTTP/1.1 503")


def test_faults_survive_json(sandbox: Sandbox) -> None:
    sandbox.fault({"do": "sentinel", "text": "é"}, match=EXPORT)
    [fault] = sandbox.control("/faults", method="GET")
    assert json.loads(json.dumps(fault))["action"]["text"] == "é"
