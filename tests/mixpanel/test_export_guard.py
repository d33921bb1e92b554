"""Promise 1, complete: a partial export never passes as complete, and no line is split, joined or changed."""

from __future__ import annotations

import gzip
import io
import time
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from include.errors import (
    ExportTerminatedEarly,
    ExportTooLarge,
    NotAnExport,
    PipelineError,
    TruncatedExport,
)
from include.http.line_splitter import LineSplitter
from include.mixpanel.gunzip_stream import GunzipStream
from tests.support.export_streams import EVENTS, opened, pieces

pytestmark = pytest.mark.unit

ROW = b'{"event":"A","properties":{"time":1782907203,"distinct_id":"u"}}'
HOSTILE = (
    '{"event":"weird \u2028 name","properties":{"time":1,"msg":"Sing\u008599\u0085Luft",'
    '"msg2":"terminated early\\n{\\"event\\":\\"fake\\"}","title":"\ufeffA\u2028B\u2029\u000b"}}'
).encode()


@given(st.binary(), st.lists(st.integers(0, 10_000)))
def test_any_split_into_chunks_gives_the_same_lines(data: bytes, cuts: list[int]) -> None:
    splitter = LineSplitter()
    lines = [line for piece in pieces(data, cuts) for line in splitter.feed(piece)]
    assert [*lines, splitter.finish()] == data.split(b"\n")


def test_only_the_newline_byte_splits_lines() -> None:
    data = "a\u0085b\u2028c\u2029d\x0be\x0cf\x1cg\rh".encode()
    assert list(LineSplitter().feed(data + b"\n")) == [data]


def test_a_line_without_end_does_not_exhaust_memory() -> None:
    splitter = LineSplitter(longest_line_bytes=10)
    assert list(splitter.feed(b"0123456789\n01234")) == [b"0123456789"]
    with pytest.raises(ExportTooLarge, match="longer than 10 bytes"):
        list(splitter.feed(b"567890"))
    with pytest.raises(ExportTooLarge):
        LineSplitter(longest_line_bytes=10).feed(b"a\n0123456789a\nb")


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=4), st.lists(st.integers(0, 10_000)))
def test_gzip_with_several_members_in_any_pieces(members: list[bytes], cuts: list[int]) -> None:
    gunzip = GunzipStream()
    data = b"".join(gzip.compress(member) for member in members)
    assert b"".join(p for piece in pieces(data, cuts) for p in gunzip.feed(piece)) == b"".join(members)
    assert gunzip.finished


@given(st.binary(max_size=300), st.data())
def test_a_gzip_truncated_anywhere_is_incomplete(content: bytes, draw: st.DataObject) -> None:
    data = gzip.compress(content)
    gunzip = GunzipStream()
    for _ in gunzip.feed(data[: draw.draw(st.integers(0, len(data) - 1))]):
        pass
    assert not gunzip.finished


def test_zeros_after_the_last_member_are_padding_and_other_bytes_are_damage() -> None:
    padded = GunzipStream()
    assert b"".join(padded.feed(gzip.compress(b"x") + b"\0" * 512)) == b"x"
    assert padded.finished
    with pytest.raises(TruncatedExport, match="damaged"):
        list(GunzipStream().feed(gzip.compress(b"x") + b"garbage"))


def test_flipped_bits_are_damage() -> None:
    data = bytearray(gzip.compress(ROW * 50))
    data[-6] ^= 1  # In the checksum.
    with pytest.raises(TruncatedExport, match="damaged"):
        list(GunzipStream().feed(bytes(data)))


def test_a_gzip_bomb_is_refused_in_bounded_memory() -> None:
    bomb = gzip.compress(b"\0" * 20_000_000)
    gunzip = GunzipStream(bomb_bytes=4_000_000, bomb_ratio=100)
    sizes: list[int] = []
    with pytest.raises(ExportTooLarge, match="100 times"):
        sizes.extend(len(piece) for piece in gunzip.feed(bomb))
    assert max(sizes) <= 1024 * 1024
    assert sum(sizes) <= 4_000_000
    assert len(b"".join(GunzipStream().feed(gzip.compress(b"\0" * 20_000_000)))) == 20_000_000


@pytest.mark.parametrize("blank", [b"\n", b"\r\n", b" \n"])
@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("saved", [True, False])
def test_a_bomb_of_blank_lines_is_refused_in_seconds(
    tmp_path: Path, blank: bytes, zipped: bool, saved: bool
) -> None:
    """A gigabyte of newlines is a megabyte of gzip; everything after the first thousands stays compressed."""
    body = ROW + b"\n" + blank * 50_000_000
    wire = gzip.compress(body, 1) if zipped else body
    headers: dict[str, Any] = {"Content_Encoding": "gzip"} if zipped else {}
    began = time.process_time()
    with pytest.raises(ExportTooLarge, match="blank lines"):
        stream = opened((wire[at : at + 65536] for at in range(0, len(wire), 65536)), **headers)
        list([stream.save(tmp_path / "events.gz")] if saved else stream)
    assert time.process_time() - began < 3


def test_a_blank_line_after_every_event_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("include.mixpanel.export_guard._MOST_BLANK", 2)
    assert len(list(opened([(ROW + b"\n\n") * 20]))) == 20


@given(EVENTS, st.lists(st.integers(0, 10_000)), st.booleans())
def test_a_complete_export_is_unchanged(events: list[bytes], cuts: list[int], zipped: bool) -> None:
    body = b"\n".join(events) + b"\n"
    wire = gzip.compress(body) if zipped else body
    headers: dict[str, Any] = {"Content_Encoding": "gzip"} if zipped else {}
    stream = opened(pieces(wire, cuts), Content_Length=str(len(wire)), **headers)
    assert list(stream) == events
    assert stream.is_complete
    assert stream.bytes_received == len(wire)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(EVENTS, st.data(), st.booleans())
def test_bytes_truncated_anywhere_are_never_complete(
    events: list[bytes], draw: st.DataObject, zipped: bool
) -> None:
    body = b"\n".join(events) + b"\n"
    wire = gzip.compress(body) if zipped else body
    cut = wire[: draw.draw(st.integers(0, len(wire) - 1))]
    headers: dict[str, Any] = {"Content_Encoding": "gzip"} if zipped else {}
    announced = opened([cut], Content_Length=str(len(wire)), **headers)
    unframed = opened([cut], is_framed=False, **headers)
    for stream in (announced, unframed):
        with pytest.raises((TruncatedExport, NotAnExport)):
            list(stream)
        assert not stream.is_complete


@given(EVENTS, st.data())
def test_a_truncated_last_line_is_detected_although_the_length_matches(
    events: list[bytes], draw: st.DataObject
) -> None:
    body = b"\n".join(events)
    cut = body[: -draw.draw(st.integers(1, len(events[-1]) - 1))]
    with pytest.raises((TruncatedExport, NotAnExport)):
        list(opened([cut], Content_Length=str(len(cut))))


def test_a_gzip_truncated_before_it_was_measured_is_detected() -> None:
    cut = gzip.compress(b"\n".join([ROW] * 400) + b"\n")[:-9]
    with pytest.raises(TruncatedExport, match="its gzip data is incomplete"):
        list(opened([cut], Content_Length=str(len(cut)), Content_Encoding="gzip"))


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content_Length": ""},
        {"Content_Length": "many"},
        {"Content_Length": "-65"},
        {"Content_Length": "²"},
        {"Content_Length": "65, 66"},
        {"Content_Length": "65", "Transfer_Encoding": "identity"},
        {"Transfer_Encoding": "gzip, chunked"},
    ],
)
def test_a_response_without_a_declared_end_is_never_complete(headers: dict[str, str]) -> None:
    """Not even at the end of its gzip: the first of several members ends like that too."""
    for wire, more in ((ROW + b"\n", {}), (gzip.compress(ROW + b"\n"), {"Content_Encoding": "gzip"})):
        with pytest.raises(TruncatedExport, match="does not state its length"):
            list(opened([wire], is_framed=False, **headers, **more))


def test_a_repeated_content_length_is_one_length() -> None:
    assert list(opened([ROW], Content_Length=f"{len(ROW)}, {len(ROW)}")) == [ROW]


@pytest.mark.parametrize("status", [201, 202, 203, 204, 206, 226])
def test_only_status_200_is_a_complete_export(status: int) -> None:
    with pytest.raises(NotAnExport, match=f"HTTP {status}"):
        list(opened([ROW + b"\n"], status=status))


def test_an_empty_response_is_an_empty_day_if_declared() -> None:
    plain: dict[str, Any] = {"Content_Length": "0"}
    for headers in (plain, plain | {"Content_Encoding": "gzip"}):
        stream = opened([], **headers)
        assert list(stream) == []
        assert stream.is_complete
    with pytest.raises(TruncatedExport, match="does not state its length"):
        list(opened([], is_framed=False))


def test_blank_lines_crlf_and_a_byte_order_mark_are_not_events() -> None:
    body = b"\xef\xbb\xbf\n" + b"\xef\xbb\xbf" + ROW + b"\r\n\r\n \n" + HOSTILE + b"\n" + ROW
    stream = opened([body])
    assert list(stream) == [ROW, HOSTILE, ROW]
    assert stream.lines == 3


SENTINELS = (
    b"terminated early",
    b"export terminated early",
    b"[terminated early]",
    b'["terminated early"]',
    b'"terminated early"',
    b"Terminated Early",
    b"EXPORT TERMINATED EARLY",
    b"terminated early.\r",
    b"terminated early: timeout",
    b"EXPORT_TERMINATED_EARLY",
    b"exportTerminatedEarly",
    b"export-terminated-early (code 7)",
    b"The export was terminated too early",
    b"export ended early",
    b"early termination of the export",
    b'{"status":"terminated early"}',
    b'{"event":"export terminated early"}',
    b'{"error":{"reason":"terminated\\u0020early"}}',
    b'["export terminated early"]',
    b"<p>export terminated&nbsp;early</p>",
    b"<html><body>Export terminated early</body></html>",
    b"  <!-- terminated early -->",
)


@pytest.mark.parametrize("sentinel", SENTINELS)
@pytest.mark.parametrize("place", ["last", "last without newline", "middle", "only"])
def test_mixpanels_termination_line_is_detected_in_every_spelling(sentinel: bytes, place: str) -> None:
    body = {
        "last": ROW + b"\n" + sentinel + b"\n",
        "last without newline": ROW + b"\n" + sentinel,
        "middle": ROW + b"\n" + sentinel + b"\n" + ROW + b"\n",
        "only": sentinel,
    }[place]
    stream = opened([body])
    with pytest.raises(ExportTerminatedEarly, match="terminated this export"):
        list(stream)
    assert not stream.is_complete


@pytest.mark.parametrize(
    "sentinel",
    [
        b"terminated early",
        b"terminated early: timeout",
        b"EXPORT_TERMINATED_EARLY",
        b'["terminated early"]',
        b'{"status":"terminated early"}',
        b"<html>export terminated early</html>",
    ],
)
def test_a_termination_line_joined_to_half_an_event_is_detected(sentinel: bytes) -> None:
    with pytest.raises(ExportTerminatedEarly):
        list(opened([ROW + b'\n{"event":"B","properties":{"time":17829' + sentinel + b"\n" + ROW]))


@pytest.mark.parametrize(
    "line",
    [
        HOSTILE,
        b'{"event":"terminated early","properties":{}}',
        b'{"properties":{"a":"terminated early"},"event":"terminated early"}',
        b'{"event":"error","properties":{"error":"Api error: terminated early"}}',
        b'{"properties":{},"error":"x","event":"B"}',
    ],
)
def test_an_event_may_contain_any_text(line: bytes) -> None:
    assert list(opened([line + b"\n" + ROW + b"\n" + line])) == [line, ROW, line]


@pytest.mark.parametrize(
    "line",
    [
        b'{"note":"will be terminated"}',
        b'{"properties":{"note":"terminated early"}}',
        b"99",
        b"[1,2]",
        b"null",
        b"{}",
        b'{"event":"A"',
        b"\xff\xfe",
        b'{"event":',
        b"plain words",
    ],
)
def test_an_invalid_line_in_the_middle_goes_to_quarantine(line: bytes) -> None:
    assert list(opened([ROW + b"\n" + line + b"\n" + ROW])) == [ROW, line, ROW]


@pytest.mark.parametrize(
    "line",
    [
        b'{"event":"A","properties":{"n":NaN,"i":-Infinity,"x":1e400}}',
        b'{"event":"A","properties":{"n":%s}}' % (b"9" * 6000),
        b'{"event":"A","properties":{"s":"\\ud800"}}',
        b'{"event":"A","properties":{"s":"\xff"}}',
        b'{"event":"A","properties":[]}',
        b'{"event":"A","properties":{"d":%s%s}}' % (b'{"a":[' * 5000, b"]}" * 5000),
    ],
)
def test_a_last_line_with_unusable_values_is_complete(line: bytes) -> None:
    assert list(opened([ROW + b"\n" + line])) == [ROW, line]


@pytest.mark.parametrize(
    "line",
    [
        b"9",
        b"{}",
        b'{"event":"A"}',
        b'{"event":"A","properties":{}} x',
        b'{"event":"A","properties":{"d":%s' % (b'{"a":[' * 5000),
        b'{"event":"A","properties":{"d":%s"%s}}' % (b'{"a":[' * 5000, b"]}" * 5000),
    ],
)
def test_an_invalid_last_line_does_not_prove_the_end(line: bytes) -> None:
    with pytest.raises(TruncatedExport, match="not a complete event"):
        list(opened([ROW + b"\n" + line + b"\n"]))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"<!DOCTYPE html>\n<h1>Bad gateway</h1>", "a web page"),
        (b"\xef\xbb\xbf  <html></html>\n" + ROW, "a web page"),
        (b'{"error": "too many"}', "an error message"),
        (ROW + b'\n{"request":"/x","error":"broken"}\n' + ROW, "an error message"),
        (ROW + b"\nApi error: broken\n", "an error message"),
        (ROW + b"\n<h1>502 Bad Gateway</h1>\n" + ROW, "a web page"),
        (ROW + b"\n <!DOCTYPE html>\n" + ROW, "a web page"),
        (ROW + b"\n" + b"0\n" * 20_000, "is not a list of events"),
        (b"unknown error", "is not a list of events"),
    ],
)
def test_a_200_with_another_body_is_not_an_export(body: bytes, words: str) -> None:
    with pytest.raises(NotAnExport, match=words):
        list(opened([body]))


@pytest.mark.parametrize(
    "answer",
    [
        "<p>canary</p>",
        '[{"event":"A","properties":{"$email":"canary"}}]',
        '{"error":"canary"}',
        "Api error: canary",
    ],
)
def test_the_body_of_such_a_response_is_not_shown(answer: str) -> None:
    """It may contain the events in another form, or our own credentials."""
    with pytest.raises(NotAnExport) as caught:
        list(opened([answer.encode()]))
    assert "canary" not in str(caught.value)
    assert "login page" in caught.value.hint


def test_an_encoding_that_was_not_requested_is_refused() -> None:
    with pytest.raises(NotAnExport, match="Content-Encoding"):
        list(opened([b"x"], Content_Encoding="br"))
    with pytest.raises(TruncatedExport, match="damaged"):
        list(opened([ROW], Content_Encoding="gzip"))


def test_the_public_samples_are_unchanged(sample_lines: bytes) -> None:
    buffer = io.BytesIO(gzip.compress(sample_lines))
    chunks = iter(lambda: buffer.read(7), b"")
    assert list(opened(chunks, Content_Encoding="gzip")) == sample_lines.rstrip(b"\n").split(b"\n")


@pytest.fixture
def sample_lines() -> bytes:
    """Generate lines in the form of real exports, with every separator of Unicode."""
    return b"\n".join([ROW, HOSTILE, ROW.replace(b'"u"', '"Ålesund “Mørk” ☕"'.encode())]) + b"\n"


def test_every_error_of_the_stream_has_a_name_and_a_remedy() -> None:
    for body in (b"terminated early", b"<html>", ROW[:-3], b"{}"):
        with pytest.raises(PipelineError) as caught:
            list(opened([body]))
        assert caught.value.sentence.endswith(".")
        assert caught.value.hint


def test_raw_deflate_is_not_gzip() -> None:
    with pytest.raises(TruncatedExport):
        list(opened([zlib.compress(ROW)], Content_Encoding="gzip"))
