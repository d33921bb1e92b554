"""``/track``, ``/import``, ``/engage`` and ``/groups``, as Mixpanel's own SDKs call them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from mixpanel_aep_sandbox.core.exchange import exchange_of
from mixpanel_aep_sandbox.core.json_types import JsonObject
from mixpanel_aep_sandbox.core.state import SandboxState
from mixpanel_aep_sandbox.mixpanel.errors import MixpanelError
from mixpanel_aep_sandbox.mixpanel.ingestion.auth import import_project, project_of_token
from mixpanel_aep_sandbox.mixpanel.ingestion.models import Arrival, is_ignored, stored_row
from mixpanel_aep_sandbox.mixpanel.ingestion.payload import Payload, PayloadError, read_payload
from mixpanel_aep_sandbox.mixpanel.ingestion.profile_updates import update_fault
from mixpanel_aep_sandbox.mixpanel.ingestion.profile_writer import ProfileWriter
from mixpanel_aep_sandbox.mixpanel.ingestion.rate_limits import Rate
from mixpanel_aep_sandbox.mixpanel.ingestion.responses import (
    FailedRecord,
    error_response,
    import_response,
    short_response,
)
from mixpanel_aep_sandbox.mixpanel.ingestion.validation import ValidationFault, import_fault, track_fault
from mixpanel_aep_sandbox.mixpanel.models.event_rows import Row
from mixpanel_aep_sandbox.mixpanel.models.events import EventStore
from mixpanel_aep_sandbox.mixpanel.models.profiles import ProfileStore
from mixpanel_aep_sandbox.mixpanel.models.projects import Project, ProjectRegistry

_HOSTS = {"us": "api.mixpanel.com", "eu": "api-eu.mixpanel.com", "in": "api-in.mixpanel.com"}
_ANY_ORIGIN = {"access-control-allow-origin": "*"}
"""Browsers may send from any page, as to Mixpanel."""
Handler = Callable[[Request, Payload], Response]
Check = Callable[[object], ValidationFault | None]


class Ingestion:
    """The ingestion API of all projects."""

    def __init__(
        self, state: SandboxState, registry: ProjectRegistry, event_store: EventStore, profiles: ProfileStore
    ) -> None:
        self._state, self._registry, self._event_store = state, registry, event_store
        self._profiles = ProfileWriter(state, profiles)
        self.rate = Rate(state)

    def router(self) -> APIRouter:
        """Return the routes."""
        routes = APIRouter()
        both = ["GET", "POST"]
        for path, handler, methods in (
            ("/track", self._track, both),
            ("/engage", self._engage, both),
            ("/groups", self._groups, both),
            ("/import", self._import, ["POST"]),
        ):
            for each in (path, path + "/"):
                routes.add_route(each, _endpoint(path, handler), methods=methods)
                routes.add_route(each, _preflight, methods=["OPTIONS"], include_in_schema=False)
        return routes

    def _track(self, request: Request, payload: Payload) -> Response:
        now_ms = self._state.clock.milliseconds()
        good, failed = _without_ignored(payload.records, lambda record: track_fault(record, now_ms))
        by_token: dict[str, list[JsonObject]] = defaultdict(list)
        for record in good:
            by_token[record["properties"]["token"]].append(record)
        for token, records in by_token.items():
            # "This does not signify a valid project token": data with an unknown token are accepted and lost.
            if project := project_of_token(request, self._registry, token):
                self.rate.admit(project, len(records), _share(payload, records))
                self._keep(request, project, records, imported=False)
        return _answer(payload, len(good), failed, "insert_id")

    def _import(self, request: Request, payload: Payload) -> Response:
        try:
            project = import_project(request, self._registry, self._state.clock.now(), payload.params)
        except MixpanelError as refused:
            return error_response(refused.status, refused.error)
        self.rate.admit(project, len(payload.records), payload.size)
        now_ms = self._state.clock.milliseconds()
        good, failed = _without_ignored(payload.records, lambda record: import_fault(record, now_ms))
        self._keep(request, project, good, imported=True)
        if payload.in_data and "strict" not in payload.params:
            return _answer(payload, len(good), failed, "insert_id")
        strict = payload.params.get("strict", "1") != "0"
        return import_response(len(good), failed if strict else [], project.switches.failed_record_key)

    def _keep(
        self, request: Request, project: Project, records: Sequence[JsonObject], *, imported: bool
    ) -> None:
        arrival = Arrival(
            now_ms=self._state.clock.milliseconds(),
            endpoint=_host(request, project),
            address=request.client.host if request.client else "",
            imported=imported,
        )
        rows: list[Row] = [stored_row(project, each, arrival) for each in records if not is_ignored(each)]
        self._event_store.add(project.id, rows)
        notes = exchange_of(request.scope).notes
        notes["project"] = project.id
        notes["rows"] = notes.get("rows", 0) + len(rows)

    def _engage(self, request: Request, payload: Payload) -> Response:
        return self._update(request, payload, group=False)

    def _groups(self, request: Request, payload: Payload) -> Response:
        return self._update(request, payload, group=True)

    def _update(self, request: Request, payload: Payload, *, group: bool) -> Response:
        good, failed = _without_ignored(payload.records, lambda record: update_fault(record, group=group))
        by_token: dict[str, list[JsonObject]] = defaultdict(list)
        for record in good:
            by_token[str(record["$token"])].append(record)
        for token, records in by_token.items():
            if project := project_of_token(request, self._registry, token):
                self.rate.admit(project, len(records), _share(payload, records))
                self._profiles.update(project, records, group=group)
        return _answer(payload, len(good), failed, "insert_id")


def _endpoint(path: str, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            response = await run_in_threadpool(handler, request, await read_payload(request))
        except PayloadError as error:
            response = _refused(path, error)
        response.headers.update(_ANY_ORIGIN)
        return response

    return endpoint


async def _preflight(request: Request) -> Response:
    """Return the response to a browser's preflight request."""
    requested_headers = request.headers.get("access-control-request-headers", "*")
    allowed = {"access-control-allow-methods": "GET, POST", "access-control-allow-headers": requested_headers}
    return Response(status_code=204, headers={**_ANY_ORIGIN, **allowed})


def _refused(path: str, error: PayloadError) -> Response:
    """Return the error of an unreadable payload: like that of invalid data, except where all responses are JSON."""
    if error.status != 400 or (path == "/import" and not error.in_data):
        return error_response(error.status, error.error)
    return short_response(error.params, error.error)


def _without_ignored(records: Sequence[object], check: Check) -> tuple[list[JsonObject], list[FailedRecord]]:
    good: list[JsonObject] = []
    failed: list[FailedRecord] = []
    for index, record in enumerate(records):
        if fault := check(record):
            failed.append(FailedRecord(index, _insert_id(record), fault))
        elif isinstance(record, dict):  # as every valid record is
            good.append(record)
    return good, failed


def _insert_id(record: object) -> object:
    properties = record.get("properties") if isinstance(record, dict) else None
    value = properties.get("$insert_id", "") if isinstance(properties, dict) else ""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


def _answer(payload: Payload, good: int, failed: Sequence[FailedRecord], key: str) -> Response:
    """Return ``1`` if at least one object is valid; with ``strict``, the fault of each invalid object."""
    if payload.flag("strict"):
        return import_response(good, failed, key)
    error = failed[0].fault.message if failed and not good else None
    return short_response(payload.params, error)


def _share(payload: Payload, records: Sequence[object]) -> int:
    """Return the approximate number of bytes of these records."""
    return payload.size * len(records) // max(1, len(payload.records))


def _host(request: Request, project: Project) -> str:
    """Return the host of Mixpanel that was called, or the usual one of the project."""
    host = (request.headers.get("x-original-host") or request.headers.get("host", "")).split(":")[0].lower()
    return host if host.endswith("mixpanel.com") else _HOSTS[project.region]
