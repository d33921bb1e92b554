"""``GET /api/2.0/export``: exports the raw events of a project and a range of days as JSON Lines."""

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
from mixpanel_aep_sandbox.mixpanel.export.export_log import ExportLog, ExportRecording
from mixpanel_aep_sandbox.mixpanel.export.export_params import ExportParams, parse_export_params
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
    """The handler of the raw export. An export contains only events that were processed before the request arrived."""

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
        """Return the response with the exported events, or an error response."""
        now, params = self._state.clock.now(), merged_parameters(request.query_params)
        try:
            caller = authenticate(request, self._registry, now, "export")
            project = requested_project(request, caller, self._registry, params.text("project_id"))
        except MixpanelError as error:
            return error.response(request)
        exchange_of(request.scope).notes["project"] = project.id
        try:
            check_export_right(caller, project)
            export_params = parse_export_params(params, project, now)
            row_filter = _RowFilter(project, export_params, hidden_properties(caller, project))
            if "user" in params.text("where"):
                profiles = self._profiles.current_profiles(project, int(now.timestamp() * 1000))
                row_filter.users.update(profiles)
            return self._stream(request, row_filter, now)
        except MixpanelError as error:
            return error.response(request, project.switches.export_errors)

    def _stream(self, request: Request, row_filter: _RowFilter, now: datetime) -> Response:
        """Count the request against the rate limits, start its recording, and return the streamed response."""
        exchange = exchange_of(request.scope)
        project, export_params = row_filter.project, row_filter.export_params
        exchange.notes |= {"from_date": str(export_params.from_date), "to_date": str(export_params.to_date)}
        exchange.on_slot_free.append(self._limiter.enter("export", project.id, project.limits))
        recording = self._export_log.record(project.id, export_params, request.query_params)
        exchange.on_end.append(recording.end)
        exchange.notes["rows"] = 0
        lines = self._lines(row_filter, int(now.timestamp() * 1000))

        def count_lines() -> Iterator[bytes]:
            for line in lines:
                exchange.notes["rows"] += 1
                yield line + b"\n"

        return _response(
            count_lines(), recording, gzip=gzipped.accepts_gzip(request.headers.get("accept-encoding", ""))
        )

    def _lines(self, row_filter: _RowFilter, now_ms: int) -> Iterator[bytes]:
        """Return an iterator over the exported lines, without line ends.

        Args:
            row_filter: selects the rows, and changes their lines as the request requires.
            now_ms: the time of the request in epoch milliseconds; rows that become visible later are not exported.
        """
        export_params, project = row_filter.export_params, row_filter.project
        days = self._event_store.days_with_rows(project, export_params.from_date, export_params.to_date)
        # The days are not in chronological order, so that clients cannot rely on the last row being the newest.
        days.sort(key=lambda day: zlib.crc32(str(day).encode()))
        rows = chain.from_iterable(self._event_store.exported_rows(project, day, now_ms) for day in days)
        return (
            row_filter.line(row)
            for row in islice((row for row in rows if row_filter.matches(row)), export_params.limit)
        )


@dataclass(frozen=True)
class _RowFilter:
    """Selects the rows of a project that an export returns, and removes classified properties from them."""

    project: Project
    export_params: ExportParams
    hidden: frozenset[str]
    """Names of the classified properties that the caller must not see."""
    users: dict[str, Profile] = field(default_factory=dict)
    """User profiles by profile key, if ``where`` refers to them; otherwise empty."""

    def matches(self, row: Row) -> bool:
        if self.export_params.events is not None and row.event not in self.export_params.events:
            return False
        if self.export_params.where is None:
            return True
        event = parse_event(row.line)
        if event is None:
            return False
        if user := self.users.get(profile_key("", row.distinct_id)):
            event["user"] = user.properties
        return self.export_params.where(self._event_for_where(event))

    def line(self, row: Row) -> bytes:
        """Return the line of the row to export: ``time`` in milliseconds if requested, without hidden properties."""
        line = (
            _TIME.sub(b'"time":%d' % row.time_ms, row.line, count=1)
            if self.export_params.time_in_ms
            else row.line
        )
        return without_properties(line, self.hidden) if self.hidden else line

    def _event_for_where(self, event: JsonObject) -> JsonObject:
        """Change the times in a parsed event to the values on which Mixpanel evaluates ``where``, and return the event.

        The switches ``where_time`` and ``where_processing_ms`` of the project determine these values.
        """
        switches, properties = self.project.switches, event.get("properties")
        if not isinstance(properties, dict):
            return event
        if switches.where_time == "utc" and isinstance(properties.get("time"), int):
            properties["time"] = self.project.to_epoch_seconds(properties["time"])
        processed, exact = properties.get("mp_processing_time_ms"), switches.where_processing_ms
        if isinstance(processed, int):
            properties["mp_processing_time_ms"] = processed - processed % exact
        return event


def _response(lines: Iterator[bytes], recording: ExportRecording, *, gzip: bool) -> Response:
    """Return a streamed response without Content-Length, whose sent bytes are recorded.

    As documented, the response is compressed only if the client accepts ``gzip`` and the body is above 1400 bytes.
    """
    start, rest = _split_start(lines)
    if not start:
        return Response(b"", media_type=None, headers={"content-type": "text/plain"})
    body: Iterable[bytes] = _chunks(chain([start], rest))
    headers = {"content-type": "text/plain"}
    gzip = gzip and len(start) > gzipped.ABOVE_BYTES
    if gzip:
        headers["content-encoding"] = "gzip"
        body = gzipped.gzip_stream(body)
    return StreamingResponse(recording.tee(body, gzip=gzip), headers=headers)


def _split_start(lines: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """Read lines until their total size is above the size from which a response is compressed, or no lines are left.

    Returns:
        The lines that were read, joined, and an iterator over the remaining lines.
    """
    start = b""
    for line in lines:
        start += line
        if len(start) > gzipped.ABOVE_BYTES:
            break
    return start, lines


def _chunks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Join small pieces into chunks of at least 64 KiB; only the last chunk may be smaller."""
    buffer: list[bytes] = []
    size = 0
    for piece in pieces:
        buffer.append(piece)
        size += len(piece)
        if size >= _CHUNK_BYTES:
            yield b"".join(buffer)
            buffer, size = [], 0
    if buffer:
        yield b"".join(buffer)
