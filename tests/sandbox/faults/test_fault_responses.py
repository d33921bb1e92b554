"""Planned faults that change a response: other statuses, the termination line, unusual forms."""

from __future__ import annotations

import gzip
import json
import time
import zlib
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from tests.support.sandbox.http_client import Sandbox
from tests.support.sandbox.raw_export import DAY, EXPORT, HOSTILE, export_raw

pytestmark = pytest.mark.sandbox


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
