"""Routes of the ingestion API: ``/track``, ``/import``, ``/engage`` and ``/groups``, which Mixpanel's SDKs call."""

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
from mixpanel_aep_sandbox.mixpanel.ingestion.auth import authorize_import, find_project_by_token
from mixpanel_aep_sandbox.mixpanel.ingestion.models import Arrival, is_ignored, make_row
from mixpanel_aep_sandbox.mixpanel.ingestion.payload import Payload, PayloadError, read_payload
from mixpanel_aep_sandbox.mixpanel.ingestion.profile_updates import update_fault
from mixpanel_aep_sandbox.mixpanel.ingestion.profile_writer import ProfileWriter
from mixpanel_aep_sandbox.mixpanel.ingestion.rate_limits import IngestionLimiter
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
"""Header that lets web pages of any origin send events, as Mixpanel does."""
Handler = Callable[[Request, Payload], Response]
Validate = Callable[[object], ValidationFault | None]


class Ingestion:
    """Handlers that receive events and profile updates, and store each in the project of its token or credentials."""

    def __init__(
        self, state: SandboxState, registry: ProjectRegistry, event_store: EventStore, profiles: ProfileStore
    ) -> None:
        self._state, self._registry, self._event_store = state, registry, event_store
        self._profiles = ProfileWriter(state, profiles)
        self.limiter = IngestionLimiter(state)

    def router(self) -> APIRouter:
        """Return a router with the routes of the ingestion API, including OPTIONS for preflight requests."""
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
        """Store tracked events, each in the project of its token."""
        now_ms = self._state.clock.milliseconds()
        valid, failed = _validate_records(payload.records, lambda record: track_fault(record, now_ms))
        by_token: dict[str, list[JsonObject]] = defaultdict(list)
        for record in valid:
            by_token[record["properties"]["token"]].append(record)
        for token, records in by_token.items():
            # A success "does not signify a valid project token": events with an unknown token are not stored.
            if project := find_project_by_token(request, self._registry, token):
                self.limiter.admit(project, len(records), _share_of_bytes(payload, records))
                self._store_events(request, project, records, imported=False)
        return _respond(payload, len(valid), failed, "insert_id")

    def _import(self, request: Request, payload: Payload) -> Response:
        """Store imported events in the project of the credentials."""
        try:
            project = authorize_import(request, self._registry, self._state.clock.now(), payload.params)
        except MixpanelError as error:
            return error_response(error.status, error.error)
        self.limiter.admit(project, len(payload.records), payload.size)
        now_ms = self._state.clock.milliseconds()
        valid, failed = _validate_records(payload.records, lambda record: import_fault(record, now_ms))
        self._store_events(request, project, valid, imported=True)
        if payload.has_data_parameter and "strict" not in payload.params:
            return _respond(payload, len(valid), failed, "insert_id")
        strict = payload.params.get("strict", "1") != "0"
        return import_response(len(valid), failed if strict else [], project.switches.failed_record_key)

    def _store_events(
        self, request: Request, project: Project, records: Sequence[JsonObject], *, imported: bool
    ) -> None:
        arrival = Arrival(
            now_ms=self._state.clock.milliseconds(),
            endpoint=_host(request, project),
            address=request.client.host if request.client else "",
            imported=imported,
        )
        rows: list[Row] = [make_row(project, each, arrival) for each in records if not is_ignored(each)]
        self._event_store.add(project.id, rows)
        notes = exchange_of(request.scope).notes
        notes["project"] = project.id
        notes["rows"] = notes.get("rows", 0) + len(rows)

    def _engage(self, request: Request, payload: Payload) -> Response:
        return self._update(request, payload, group=False)

    def _groups(self, request: Request, payload: Payload) -> Response:
        return self._update(request, payload, group=True)

    def _update(self, request: Request, payload: Payload, *, group: bool) -> Response:
        """Apply updates of user or group profiles, each in the project of its token."""
        valid, failed = _validate_records(payload.records, lambda record: update_fault(record, group=group))
        by_token: dict[str, list[JsonObject]] = defaultdict(list)
        for record in valid:
            by_token[str(record["$token"])].append(record)
        for token, records in by_token.items():
            if project := find_project_by_token(request, self._registry, token):
                self.limiter.admit(project, len(records), _share_of_bytes(payload, records))
                self._profiles.update(project, records, group=group)
        return _respond(payload, len(valid), failed, "insert_id")


def _endpoint(path: str, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            response = await run_in_threadpool(handler, request, await read_payload(request))
        except PayloadError as error:
            response = _payload_error_response(path, error)
        response.headers.update(_ANY_ORIGIN)
        return response

    return endpoint


async def _preflight(request: Request) -> Response:
    """Return the response to a browser's preflight request."""
    requested_headers = request.headers.get("access-control-request-headers", "*")
    allowed = {"access-control-allow-methods": "GET, POST", "access-control-allow-headers": requested_headers}
    return Response(status_code=204, headers={**_ANY_ORIGIN, **allowed})


def _payload_error_response(path: str, error: PayloadError) -> Response:
    """Return the response to an invalid payload: JSON for ``/import`` without ``data``, else the older short form.

    Errors with another status than 400 are always JSON.
    """
    if error.status != 400 or (path == "/import" and not error.has_data_parameter):
        return error_response(error.status, error.error)
    return short_response(error.params, error.error)


def _validate_records(
    records: Sequence[object], validate: Validate
) -> tuple[list[JsonObject], list[FailedRecord]]:
    """Return the valid records and the failed records, both in the order of the request.

    Args:
        records: the records of the request.
        validate: returns the fault of a record, or None.
    """
    valid: list[JsonObject] = []
    failed: list[FailedRecord] = []
    for index, record in enumerate(records):
        if fault := validate(record):
            failed.append(FailedRecord(index, _insert_id(record), fault))
        elif isinstance(record, dict):  # true for every valid record
            valid.append(record)
    return valid, failed


def _insert_id(record: object) -> object:
    """Return the ``$insert_id`` of a record that may be invalid, or an empty text; texts are valid UTF-8."""
    properties = record.get("properties") if isinstance(record, dict) else None
    value = properties.get("$insert_id", "") if isinstance(properties, dict) else ""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


def _respond(payload: Payload, valid: int, failed: Sequence[FailedRecord], key: str) -> Response:
    """Return the response to a request whose records were validated.

    With the parameter ``strict``, it is JSON with the fault of each invalid record. Otherwise it is the short response,
    which reports success if at least one record is valid.

    Args:
        payload: the request.
        valid: the number of valid records.
        failed: the invalid records.
        key: the name of the JSON key for a failed record's ``$insert_id``.
    """
    if payload.flag("strict"):
        return import_response(valid, failed, key)
    error = failed[0].fault.message if failed and not valid else None
    return short_response(payload.params, error)


def _share_of_bytes(payload: Payload, records: Sequence[object]) -> int:
    """Return the approximate size in bytes of some of a payload's records, as if all had the same size."""
    return payload.size * len(records) // max(1, len(payload.records))


def _host(request: Request, project: Project) -> str:
    """Return the Mixpanel host that the client called, or the host of the project's region if it called another one."""
    host = (request.headers.get("x-original-host") or request.headers.get("host", "")).split(":")[0].lower()
    return host if host.endswith("mixpanel.com") else _HOSTS[project.region]
