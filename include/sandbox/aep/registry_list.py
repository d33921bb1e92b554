"""Lists of the Schema Registry: filters, order and pages (EP:xdm/api/appendix.md#query)."""

from __future__ import annotations

from typing import Any

from starlette.responses import JSONResponse, Response

from include.sandbox.aep import accept
from include.sandbox.aep.constants import REGISTRY
from include.sandbox.aep.filters import keep, sort_key, value_at
from include.sandbox.aep.http import Call
from include.sandbox.aep.place import RESOURCES
from include.sandbox.aep.problems import problem
from include.sandbox.aep.registry_unions import unions
from include.sandbox.aep.registry_view import show
from include.sandbox.aep.standard import standard_by_id

_MOST = 300
_MOST_LIMIT = 500


def list_resources(call: Call, container: str, segment: str, kind: str) -> Response:
    view = accept.listing(call.request.headers.get("accept"))
    held = (
        standard_by_id().values()
        if container == "global"
        else [*(body for _, body in call.place.items(RESOURCES)), *unions(call.place)]
    )
    bodies = [body for body in held if body["meta:resourceType"] == kind]
    chosen, page = paged(call, bodies)
    links: dict[str, Any] = {"next": None}
    if page["next"] is not None:
        path = f"{REGISTRY}/{container}/{segment}"
        links["next"] = {"href": call.url(f"{path}?orderby={page['orderby']}&start={page['next']}")}
    if container == "tenant" and kind != "unions":
        links[f"global_{segment}"] = {"href": call.url(f"{REGISTRY}/global/{segment}")}
    results = [show(call.place, body, view) for body in chosen]
    return JSONResponse({"results": results, "_page": page, "_links": links})


def paged(call: Call, bodies: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The wanted page of ``bodies``, and ``_page``. Raises Problem 400 for parameters that do not fit."""
    params = call.request.query_params
    bodies = keep(bodies, params.getlist("property"))
    order = params.get("orderby", "")
    if not order and ("limit" in params or "start" in params):
        raise problem(400, "limit and start cannot be used without orderby.")
    limit = _limit(params.get("limit"))
    if order:
        bodies = _ordered(bodies, order, params.get("start"))
    chosen = bodies[:limit]
    more = len(bodies) > limit and bool(order)
    following = value_at(chosen[-1], order.split(",")[0].lstrip("-+")) if more else None
    return chosen, {"orderby": order or None, "next": following, "count": len(chosen)}


def _limit(text: str | None) -> int:
    if text is None:
        return _MOST
    if not text.isdigit() or int(text) > _MOST_LIMIT:
        raise problem(400, f"limit must be an integer between 0 and {_MOST_LIMIT}.")
    return min(int(text) or _MOST, _MOST)


def _ordered(bodies: list[dict[str, Any]], order: str, start: str | None) -> list[dict[str, Any]]:
    names = order.split(",")
    for name in reversed(names):
        plain = name.lstrip("-+")
        bodies = sorted(
            bodies, key=lambda body: sort_key(value_at(body, plain)), reverse=name.startswith("-")
        )
    if start is None:
        return bodies
    first, edge = names[0].lstrip("-+"), sort_key(start)
    if names[0].startswith("-"):
        return [body for body in bodies if sort_key(value_at(body, first)) < edge]
    return [body for body in bodies if sort_key(value_at(body, first)) > edge]
