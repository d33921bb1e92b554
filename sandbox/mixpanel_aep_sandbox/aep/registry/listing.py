"""Lists of the Schema Registry: filters, order and pages (EP:xdm/api/appendix.md#query)."""

from __future__ import annotations

import re
from urllib.parse import urlencode

from starlette.responses import JSONResponse, Response

from mixpanel_aep_sandbox.aep.core.constants import REGISTRY
from mixpanel_aep_sandbox.aep.core.errors import problem
from mixpanel_aep_sandbox.aep.core.http import Call
from mixpanel_aep_sandbox.aep.core.json_filters import keep_matching, sort_key, value_at
from mixpanel_aep_sandbox.aep.core.scope import RESOURCES
from mixpanel_aep_sandbox.aep.core.service_settings import AepSettings
from mixpanel_aep_sandbox.aep.registry import accept
from mixpanel_aep_sandbox.aep.registry.composition.unions import summarize_union, unions
from mixpanel_aep_sandbox.aep.registry.composition.views import show
from mixpanel_aep_sandbox.aep.registry.standard import standard_by_id
from mixpanel_aep_sandbox.core.json_types import JsonObject

_MOST = 300
_MOST_LIMIT = 500
_DEFAULT_ORDER = "updated"
_COMMA = re.compile(r",(?=[@$A-Za-z_][\w:@$.-]*(?:==|!=|<=|>=|[<>~]|,|$))")
"""A comma between two filters: a property's name and an operator or the end follow. Other commas are in values."""


def list_resources(call: Call, container: str, segment: str, kind: str) -> Response:
    """Handle ``GET`` of a list of resources.

    Args:
        call: The request.
        container: ``global`` or ``tenant``.
        segment: The path segment of the kind, such as ``fieldgroups``.
        kind: The ``meta:resourceType``, such as ``mixins``.
    """
    view = accept.list_view(call.request.headers.get("accept"))
    if container == "global":
        held = list(standard_by_id().values())
    elif kind == "unions":
        held = unions(call.scope)
        held = [summarize_union(call.scope, union) for union in held] if view.summary else held
    else:
        held = [body for _, body in call.scope.items(RESOURCES)]
    chosen, page = paged(call, [body for body in held if body["meta:resourceType"] == kind])
    links = next_page_link(call, f"{container}/{segment}", page)
    if container == "tenant" and kind != "unions":
        # The link is named global_schemas for every kind of resource in all examples of EP:xdm/api.
        links["global_schemas"] = {
            "href": call.url(_with_query(f"{REGISTRY}/global/{segment}", _filters(call)))
        }
    results = [show(call.scope, body, view) for body in chosen]
    return JSONResponse({"results": results, "_page": page, "_links": links})


def next_page_link(call: Call, path: str, page: JsonObject) -> JsonObject:
    """Return ``_links`` of a list: the link to the next page below ``path``, or null on the last page."""
    if page["next"] is None:
        return {"next": None}
    query = [("orderby", page["orderby"]), ("start", page["next"]), *_filters(call)]
    if "limit" in call.request.query_params:
        query.append(("limit", call.query("limit")))
    return {"next": {"href": call.url(_with_query(f"{REGISTRY}/{path}", query))}}


def filtered(call: Call, bodies: list[JsonObject]) -> list[JsonObject]:
    """Return the bodies that match all ``property`` filters of the query.

    Filters are repeated parameters, or separated by commas (OAS:schema-registry.yaml).
    """
    given = call.request.query_params.getlist("property")
    return keep_matching(bodies, [part for text in given for part in _COMMA.split(text) if part])


def paged(call: Call, bodies: list[JsonObject]) -> tuple[list[JsonObject], JsonObject]:
    """Return the page of a list that the query requests, and the response's ``_page``.

    ``_page`` has the order, the number of bodies, and the ``start`` of the next page or None.

    Args:
        call: The request.
        bodies: All resources of the list, unfiltered and in any order.

    Raises:
        Problem: 400 for invalid parameters.
    """
    params = call.request.query_params
    bodies = filtered(call, bodies)
    order = params.get("orderby", "")
    _check_order(call, order)
    limit = _limit(params.get("limit"))
    order = order or _DEFAULT_ORDER
    bodies = _ordered(bodies, order)
    primary = order.split(",")[0]
    if "start" in params:
        bodies = _bodies_after(bodies, primary, params["start"])
    size = _page_size(bodies, primary, limit)
    following = None
    if size < len(bodies):
        last = _value(bodies[size - 1], primary.lstrip("-+"))
        following = "" if last is None else last
    return bodies[:size], {"orderby": order, "next": following, "count": size}


def _check_order(call: Call, order: str) -> None:
    """Check that a query with ``limit`` or ``start`` also has ``orderby``, if a setting requires it.

    Raises:
        Problem: 400 if ``orderby`` is missing.
    """
    alone = [name for name in ("limit", "start") if name in call.request.query_params and not order]
    if alone and AepSettings.of(call.scope.state).paging_without_orderby == "refused":
        raise problem(400, f"{alone[0]} cannot be used without orderby.")


def _limit(text: str | None) -> int:
    """Return the page size for a ``limit``; missing or 0 means the maximum. Raises Problem 400."""
    if text is None:
        return _MOST
    if re.fullmatch(r"[0-9]{1,3}", text) is None or int(text) > _MOST_LIMIT:
        raise problem(400, f"limit must be an integer between 0 and {_MOST_LIMIT}.")
    return min(int(text) or _MOST, _MOST)


def _ordered(bodies: list[JsonObject], order: str) -> list[JsonObject]:
    for name in reversed(order.split(",")):
        plain = name.lstrip("-+")
        bodies = sorted(bodies, key=lambda body: sort_key(_value(body, plain)), reverse=name.startswith("-"))
    return bodies


def _bodies_after(bodies: list[JsonObject], primary: str, start: str) -> list[JsonObject]:
    """Return the bodies whose value of the first ``orderby`` property is after ``start`` in that order."""
    name, edge = primary.lstrip("-+"), sort_key(start)
    if primary.startswith("-"):
        return [body for body in bodies if sort_key(_value(body, name)) < edge]
    return [body for body in bodies if sort_key(_value(body, name)) > edge]


def _page_size(bodies: list[JsonObject], primary: str, limit: int) -> int:
    """Return the number of bodies on the first page, which may exceed ``limit``.

    Bodies with the same value of the first ``orderby`` property are on one page, because ``start`` is such a value.

    Args:
        bodies: The sorted bodies from the start of the page on.
        primary: The first ``orderby`` property, with an optional sign.
        limit: The requested number of bodies.
    """
    size, name = min(limit, len(bodies)), primary.lstrip("-+")
    while 0 < size < len(bodies) and sort_key(_value(bodies[size], name)) == sort_key(
        _value(bodies[size - 1], name)
    ):
        size += 1
    return size


def _value(body: JsonObject, name: str) -> object:
    """Return a property of a body for sorting; ``created`` and ``updated`` are read from the metadata."""
    found = value_at(body, name)
    if found is None and name in ("created", "updated"):
        moment = {"created": "repo:createdDate", "updated": "repo:lastModifiedDate"}[name]
        return body.get("meta:registryMetadata", {}).get(moment)
    return found


def _filters(call: Call) -> list[tuple[str, str]]:
    return [("property", text) for text in call.request.query_params.getlist("property")]


def _with_query(path: str, query: list[tuple[str, str]]) -> str:
    return f"{path}?{urlencode(query, safe=':/=')}" if query else path
