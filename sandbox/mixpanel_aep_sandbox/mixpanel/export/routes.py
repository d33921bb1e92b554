"""``GET /api/2.0/export``: a project's raw events of some days, as JSON Lines."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain, islice

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from mixpanel_aep_sandbox.core import compression as gzipped
from mixpanel_aep_sandbox.core.exchange import exchange_of
from mixpanel_aep_sandbox.core.json_types import JsonObject
from mixpanel_aep_sandbox.core.state import SandboxState
from mixpanel_aep_sandbox.mixpanel.auth import (
    authenticate,
    check_export_right,
    hidden_properties,
    requested_project,
)
from mixpanel_aep_sandbox.mixpanel.errors import MixpanelError
from mixpanel_aep_sandbox.mixpanel.export import export_params as export_params_module
from mixpanel_aep_sandbox.mixpanel.export.export_log import ExportLog, ExportRecording
from mixpanel_aep_sandbox.mixpanel.export.export_params import ExportParams
from mixpanel_aep_sandbox.mixpanel.models.documents import profile_key
from mixpanel_aep_sandbox.mixpanel.models.event_rows import Row, parse_event, without_properties
from mixpanel_aep_sandbox.mixpanel.models.events import EventStore
from mixpanel_aep_sandbox.mixpanel.models.profiles import Profile, ProfileStore
from mixpanel_aep_sandbox.mixpanel.models.projects import Project, ProjectRegistry
from mixpanel_aep_sandbox.mixpanel.parameters import merged_parameters
from mixpanel_aep_sandbox.mixpanel.rate_limits import Limiter

_CHUNK_BYTES = 64 * 1024
_TIME = re.compile(rb'"time":-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?=[,}])')


class Export:
    """The endpoint. A request reads what was processed before it arrived, and nothing later."""

    def __init__(
        self,
        state: SandboxState,
        registry: ProjectRegistry,
        event_store: EventStore,
        profiles: ProfileStore,
        limiter: Limiter,
        export_log: ExportLog,
    ) -> None:
        self._state, self._registry, self._event_store, self._profiles = (
            state,
            registry,
            event_store,
            profiles,
        )
        self._limiter, self._export_log = limiter, export_log

    def __call__(self, request: Request) -> Response:
        """Return the export, or an error."""
        now, params = self._state.clock.now(), merged_parameters(request.query_params)
        try:
            caller = authenticate(request, self._registry, now, "export")
            project = requested_project(request, caller, self._registry, params.text("project_id"))
        except MixpanelError as refusal:
            return refusal.response(request)
        exchange_of(request.scope).notes["project"] = project.id
        try:
            check_export_right(caller, project)
            export_params = export_params_module.read(params, project, now)
            reading = _Reading(project, export_params, hidden_properties(caller, project))
            if "user" in params.text("where"):
                reading.users.update(self._profiles.of(project, int(now.timestamp() * 1000)))
            return self._answer(request, reading, now)
        except MixpanelError as refusal:
            return refusal.response(request, project.switches.export_errors)

    def _answer(self, request: Request, reading: _Reading, now: datetime) -> Response:
        exchange = exchange_of(request.scope)
        project, export_params = reading.project, reading.export_params
        exchange.notes |= {"from_date": str(export_params.from_date), "to_date": str(export_params.to_date)}
        exchange.on_slot_free.append(self._limiter.enter("export", project.id, project.limits))
        recording = self._export_log.record(project.id, export_params, request.query_params)
        exchange.on_end.append(recording.end)
        exchange.notes["rows"] = 0
        lines = self._lines(reading, int(now.timestamp() * 1000))

        def counted() -> Iterator[bytes]:
            for line in lines:
                exchange.notes["rows"] += 1
                yield line + b"\n"

        return _response(
            counted(), recording, gzip=gzipped.accepts_gzip(request.headers.get("accept-encoding", ""))
        )

    def _lines(self, reading: _Reading, now_ms: int) -> Iterator[bytes]:
        export_params = reading.export_params
        days = self._event_store.days(reading.project, export_params.from_date, export_params.to_date)
        # Rows of several days come mixed as well, so that clients cannot rely on the last row being the newest.
        days.sort(key=lambda day: zlib.crc32(str(day).encode()))
        rows = chain.from_iterable(self._event_store.day(reading.project, day, now_ms) for day in days)
        return (
            reading.line(row)
            for row in islice((row for row in rows if reading.wants(row)), export_params.limit)
        )


@dataclass(frozen=True)
class _Reading:
    """One export: which rows of a project it returns, and which of their properties."""

    project: Project
    export_params: ExportParams
    hidden: frozenset[str]
    """Classified properties that the caller must not see."""
    users: dict[str, Profile] = field(default_factory=dict)
    """The profiles, if ``where`` refers to them."""

    def wants(self, row: Row) -> bool:
        if self.export_params.events is not None and row.event not in self.export_params.events:
            return False
        if self.export_params.where is None:
            return True
        event = parse_event(row.line)
        if event is None:
            return False
        if user := self.users.get(profile_key("", row.distinct_id)):
            event["user"] = user.properties
        return self.export_params.where(self._as_filtered(event))

    def line(self, row: Row) -> bytes:
        line = (
            _TIME.sub(b'"time":%d' % row.time_ms, row.line, count=1)
            if self.export_params.time_in_ms
            else row.line
        )
        return without_properties(line, self.hidden) if self.hidden else line

    def _as_filtered(self, event: JsonObject) -> JsonObject:
        """Return the event in the form on which ``where`` is evaluated, by the project's switches."""
        switches, properties = self.project.switches, event.get("properties")
        if not isinstance(properties, dict):
            return event
        if switches.where_time == "utc" and isinstance(properties.get("time"), int):
            properties["time"] = self.project.instant(properties["time"])
        processed, exact = properties.get("mp_processing_time_ms"), switches.where_processing_ms
        if isinstance(processed, int):
            properties["mp_processing_time_ms"] = processed - processed % exact
        return event


def _response(lines: Iterator[bytes], recording: ExportRecording, *, gzip: bool) -> Response:
    """Return a streamed response without a length.

    Compressed only if accepted and larger than 1400 bytes (documented).
    """
    head, rest = _head(lines)
    if not head:
        return Response(b"", media_type=None, headers={"content-type": "text/plain"})
    body: Iterable[bytes] = _chunks(chain([head], rest))
    headers = {"content-type": "text/plain"}
    gzip = gzip and len(head) > gzipped.ABOVE_BYTES
    if gzip:
        headers["content-encoding"] = "gzip"
        body = gzipped.gzip_stream(body)
    return StreamingResponse(recording.tee(body, gzip=gzip), headers=headers)


def _head(lines: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """Return enough of the body to know whether it exceeds the limit of compression, and all lines again."""
    head = b""
    for line in lines:
        head += line
        if len(head) > gzipped.ABOVE_BYTES:
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
