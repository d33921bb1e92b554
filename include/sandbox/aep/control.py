"""``/_sandbox/aep/*``: what is active, and how the next batches shall behave. No token is asked for."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from include.sandbox.aep.active import id_lines, row_lines
from include.sandbox.aep.catalog_batches import shown
from include.sandbox.aep.constants import CONTROL, DEMO_CLIENT_ID, DEMO_ORG
from include.sandbox.aep.forced import drop_forced, plan_forced, planned
from include.sandbox.aep.lifecycle import settle, touch
from include.sandbox.aep.place import BATCHES, DATASETS, Place
from include.sandbox.aep.settings import change, current
from include.sandbox.ims_credentials import replace_secrets
from include.sandbox.world import World

_LINES = "application/x-ndjson"


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
        return Place(self.world, params.get("org", DEMO_ORG), params.get("sandbox", "prod"))

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
                body = json.loads(await request.body() or b"{}")
                if not isinstance(body, dict):
                    return JSONResponse({"error": "The body must be a JSON object."}, 400)
                return await run_in_threadpool(handler, Ask(world, request, body))
            except ValueError as error:
                return JSONResponse({"error": str(error)}, 400)

        router.add_route(CONTROL + path, endpoint, methods=[method])

    add("GET", "/active", _active)
    add("GET", "/rows", _rows)
    add("GET", "/batches", _batches)
    add("POST", "/batches/{id}", _change_batch)
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
    """As somebody else would: ``{"status": "aborted"}`` ends it, ``{"vanished": true}`` hides it from Catalog."""
    place, key, body = ask.place, ask.request.path_params["id"], ask.body
    settle(place)
    with place.world.store.transaction():
        batch = place.get(BATCHES, key)
        if batch is None:
            raise ValueError(f"There is no batch {key!r} in AEP sandbox {place.name!r}.")
        changed: dict[str, Any] = {}
        if "vanished" in body:
            changed["vanished"] = bool(body["vanished"])
        if "status" in body:
            ended = {
                "metrics": batch.get("metrics", {}),
                "errors": body.get("errors", []),
                "finished": place.now,
            }
            changed |= {"state": str(body["status"]), "reverted": place.now, **ended}
        batch = touch(place, batch, **changed)
    return JSONResponse(shown(place, batch))


def _settings(ask: Ask) -> Response:
    return JSONResponse({**current(ask.world), "next_batches": planned(ask.world.store)})


def _change_settings(ask: Ask) -> Response:
    """Settings by name; ``next_batches`` plans ends, ``secrets`` replaces the demo credential's."""
    store = ask.world.store
    plain = {name: value for name, value in ask.body.items() if name not in ("next_batches", "secrets")}
    with store.transaction():
        if "next_batches" in ask.body:
            drop_forced(store)
            for plan in ask.body["next_batches"]:
                plan_forced(store, plan)
        if "secrets" in ask.body:
            replace_secrets(ask.world, DEMO_CLIENT_ID, ask.body["secrets"])
        change(ask.world, plain)  # last: what it changes in memory is not rolled back
    return _settings(ask)
