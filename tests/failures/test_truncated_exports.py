"""Promise 1 for every truncation that a network can cause: a day is published byte for byte whole, or not at all."""

from __future__ import annotations

import gzip
import random
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.errors import PipelineError
from include.http.request import RetryPolicy
from include.lake.lake import Lake
from include.lake.manifest import Manifest
from include.mixpanel.client import MixpanelClient
from include.mixpanel.settings import MixpanelSettings
from include.steps.export.step import export_partition
from tests.failures.execution import published_lines
from tests.support.builders import PROJECT_ID, SOURCE, Mixpanel, workspace
from tests.support.export_streams import EVENTS, opened, pieces
from tests.support.fake_clock import FakeClock
from tests.support.raw_server import End, RawServer, serve_raw

pytestmark = pytest.mark.sandbox

DAYS = st.just([]) | EVENTS
NEWLINES = (b"\n", b"\r\n", b"\n\n \r\n")
CUTS = st.lists(st.integers(0, 10_000), max_size=4)


@dataclass(frozen=True)
class Sent:
    """A response as sent over the wire, and whether a client can detect its end."""

    wire: bytes
    is_framed: bool


@st.composite
def answers(draw: st.DrawFn, events: list[bytes]) -> Sent:
    """Generate a day in any framing and any coding, in members and chunks of any size."""
    body = b"".join(event + b"\n" for event in events)
    coding = draw(st.sampled_from(["plain", "gzip", "members"]))
    if coding != "plain":
        members = pieces(body, draw(CUTS)) if coding == "members" else [body]
        body = b"".join(map(gzip.compress, members))
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
    if coding != "plain":
        head += b"Content-Encoding: gzip\r\n"
    framing = draw(st.sampled_from(["chunked", "length", "close"]))
    if framing == "length":
        head += b"Content-Length: %d\r\n" % len(body)
    elif framing == "chunked":
        head += b"Transfer-Encoding: chunked\r\n"
        size = draw(st.sampled_from([b"%x", b"%04X", b"%x;note=1"]))
        chunks = filter(None, pieces(body, draw(CUTS)))
        body = b"".join(b"%s\r\n%s\r\n" % (size % len(p), p) for p in chunks) + b"0\r\n\r\n"
    return Sent(head + b"\r\n" + body, framing != "close")


@pytest.fixture(scope="module")
def wire() -> Iterator[RawServer]:
    with serve_raw() as wire:
        yield wire


def export(lake: Lake, url: str, idle_seconds: float) -> Manifest:
    mixpanel = MixpanelSettings("svc", "secret", PROJECT_ID, sandbox_url=url)
    client = MixpanelClient(
        mixpanel, FakeClock().clock, retry_policy=RetryPolicy(30, idle_seconds, attempts=1)
    )
    return export_partition(workspace(lake), SOURCE, client)


@settings(max_examples=150)
@given(st.data(), DAYS, st.sampled_from(["close"] * 4 + ["reset"] * 2 + ["silence"]))
def test_a_truncated_day_is_never_published_as_complete(
    wire: RawServer, draw: st.DataObject, events: list[bytes], end: End
) -> None:
    sent = draw.draw(answers(events))
    cut = draw.draw(st.integers(0, len(sent.wire)))
    whole = cut == len(sent.wire)
    wire.pieces, wire.end = pieces(sent.wire[:cut], draw.draw(CUTS)), end
    with TemporaryDirectory() as folder:
        lake = Lake(f"file://{folder}")
        try:
            export(lake, wire.url, 0.05 if end == "silence" else 30.0)
        except PipelineError:
            assert not (whole and sent.is_framed and end == "close")
            assert published_lines(lake, workspace(lake).partition) is None
        else:
            assert sent.is_framed
            assert published_lines(lake, workspace(lake).partition) == events


class Streaming(Mixpanel):
    """Mixpanel's lines as a stream that arrives in ``chunks``."""

    def __init__(self, chunks: Iterable[bytes], **headers: str) -> None:
        super().__init__()
        self.chunks, self.headers = chunks, headers

    @contextmanager
    def export(self, from_date: date, to_date: date, **options: Any) -> Iterator[Iterable[bytes]]:
        yield opened(self.chunks, **self.headers)


@settings(max_examples=60)
@given(DAYS, st.lists(CUTS, min_size=2, max_size=3), st.booleans())
def test_any_split_into_chunks_gives_the_same_file_and_the_same_manifest(
    events: list[bytes], ways: list[list[int]], zipped: bool
) -> None:
    body = b"".join(event + b"\n" for event in events)
    headers = {"Content_Encoding": "gzip"} if zipped else {}
    made = []
    for cuts in ways:
        chunks = pieces(gzip.compress(body, mtime=0) if zipped else body, cuts)
        with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
            patch.setattr("include.mixpanel.raw_file._BLOCK_BYTES", 64)
            lake = Lake(f"file://{folder}")
            manifest = export_partition(workspace(lake), SOURCE, Streaming(chunks, **headers))
            files = [Path(folder, file.key).read_bytes() for file in manifest.files]
            made.append((manifest, files))
    assert made.count(made[0]) == len(made)


@settings(max_examples=60)
@given(DAYS, st.lists(st.tuples(st.randoms(), st.booleans(), st.sampled_from(NEWLINES)), max_size=4))
def test_the_same_lines_in_another_order_or_form_are_the_same_export(
    events: list[bytes], ways: list[tuple[random.Random, bool, bytes]]
) -> None:
    """GzipWriter or not, with CRLF, blank lines, a byte order mark or no last newline."""
    with TemporaryDirectory() as folder:
        place = workspace(Lake(f"file://{folder}"))
        first = export_partition(place, SOURCE, Mixpanel(*events))
        for number, (dice, zipped, newline) in enumerate(ways):
            dice.shuffle(events)
            body = b"\xef\xbb\xbf" * dice.randint(0, 1) + newline.join(events)
            headers = {"Content_Encoding": "gzip"} if zipped else {}
            client = Streaming([gzip.compress(body) if zipped else body], **headers)
            assert export_partition(place, SOURCE, client, refresh=f"refresh {number}") == first
        more = export_partition(place, SOURCE, Mixpanel(*events, b"{}"), refresh="more")
        assert (more == first, more.rows) == (False, len(events) + 1)
