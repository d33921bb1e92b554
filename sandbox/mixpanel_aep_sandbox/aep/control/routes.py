"""``/_sandbox/aep/*``: what is active, and how the next batches shall behave. No token is asked for."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from mixpanel_aep_sandbox.aep.catalog.routes.batches import shown
from mixpanel_aep_sandbox.aep.core.constants import AEP_SANDBOXES, CONTROL, DEMO_CLIENT_ID, DEMO_ORG
from mixpanel_aep_sandbox.aep.core.http import parse_json
from mixpanel_aep_sandbox.aep.core.scope import BATCHES, DATASETS, Place
from mixpanel_aep_sandbox.aep.core.settings import change, current
from mixpanel_aep_sandbox.aep.ingestion.active_rows import id_lines, row_lines
from mixpanel_aep_sandbox.aep.ingestion.lifecycle import deactivate, settle, touch
from mixpanel_aep_sandbox.aep.ingestion.planned_outcomes import drop_forced, plan_forced, planned
from mixpanel_aep_sandbox.aep.ingestion.processing.worker import start
from mixpanel_aep_sandbox.aep.ingestion.routes.batches import promote
from mixpanel_aep_sandbox.aep.profile.models import profile_of
from mixpanel_aep_sandbox.aep.query_service.logins import new_credential
from mixpanel_aep_sandbox.core.state import World
from mixpanel_aep_sandbox.ims.models import replace_secrets

_LINES = "application/x-ndjson"
_PATIENCE_SECONDS = 10


@dataclass(frozen=True)
class Ask:
    """A request to the control plane."""

    world: World
    request: Request
    body: dict[str, Any]

    @property
    def place(self) -> Place:
        """``org`` and ``sandbox`` of the query; the demo organization's ``prod`` without them."""
        params = self.request.query_params
        name = params.get("sandbox", "prod")
        if name not in AEP_SANDBOXES:
            raise ValueError(f"There is no AEP sandbox {name!r}.")
        return Place(self.world, params.get("org", DEMO_ORG), name)

    def dataset(self) -> str:
        """A dataset's id, by id or by name. Raises ValueError."""
        wanted = self.request.query_params.get("dataset", "")
        for key, body in self.place.items(DATASETS):
            if wanted in (key, body["name"]):
                return key
        raise ValueError(f"There is no dataset {wanted!r} in AEP sandbox {self.place.name!r}.")


def add_routes(world: World, router: APIRouter) -> None:
    def add(method: str, path: str, handler: Callable[[Ask], Response]) -> None:
        async def endpoint(request: Request) -> Response:
            try:
                body = parse_json(await request.body() or b"{}")
                if not isinstance(body, dict):
                    return JSONResponse({"error": "The body must be a JSON object."}, 400)
                return await run_in_threadpool(handler, Ask(world, request, body))
            except (ValueError, RecursionError) as error:
                return JSONResponse({"error": str(error)}, 400)

        router.add_route(CONTROL + path, endpoint, methods=[method])

    add("GET", "/active", _active)
    add("GET", "/rows", _rows)
    add("GET", "/batches", _batches)
    add("POST", "/batches/{id}", _change_batch)
    add("GET", "/profile", _profile)
    add("GET", "/queries", _queries)
    add("POST", "/query-credentials", _query_credential)
    add("GET", "/settings", _settings)
    add("POST", "/settings", _change_settings)


def _active(ask: Ask) -> Response:
    return StreamingResponse(_blocks(id_lines(ask.place, ask.dataset())), media_type=_LINES)


def _blocks(lines: Iterator[str]) -> Iterator[str]:
    """Many lines at a time: every piece of an answer costs a change of threads."""
    while block := "".join(itertools.islice(lines, 2000)):
        yield block


def _rows(ask: Ask) -> Response:
    limit = int(ask.request.query_params.get("limit", "100"))
    return StreamingResponse(_blocks(row_lines(ask.place, ask.dataset(), limit)), media_type=_LINES)


def _batches(ask: Ask) -> Response:
    settle(ask.place)
    return JSONResponse({"batches": [shown(ask.place, batch) for _, batch in ask.place.items(BATCHES)]})


def _change_batch(ask: Ask) -> Response:
    """As somebody else would: ``{"status": "aborted"}`` ends it, ``{"vanished": true}`` hides it from Catalog.

    ``{"status": "success"}`` ends it well, and at once: also a batch that is stalled or called what a plan says.
    """
    place, key, body = ask.place, ask.request.path_params["id"], ask.body
    settle(place)
    with place.world.store.transaction():
        batch = place.get(BATCHES, key)
        if batch is None:
            raise ValueError(f"There is no batch {key!r} in AEP sandbox {place.name!r}.")
        if "vanished" in body:
            batch = touch(place, batch, vanished=bool(body["vanished"]))
        if "status" in body:
            batch = _set_status(place, batch, body["status"], body.get("errors", []))
    if batch["state"] == "promoting" and start(place, key).wait(_PATIENCE_SECONDS):
        settle(place)
    return JSONResponse(shown(place, place.get(BATCHES, key) or batch))


def _set_status(place: Place, batch: dict[str, Any], status: Any, errors: Any) -> dict[str, Any]:
    if type(status) is not str or type(errors) is not list:
        raise ValueError("status must be a text, and errors a list.")
    if status in ("success", "active"):
        if batch["state"] not in ("loading", "promoting"):
            raise ValueError(f"Batch {batch['id']} is {batch['state']}: it cannot become active any more.")
        return promote(place, batch, {"at_once": True})
    if status == "inactive":
        return deactivate(place, batch, **_end(place, batch, errors))
    return touch(place, batch, state=status, **_end(place, batch, errors))


def _end(place: Place, batch: dict[str, Any], errors: list[Any]) -> dict[str, Any]:
    return {"metrics": batch.get("metrics", {}), "errors": errors, "finished": place.now}


def _profile(ask: Ask) -> Response:
    return JSONResponse(profile_of(ask.place, ask.dataset()))


def _queries(ask: Ask) -> Response:
    return JSONResponse({"sessions": 0, "running": 0, "waiting": 0, **ask.world.query_counts()})


def _query_credential(ask: Ask) -> Response:
    return JSONResponse(new_credential(ask.world, ask.place.org))


def _settings(ask: Ask) -> Response:
    return JSONResponse({**current(ask.world), "next_batches": planned(ask.world.store)})


def _change_settings(ask: Ask) -> Response:
    """Settings by name; ``next_batches`` plans ends, ``secrets`` replaces the demo credential's."""
    store = ask.world.store
    plain = {name: value for name, value in ask.body.items() if name not in ("next_batches", "secrets")}
    with store.transaction():
        if "next_batches" in ask.body:
            drop_forced(store)
            if not isinstance(ask.body["next_batches"], list):
                raise ValueError("next_batches must be a list of plans.")
            for plan in ask.body["next_batches"]:
                plan_forced(store, plan)
        if "secrets" in ask.body:
            replace_secrets(ask.world, DEMO_CLIENT_ID, ask.body["secrets"])
        change(ask.world, plain)  # last: what it changes in memory is not rolled back
    return _settings(ask)
