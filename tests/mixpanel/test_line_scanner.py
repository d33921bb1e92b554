"""Scanning lines in blocks has the same result as scanning them individually, for any input in any pieces."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.errors import ExportTerminatedEarly, ExportTooLarge, PipelineError
from include.mixpanel.byte_places import sparse_flatnonzero
from include.mixpanel.line_scanner import LineScanner
from tests.support.export_streams import EVENTS, pieces

pytestmark = pytest.mark.unit

ROW = b'{"event":"A","properties":{"time":1782907203,"distinct_id":"u"}}'
EARLY = b'{"event":"A","properties":{"text":"%s"}}'
ODD = (
    b"", b" ", b"\xef\xbb\xbf", b"\r", b"99", b"{}", b"null", b'{"event":', b'{"event":}', b'{"event":"properties"}', b'"properties"}',
    b'{"event":"properties","x":"properties"}', b'{"event":"export terminated early","x":"properties"}', b'{"event":"A","properties":{}', b'{"event":"A","properties":{"x":early}}',
    b'{"event": "A", "properties": {}}', b'{"properties":{},"event":"A"}', b"\xef\xbb\xbf" + ROW, ROW + b"\r", ROW + b" ", b" " + ROW,
    ROW + b"\r\r", *(EARLY % word for word in (b"early", b"EARLY", b"eArLy", b"yearly", b"lyly", b"earl", b"early %", b"early 1")),
    *(EARLY % (text.encode() * count) for text in ("\u6771", "early\u6771", "\xe9") for count in (1, 7, 60)),
    *(b'{"event":"B","properties":{"time":1terminated early' + "\u6771".encode() * count + b'"}' for count in (0, 1, 7, 60)),
    b'{"event":"B","properties":{"time":17829terminated early}', b'{"event":"B","properties":{"time":1{"status":"terminated early"}',
    b'{"event":"export terminated early"}', b"terminated early", b"export terminated early\r", b"<html>", b'{"error":"x"}', b"Api error: x",
    b'{"event":"no members beyond the name","x":1}', b'{"event":"A","properties":{"x":1,"y":"broken off",',
    b'{"other":"A","properties":{"x":1}}', b'{"event" :"A","properties":{"x":1}}', b'{"event";"A","properties":{"x":1}}',
    b'{"event":"A","properties":{"x":"\xff"}}', b'{"event":"A","properties":{"d":%s%s}}' % (b'{"a":[' * 2000, b"]}" * 2000),
)  # fmt: skip
ONE_LINE = st.sampled_from([ROW] * 40 + list(ODD)) | st.binary(max_size=30) | EVENTS.map(b"\n".join)
LINES = st.lists(ONE_LINE, max_size=40) | st.lists(
    st.sampled_from([ROW, ROW + b"\r", ODD[0], ODD[4]]), max_size=60
)


def verdict(body: list[bytes], take: Callable[[LineScanner, bytes], object]) -> tuple[object, ...]:
    """Return an export's counts, and the error with its place in the stream."""
    scan = LineScanner()
    number = 0
    try:
        for number, piece in enumerate(body):  # noqa: B007 - where it fails is part of the verdict
            take(scan, piece)
        for _ in scan.last_line():
            pass
        scan.finish()
    except PipelineError as error:
        return scan.rows, scan.not_events, number, type(error), str(error)
    return scan.rows, scan.not_events, number, None, ""


def line_by_line(scan: LineScanner, piece: bytes) -> None:
    for _ in scan.lines(piece):
        pass


@settings(max_examples=600)
@given(LINES, st.lists(st.integers(0, 100_000), max_size=5), st.booleans())
def test_blocks_and_single_lines_give_the_same_verdict(
    lines: list[bytes], cuts: list[int], newline: bool
) -> None:
    body = pieces(b"\n".join(lines) + (b"\n" if newline else b""), cuts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("include.mixpanel.export_guard._MOST_BLANK", 3)
        patch.setattr("include.mixpanel.export_guard._MOST_OTHERS", 3)
        assert verdict(body, LineScanner.scan) == verdict(body, line_by_line)


@pytest.mark.parametrize("odd", ODD)
def test_an_unusual_line_is_detected_anywhere_in_a_block(odd: bytes) -> None:
    for place in range(6):
        lines = [ROW] * 5
        lines.insert(place, odd)
        body = [b"\n".join([*lines, ROW, b""])]
        assert verdict(body, LineScanner.scan) == verdict(body, line_by_line), place


@given(st.lists(st.integers(0, 700), max_size=12), st.integers(0, 700))
def test_positions_equal_those_of_flatnonzero(true: list[int], size: int) -> None:
    found = np.zeros(size, bool)
    found[[place for place in true if place < size]] = True
    assert sparse_flatnonzero(found).tolist() == np.flatnonzero(found).tolist()


def test_a_termination_line_at_the_end_of_a_large_block_is_detected() -> None:
    scan = LineScanner()
    with pytest.raises(ExportTerminatedEarly):
        scan.scan(
            (ROW + b"\n") * 5000 + b'{"event":"B","properties":{"time":1{"status":"terminated early"}\n'
        )


def test_a_block_of_newlines_needs_little_memory() -> None:
    tracemalloc.start()
    try:
        with pytest.raises(ExportTooLarge):
            LineScanner().scan(ROW + b"\n" * 2**20)
        assert tracemalloc.get_traced_memory()[1] < 150 * 2**20
    finally:
        tracemalloc.stop()


def test_ordinary_lines_are_not_scanned_individually() -> None:
    """It takes about a third of the time, on a busy machine two thirds."""
    block = (ROW.replace(b'"u"', b'"%s"' % (b"u" * 650)) + b"\n") * 300
    seconds = []
    for take in (LineScanner.scan, line_by_line):
        scan = LineScanner()
        began = time.process_time()
        for _ in range(150):
            take(scan, block)
        seconds.append(time.process_time() - began)
        assert scan.rows == 45_000
    assert seconds[0] < seconds[1] / 1.5
