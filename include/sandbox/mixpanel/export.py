"""``GET /api/2.0/export``: a project's raw events of some days, as JSON Lines."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from itertools import chain, islice

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from include.sandbox.exchange import exchange_of
from include.sandbox.mixpanel import asked as asked_module
from include.sandbox.mixpanel.asked import Asked
from include.sandbox.mixpanel.auth import authenticate, authorize_export
from include.sandbox.mixpanel.events import EventBook
from include.sandbox.mixpanel.limits import Limiter
from include.sandbox.mixpanel.lines import Row
from include.sandbox.mixpanel.projects import Project, Registry
from include.sandbox.mixpanel.refusal import Refusal
from include.sandbox.mixpanel.returned import Recording, Returned
from include.sandbox.world import World

_GZIP_ABOVE_BYTES = 1400
_CHUNK_BYTES = 64 * 1024
_EPOCH = date(1970, 1, 1)
_REFUSED = re.compile(r"q\s*=\s*0(\.0*)?")
_TIME = re.compile(rb'"time":(-?\d+)(?=[,}])')


class Export:
    """The endpoint. One request reads what was processed before it came in, and nothing later."""

    def __init__(
        self, world: World, registry: Registry, book: EventBook, limiter: Limiter, returned: Returned
    ) -> None:
        self._world, self._registry, self._book = world, registry, book
        self._limiter, self._returned = limiter, returned

    def __call__(self, request: Request) -> Response:
        try:
            return self._answer(request)
        except Refusal as refusal:
            return refusal.response(request)

    def _answer(self, request: Request) -> Response:
        exchange = exchange_of(request.scope)
        now = self._world.clock.now()
        caller = authenticate(request, self._registry, now)
        project = authorize_export(request, caller, self._registry)
        exchange.notes["project"] = project.id
        wanted = asked_module.read(request, project, now)
        exchange.notes |= {"from_date": str(wanted.from_date), "to_date": str(wanted.to_date)}
        exchange.on_end.append(self._limiter.enter(project))
        recording = self._returned.record(project.id, wanted, request.query_params)
        exchange.on_end.append(recording.end)
        exchange.notes["rows"] = 0
        lines = self._lines(project, wanted, int(now.timestamp() * 1000))

        def counted() -> Iterator[bytes]:
            for line in lines:
                exchange.notes["rows"] += 1
                yield line + b"\n"

        return _response(counted(), recording, gzip=_asks_for_gzip(request))

    def _lines(self, project: Project, wanted: Asked, now_ms: int) -> Iterator[bytes]:
        days = [wanted.from_date + timedelta(n) for n in range((wanted.to_date - wanted.from_date).days + 1)]
        # Several days come mixed up too: nobody may take the last row for the newest.
        days.sort(key=lambda day: zlib.crc32(day.isoformat().encode()))
        rows = chain.from_iterable(self._book.day(project, (day - _EPOCH).days, now_ms) for day in days)
        return (
            _in_milliseconds(row) if wanted.time_in_ms else row.line
            for row in islice((row for row in rows if _is_wanted(row, wanted)), wanted.limit)
        )


def _asks_for_gzip(request: Request) -> bool:
    """``gzip;q=0`` says the contrary (RFC 9110, 12.5.3)."""
    for coding in request.headers.get("accept-encoding", "").lower().split(","):
        name, _, weight = coding.partition(";")
        if name.strip() == "gzip":
            return _REFUSED.fullmatch(weight.strip()) is None
    return False


def _is_wanted(row: Row, wanted: Asked) -> bool:
    if wanted.events is not None and row.event not in wanted.events:
        return False
    if wanted.where is None:
        return True
    try:
        event = json.loads(row.line)
    except ValueError:
        return False
    return isinstance(event, dict) and wanted.where(event)


def _in_milliseconds(row: Row) -> bytes:
    return _TIME.sub(b'"time":%d' % row.time_ms, row.line, count=1)


def _response(lines: Iterator[bytes], recording: Recording, *, gzip: bool) -> Response:
    """Streamed without a length; compressed only when asked for and larger than 1400 bytes (documented)."""
    head, rest = _head(lines)
    if not head:
        return Response(b"", media_type=None, headers={"content-type": "text/plain"})
    body: Iterable[bytes] = _chunks(chain([head], rest))
    headers = {"content-type": "text/plain"}
    gzip = gzip and len(head) > _GZIP_ABOVE_BYTES
    if gzip:
        headers["content-encoding"] = "gzip"
        body = _compressed(body)
    return StreamingResponse(recording.tee(body, gzip=gzip), headers=headers)


def _head(lines: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """Enough of the body to know whether it is larger than the limit of compression."""
    head = b""
    for line in lines:
        head += line
        if len(head) > _GZIP_ABOVE_BYTES:
            break
    return head, lines


def _chunks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    held: list[bytes] = []
    size = 0
    for piece in pieces:
        held.append(piece)
        size += len(piece)
        if size >= _CHUNK_BYTES:
            yield b"".join(held)
            held, size = [], 0
    if held:
        yield b"".join(held)


def _compressed(pieces: Iterable[bytes]) -> Iterator[bytes]:
    packer = zlib.compressobj(level=4, wbits=31)
    for piece in pieces:
        packed = packer.compress(piece)
        if packed:
            yield packed
    yield packer.flush()
