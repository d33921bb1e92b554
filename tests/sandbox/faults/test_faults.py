"""Planned faults: every way in which a response can be late, damaged or wrong."""

from __future__ import annotations

import socket
import time
import zlib
from urllib.parse import urlsplit

import pytest
import requests

from tests.support.sandbox.http_client import ACCOUNT, Sandbox
from tests.support.sandbox.raw_export import DAY, EXPORT, HOSTILE, export_raw

pytestmark = pytest.mark.sandbox


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
