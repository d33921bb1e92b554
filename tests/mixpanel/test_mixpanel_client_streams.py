"""Exports over the wire: truncated, silent, slow and complete ones."""

from __future__ import annotations

import gzip
import socket
from pathlib import Path
from typing import Any

import pytest

from include.errors import (
    ExportTerminatedEarly,
    NotAnExport,
    ServiceUnavailable,
    TruncatedExport,
)
from include.http.request import RetryPolicy
from include.mixpanel.client import MixpanelClient
from include.mixpanel.settings import MixpanelSettings
from tests.support.fake_clock import FakeClock
from tests.support.http_server import Reply, script, serve_http
from tests.support.mixpanel_responses import BODY, DAY, ROW, SECRET, client, export

pytestmark = pytest.mark.usefixtures("no_canary_in_any_log")


def chunked(*chunks: bytes, end: bytes = b"0\r\n\r\n", head: str = "") -> Reply:
    body = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
    start = f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n{head}\r\n".encode()
    return Reply(wire=start + body + end)


def closing(body: bytes, head: str = "") -> Reply:
    return Reply(wire=f"HTTP/1.1 200 OK\r\nConnection: close\r\n{head}\r\n".encode() + body)


ZIPPED = gzip.compress(BODY)


GZIP = "Content-Encoding: gzip\r\n"


CUTS = {
    "plain, announced": closing(BODY[:-5], f"Content-Length: {len(BODY)}\r\n"),
    "plain, announced, at a line": closing(BODY[: 2 * len(ROW) + 2], f"Content-Length: {len(BODY)}\r\n"),
    "plain, nothing announced": closing(BODY[:-5]),
    "plain, nothing announced, at a line": closing(BODY[: 2 * len(ROW) + 2]),
    "gzip with the length of its cut": closing(ZIPPED[:-9], f"{GZIP}Content-Length: {len(ZIPPED) - 9}\r\n"),
    "gzip, nothing announced": closing(ZIPPED[:-9], GZIP),
    "chunks without the last one": chunked(BODY, end=b""),
    "chunks, cut in the size": chunked(BODY, end=b"5"),
    "chunks, cut in the data": chunked(BODY, end=b"ff\r\n{"),
    "chunks of gzip without the last one": chunked(ZIPPED, end=b"", head=GZIP),
    "chunks of cut gzip": chunked(ZIPPED[:-9], head=GZIP),
}


@pytest.mark.sandbox
@pytest.mark.parametrize("cut", CUTS.values(), ids=CUTS.keys())
def test_a_truncated_export_is_an_error_and_not_retried_here(fake_clock: FakeClock, cut: Reply) -> None:
    with serve_http(script(cut)) as served:
        with pytest.raises(TruncatedExport):
            export(served, fake_clock)
        assert len(served.requests) == 1


@pytest.mark.sandbox
@pytest.mark.parametrize(
    "reply",
    [
        chunked(BODY[:10], BODY[10:]),
        chunked(*(bytes([byte]) for byte in BODY)),
        chunked(ZIPPED[:10], ZIPPED[10:], head=GZIP),
        Reply(200, ZIPPED, {"Content-Encoding": "gzip"}),
        Reply(200, gzip.compress(BODY[:20]) + gzip.compress(BODY[20:]), {"Content-Encoding": "gzip"}),
        Reply(200, BODY[:-1]),
        Reply(200, BODY, {"Content-Type": "text/plain; charset=ISO-8859-1"}),
    ],
)
def test_a_complete_export_in_every_encoding(fake_clock: FakeClock, reply: Reply) -> None:
    with serve_http(script(reply)) as served:
        assert export(served, fake_clock) == [ROW] * 3


@pytest.mark.sandbox
def test_an_empty_day(fake_clock: FakeClock) -> None:
    for reply in (Reply(200), chunked()):
        with serve_http(script(reply)) as served:
            assert export(served, fake_clock) == []


@pytest.mark.sandbox
@pytest.mark.parametrize(
    "early",
    [
        Reply(wire=b""),
        Reply(wire=b"HTTP/1.1 20"),
        Reply(wire=b"not http\r\n\r\n"),
        closing(b"", "Content-Length: 5\r\n"),
        chunked(end=b""),
    ],
)
def test_an_error_before_the_first_byte_is_retried(fake_clock: FakeClock, early: Reply) -> None:
    with serve_http(script(early, Reply(200, BODY))) as served:
        assert export(served, fake_clock) == [ROW] * 3
        assert len(served.requests) == 2


@pytest.mark.sandbox
def test_a_silent_server_times_out(fake_clock: FakeClock) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings = MixpanelSettings("svc", SECRET, 1, "us", f"http://127.0.0.1:{silent.getsockname()[1]}")
        asked = MixpanelClient(settings, fake_clock.clock, retry_policy=RetryPolicy(1, 0.05, attempts=2))
        with pytest.raises(ServiceUnavailable, match=r"ReadTimeout|ConnectionError"), asked.export(DAY, DAY):
            pass
    with (
        pytest.raises(ServiceUnavailable, match="could not be reached to export 2026-07-01"),
        asked.export(DAY, DAY),
    ):
        pass


@pytest.mark.sandbox
def test_a_very_slow_stream_times_out() -> None:
    fake_clock = FakeClock()

    class Slow(FakeClock):
        @property
        def clock(self) -> Any:
            def seconds() -> float:
                self.at += 4  # Every reading of the clock: four seconds a chunk.
                return self.at

            return type(fake_clock.clock)(seconds=seconds, sleep=self.sleep)

    with serve_http(script(chunked(*(bytes([byte]) for byte in BODY)))) as served:
        asked = client(served, Slow(), idle_seconds=60)
        with pytest.raises(TruncatedExport, match="sent only"), asked.export(DAY, DAY) as stream:
            list(stream)


@pytest.mark.sandbox
def test_an_early_end_and_a_web_page_are_detected_over_the_wire(fake_clock: FakeClock) -> None:
    with (
        serve_http(script(Reply(200, BODY + b"terminated early\n"))) as served,
        pytest.raises(ExportTerminatedEarly),
    ):
        export(served, fake_clock)
    page = Reply(200, b"<html><body>Sorry</body></html>")
    with (
        serve_http(script(page)) as served,
        pytest.raises(NotAnExport, match="with a web page instead of events"),
    ):
        export(served, fake_clock)


@pytest.mark.sandbox
def test_a_stream_that_is_closed_early_is_incomplete(fake_clock: FakeClock) -> None:
    with serve_http(script(Reply(200, BODY))) as served:
        with client(served, fake_clock).export(DAY, DAY) as stream:
            assert next(iter(stream)) == ROW
        assert not stream.is_complete


@pytest.mark.sandbox
@pytest.mark.parametrize("chunks_after", [0, 1, 2, 9])
def test_the_first_error_in_the_bytes_is_raised(
    fake_clock: FakeClock, tmp_path: Path, chunks_after: int
) -> None:
    """Neither a later line nor the broken connection hides an earlier error."""
    after = [b"<html><body>Sorry</body></html>\n"] * chunks_after
    cut = chunked(BODY, b"terminated early\n", *after, end=b"")
    with serve_http(script(cut)) as served, client(served, fake_clock).export(DAY, DAY) as stream:
        with pytest.raises(ExportTerminatedEarly):
            stream.save(tmp_path / "day.jsonl.gz")
        assert not stream.is_complete
