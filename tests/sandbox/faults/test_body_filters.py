"""A fault changes a body alike for any sizes of its pieces, and no body is held in memory as a whole."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixpanel_aep_sandbox.core.exchange import Exchange, attach
from mixpanel_aep_sandbox.core.store import Store
from mixpanel_aep_sandbox.faults.actions import Alter, Sentinel
from mixpanel_aep_sandbox.faults.body_filters import (
    AllButLastBytes,
    Filter,
    FirstBytes,
    FirstHalf,
    FirstLines,
    Gzip,
    SentinelLine,
)
from mixpanel_aep_sandbox.faults.middleware import FaultMiddleware
from mixpanel_aep_sandbox.faults.models import Fault, FaultPlan
from mixpanel_aep_sandbox.faults.upstream_response import apply_filter, peek

pytestmark = pytest.mark.sandbox

ROW = st.binary(max_size=12).map(lambda line: line.replace(b"\n", b"."))
BODY = st.lists(ROW, max_size=8).map(lambda rows: b"".join(row + b"\n" for row in rows))
CUTS = st.lists(st.integers(1, 7), max_size=40)


def pieces(body: bytes, cuts: list[int]) -> list[bytes]:
    found = []
    for size in cuts:
        found.append(body[:size])
        body = body[size:]
    return [piece for piece in [*found, body] if piece]


def passed(body: bytes, cuts: list[int], change: Filter) -> bytes:
    """Return the filtered body, read as the middleware reads it."""

    async def run() -> bytes:
        async def source() -> AsyncIterator[bytes]:
            for piece in pieces(body, cuts):
                yield piece

        return b"".join([piece async for piece in apply_filter(source(), change)])

    return asyncio.run(run())


@given(BODY, CUTS, st.integers(0, 60))
def test_a_truncated_body_is_a_prefix(body: bytes, cuts: list[int], count: int) -> None:
    assert passed(body, cuts, FirstBytes(count)) == body[:count]
    assert passed(body, cuts, AllButLastBytes(count)) == body[: max(0, len(body) - count)]
    assert passed(body, cuts, FirstLines(count)) == b"".join(body.splitlines(True)[:count]) or b"\r" in body
    assert passed(body, cuts, FirstHalf()) == body[: len(body) // 2]
    assert passed(body, cuts, FirstHalf(most=4)) == body[: min(len(body) // 2, 4)]


@given(BODY, CUTS, st.none() | st.integers(0, 9), st.booleans(), st.booleans())
def test_the_termination_line_is_at_its_planned_place(
    body: bytes, cuts: list[int], after: int | None, mid_line: bool, rest: bool
) -> None:
    action = Sentinel(text="!", after_lines=after, mid_line=mid_line, rest=rest)
    rows = body.split(b"\n")[:-1]
    count = len(rows) if after is None else min(after, len(rows))
    before, more = rows[:count], rows[count:] if rest else []
    if mid_line and before:
        before[-1] = before[-1][: len(before[-1]) // 2]
    expected = b"".join(row + b"\n" for row in [*before, b"!", *more])
    assert passed(body, cuts, action.filter()) == expected


@given(BODY, CUTS)
def test_odd_forms(body: bytes, cuts: list[int]) -> None:
    def form(how: Any) -> bytes:
        return passed(body, cuts, Alter(how=how).filter())

    assert form("bom") == b"\xef\xbb\xbf" + body
    assert form("crlf") == body.replace(b"\n", b"\r\n")
    assert form("blank_lines") == b"\n" + body.replace(b"\n", b"\n\n")
    assert form("no_final_newline") == body.removesuffix(b"\n")
    assert form("content_length") == form("close_delimited") == form("gzip_members") == body


@given(BODY, CUTS, st.integers(1, 4))
def test_gzip_in_one_stream_or_in_members(body: bytes, cuts: list[int], members: int) -> None:
    packed = passed(body, cuts, Gzip(members))
    assert gzip.decompress(packed) == body
    reader = zlib.decompressobj(wbits=31)
    reader.decompress(packed)
    assert reader.eof
    assert bool(reader.unused_data) is (
        members > 1 and len(body) > 1 and len(pieces(body, cuts)) + len(body) > 2
    )


@given(BODY, CUTS, st.integers(0, 40))
def test_only_the_beginning_is_inspected_and_nothing_is_lost(body: bytes, cuts: list[int], size: int) -> None:
    async def run() -> tuple[bytes, bytes]:
        async def source() -> AsyncIterator[bytes]:
            for piece in pieces(body, cuts):
                yield piece

        head, again = await peek(source(), size)
        return head, b"".join([piece async for piece in again])

    head, whole = asyncio.run(run())
    assert whole == body
    assert body.startswith(head)
    assert len(head) > size or head == body


@given(CUTS)
def test_a_missing_line_end_is_added(cuts: list[int]) -> None:
    assert passed(b"a\nb", cuts, SentinelLine(b"!", None, mid_line=False, rest=False)) == b"a\nb\n!"


class _Endless:
    """A service with a response of unlimited size that counts how much of it was requested."""

    PIECE = b"x" * 65_535 + b"\n"

    def __init__(self, count: int) -> None:
        self.count, self.made = count, 0

    async def __call__(self, scope: Any, receive: Any, send: Callable[[Any], Any]) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(self.count):
            self.made += 1
            await send({"type": "http.response.body", "body": self.PIECE, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


class _Connection:
    """A client that reads all it gets, and how far the service was ahead of it."""

    def __init__(self, service: _Endless) -> None:
        self.service, self.taken, self.ahead = service, 0, 0

    def write(self, data: bytes) -> None:
        self._take(data)

    async def send(self, message: Any) -> None:
        self._take(message.get("body", b""))
        await asyncio.sleep(0)

    def _take(self, data: bytes) -> None:
        self.taken += len(data)
        self.ahead = max(self.ahead, self.service.made - self.taken // len(_Endless.PIECE))

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        pass


@pytest.mark.parametrize(
    ("action", "all_of_it"),
    [
        ({"do": "cut", "after_bytes": 10_000_000}, False),
        ({"do": "cut", "after_lines": 100, "honest": True}, False),
        ({"do": "cut", "before_end_bytes": 8, "framing": "close"}, True),
        ({"do": "cut"}, False),
        ({"do": "hang", "after_bytes": 10_000_000, "seconds": 0.01}, False),
        ({"do": "drip", "bytes_at_a_time": 65_536, "every_seconds": 0.0001}, True),
        ({"do": "sentinel"}, True),
        ({"do": "sentinel", "after_lines": 100, "mid_line": True}, False),
        ({"do": "sentinel", "after_lines": 100, "rest": True}, True),
        *[
            ({"do": "alter", "how": how}, True)
            for how in ("bom", "crlf", "blank_lines", "no_final_newline", "invalid_utf8", "close_delimited")
        ],
    ],
)
def test_a_fault_streams(tmp_path: Path, action: dict[str, Any], all_of_it: bool) -> None:
    """The service is never more than a few pieces ahead, and stops when no more is needed."""
    service = _Endless(400)
    connection = _Connection(service)
    store = Store(tmp_path)
    plan = FaultPlan(store)
    plan.add(Fault.model_validate({"action": action}))
    scope: dict[str, Any] = {"type": "http", "headers": [], "sandbox.transport": connection}
    attach(scope, Exchange("GET", "/api/2.0/export", "", "mixpanel", 0))

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    asyncio.run(FaultMiddleware(service, plan)(scope, receive, connection.send))
    store.close()
    assert service.made == 400 if all_of_it else service.made < 200
    # `FirstHalf` needs two megabytes of look-ahead to know that the body is a large one.
    assert connection.ahead <= (40 if action == {"do": "cut"} else 8)


def test_an_error_of_the_service_is_passed_on(tmp_path: Path) -> None:
    async def broken(scope: Any, receive: Any, send: Callable[[Any], Any]) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x", "more_body": True})
        raise KeyError("mine")

    store = Store(tmp_path)
    plan = FaultPlan(store)
    plan.add(Fault.model_validate({"action": {"do": "cut", "before_end_bytes": 1}}))
    scope: dict[str, Any] = {"type": "http", "headers": [], "sandbox.transport": _Connection(_Endless(1))}
    attach(scope, Exchange("GET", "/x", "", "mixpanel", 0))
    with pytest.raises(KeyError, match="mine"):
        asyncio.run(FaultMiddleware(broken, plan)(scope, None, None))  # type: ignore[arg-type]
    store.close()
