"""``/_sandbox/aep/*``: the control API, with which tests read rows, change batches and settings, and plan outcomes.

Requests need no token.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from mixpanel_aep_sandbox.aep.catalog.routes.batches import batch_view
from mixpanel_aep_sandbox.aep.control.batch_page import batch_page, missing_page
from mixpanel_aep_sandbox.aep.control.settings import change, current
from mixpanel_aep_sandbox.aep.core.constants import AEP_SANDBOXES, CONTROL, DEMO_CLIENT_ID, DEMO_ORG
from mixpanel_aep_sandbox.aep.core.http import parse_json
from mixpanel_aep_sandbox.aep.core.scope import BATCHES, DATASETS, AepSandboxScope
from mixpanel_aep_sandbox.aep.ingestion.active_rows import id_lines, row_lines
from mixpanel_aep_sandbox.aep.ingestion.lifecycle import (
    apply_due_changes,
    batches_of,
    deactivate,
    save_changed,
)
from mixpanel_aep_sandbox.aep.ingestion.planned_outcomes import (
    drop_planned_outcomes,
    plan_outcome,
    planned_outcomes,
)
from mixpanel_aep_sandbox.aep.ingestion.processing.worker import start
from mixpanel_aep_sandbox.aep.ingestion.routes.batches import promote
from mixpanel_aep_sandbox.aep.profile.models import profile_of
from mixpanel_aep_sandbox.aep.query_service.logins import new_credential
from mixpanel_aep_sandbox.core.json_types import JsonObject
from mixpanel_aep_sandbox.core.state import SandboxState
from mixpanel_aep_sandbox.ims.models import replace_secrets

_LINES = "application/x-ndjson"
_PATIENCE_SECONDS = 10


@dataclass(frozen=True)
class ControlCall:
    """A request to the control API, with the AEP sandbox and the dataset that its query names."""

    state: SandboxState
    request: Request
    body: JsonObject

    @property
    def scope(self) -> AepSandboxScope:
        """Return the AEP sandbox that the query parameters ``org`` and ``sandbox`` name.

        The defaults are the demo organization and ``prod``.

        Raises:
            ValueError: the AEP sandbox is unknown.
        """
        params = self.request.query_params
        name = params.get("sandbox", "prod")
        if name not in AEP_SANDBOXES:
            raise ValueError(f"AEP sandbox {name!r} not found.")
        return AepSandboxScope(self.state, params.get("org", DEMO_ORG), name)

    def dataset(self) -> str:
        """Return the id of the dataset whose id or name is in the query. Raises ValueError if it does not exist."""
        reference = self.request.query_params.get("dataset", "")
        for key, body in self.scope.items(DATASETS):
            if reference in (key, body["name"]):
                return key
        raise ValueError(f"Dataset {reference!r} not found in AEP sandbox {self.scope.name!r}.")


def add_routes(state: SandboxState, router: APIRouter) -> None:
    """Add the HTTP routes of the control API to ``router``."""

    def add(method: str, path: str, handler: Callable[[ControlCall], Response]) -> None:
        async def endpoint(request: Request) -> Response:
            try:
                body = parse_json(await request.body() or b"{}")
                if not isinstance(body, dict):
                    return JSONResponse({"error": "The body must be a JSON object."}, 400)
                return await run_in_threadpool(handler, ControlCall(state, request, body))
            except (ValueError, RecursionError) as error:
                return JSONResponse({"error": str(error)}, 400)

        router.add_route(CONTROL + path, endpoint, methods=[method])

    add("GET", "/active", _active)
    add("GET", "/rows", _rows)
    add("GET", "/batches", _batches)
    add("POST", "/batches/{id}", _change_batch)
    add("GET", "/batches/{id}/page", _batch_page)
    add("GET", "/profile", _profile)
    add("GET", "/queries", _queries)
    add("POST", "/query-credentials", _query_credential)
    add("GET", "/settings", _settings)
    add("POST", "/settings", _change_settings)


def _active(call: ControlCall) -> Response:
    return StreamingResponse(_blocks(id_lines(call.scope, call.dataset())), media_type=_LINES)


def _blocks(lines: Iterator[str]) -> Iterator[str]:
    """Yield blocks of 2,000 lines, because each part of a streamed response costs a switch of threads."""
    while block := "".join(itertools.islice(lines, 2000)):
        yield block


def _rows(call: ControlCall) -> Response:
    limit = int(call.request.query_params.get("limit", "100"))
    return StreamingResponse(_blocks(row_lines(call.scope, call.dataset(), limit)), media_type=_LINES)


def _batches(call: ControlCall) -> Response:
    """Return all batches, oldest first; with ``dataset`` in the query, only the batches of that dataset."""
    apply_due_changes(call.scope)
    if "dataset" in call.request.query_params:
        found = batches_of(call.scope, call.dataset())
    else:
        found = [batch for _, batch in call.scope.items(BATCHES)]
    return JSONResponse({"batches": [batch_view(call.scope, batch) for batch in found]})


def _batch_page(call: ControlCall) -> Response:
    """Return the page of a batch, which may be in any AEP sandbox of the organization.

    All AEP sandboxes are searched, because a link to the page contains only the batch's id.
    """
    key, given = call.request.path_params["id"], call.scope
    names = [given.name, *(name for name in AEP_SANDBOXES if name != given.name)]
    for scope in (AepSandboxScope(call.state, given.org, name) for name in names):
        apply_due_changes(scope)
        if (batch := scope.get(BATCHES, key)) is not None:
            return batch_page(scope, batch)
    return missing_page(key)


def _change_batch(call: ControlCall) -> Response:
    """Change a batch in the way in which another client or AEP could have changed it.

    ``{"status": "aborted"}``, or any other status, ends the batch. ``{"status": "success"}`` processes it at once, even
    if it has a planned status such as stalled. ``{"vanished": true}`` hides it from Catalog.
    """
    scope, key, body = call.scope, call.request.path_params["id"], call.body
    apply_due_changes(scope)
    with scope.state.store.transaction():
        batch = scope.get(BATCHES, key)
        if batch is None:
            raise ValueError(f"Batch {key!r} not found in AEP sandbox {scope.name!r}.")
        if "vanished" in body:
            batch = save_changed(scope, batch, vanished=bool(body["vanished"]))
        if "status" in body:
            batch = _set_status(scope, batch, body["status"], body.get("errors", []))
    if batch["state"] == "promoting" and start(scope, key).wait(_PATIENCE_SECONDS):
        apply_due_changes(scope)
    return JSONResponse(batch_view(scope, scope.get(BATCHES, key) or batch))


def _set_status(scope: AepSandboxScope, batch: JsonObject, status: object, errors: object) -> JsonObject:
    """End a batch with a status and errors, and return the changed batch.

    Raises:
        ValueError: the status or the errors are invalid, or the batch can no longer become active.
    """
    if type(status) is not str or type(errors) is not list:
        raise ValueError("status must be a string, and errors must be a list.")
    if status in ("success", "active"):
        if batch["state"] not in ("loading", "promoting"):
            raise ValueError(f"Batch {batch['id']} is {batch['state']}: it can no longer become active.")
        return promote(scope, batch, {"at_once": True})
    if status == "inactive":
        return deactivate(scope, batch, **_end_fields(scope, batch, errors))
    return save_changed(scope, batch, state=status, **_end_fields(scope, batch, errors))


def _end_fields(scope: AepSandboxScope, batch: JsonObject, errors: list[object]) -> JsonObject:
    return {"metrics": batch.get("metrics", {}), "errors": errors, "finished": scope.now}


def _profile(call: ControlCall) -> Response:
    return JSONResponse(profile_of(call.scope, call.dataset()))


def _queries(call: ControlCall) -> Response:
    return JSONResponse({"sessions": 0, "running": 0, "waiting": 0, **call.state.query_counts()})


def _query_credential(call: ControlCall) -> Response:
    return JSONResponse(new_credential(call.state, call.scope.org))


def _settings(call: ControlCall) -> Response:
    return JSONResponse({**current(call.state), "next_batches": planned_outcomes(call.state.store)})


def _change_settings(call: ControlCall) -> Response:
    """Change settings by name.

    ``next_batches`` replaces all planned outcomes, and ``secrets`` the client secrets of the demo credential.
    """
    store = call.state.store
    plain = {name: value for name, value in call.body.items() if name not in ("next_batches", "secrets")}
    with store.transaction():
        if "next_batches" in call.body:
            drop_planned_outcomes(store)
            if not isinstance(call.body["next_batches"], list):
                raise ValueError("next_batches must be a list of plans.")
            for plan in call.body["next_batches"]:
                plan_outcome(store, plan)
        if "secrets" in call.body:
            replace_secrets(call.state, DEMO_CLIENT_ID, call.body["secrets"])
        change(call.state, plain)  # called last, because its changes in memory are not rolled back
    return _settings(call)
