"""List responses of the Flow Service: filters, sorting, pages and counts (EP:dataflows/api/sort-and-filter.md)."""

from __future__ import annotations

import base64
import json
import re
from urllib.parse import urlencode

from starlette.responses import JSONResponse, Response

from mixpanel_aep_sandbox.aep.core.http import Call
from mixpanel_aep_sandbox.aep.core.json_filters import SortKey, sort_key
from mixpanel_aep_sandbox.aep.flows.errors import FlowServiceError
from mixpanel_aep_sandbox.aep.flows.property_filters import ComputedProperties, filter_bodies, values_at
from mixpanel_aep_sandbox.core.json_types import JsonObject

_PARAMETERS = ("property", "limit", "orderby", "orderBy", "continuationToken", "count")
_MAX_ITEMS = 1000
"""Maximum ``limit`` of search requests (OAS:flow-service.yaml), and (assumed [I]) the default ``limit`` of lists."""
_FIELD = re.compile(r"[A-Za-z_][\w.\[\]-]*")
_MAX_LIMIT_DIGITS = 9
Pairs = list[tuple[str, str]]


def list_response(
    call: Call, path: str, bodies: list[JsonObject], computed: ComputedProperties | None = None
) -> Response:
    """Return the page of a list that the request's query parameters select, or the number of its items.

    Args:
        call: The request.
        path: The path of the list, for the link to the next page.
        bodies: All items of the list, oldest first.
        computed: Additional properties for filters: functions that compute the value from a body, by name.

    Raises:
        FlowServiceError: a parameter is invalid.
    """
    pairs, start = _parse_query(call)
    found = filter_bodies(bodies, [value for name, value in pairs if name == "property"], computed or {})
    limit = _last_item(pairs, "limit")
    if _is_count(_last_item(pairs, "count")):
        if limit is not None:
            raise FlowServiceError("1401-400")
        return JSONResponse({"count": len(found)})
    found = _sort(found, _last_item(pairs, "orderby") or _last_item(pairs, "orderBy") or "")
    end = start + (_MAX_ITEMS if limit is None else _parse_limit(limit))
    links = {}
    if end < len(found):
        token = _make_token(pairs, end)
        links = {"next": {"href": f"/{path}?{urlencode({'continuationToken': token})}"}}
    return JSONResponse({"items": found[start:end], "_links": links})


def _parse_query(call: Call) -> tuple[Pairs, int]:
    """Return the query parameters and the index of the first item.

    A ``continuationToken`` contains the parameters of the first request; parameters of this request override them.
    """
    pairs = list(call.request.query_params.multi_items())
    if unknown := [name for name, _ in pairs if name not in _PARAMETERS]:
        raise FlowServiceError("1451-400", name=unknown[0])
    token = _last_item(pairs, "continuationToken")
    given = [(name, value) for name, value in pairs if name != "continuationToken"]
    if token is None:
        return given, 0
    try:
        decoded = json.loads(base64.urlsafe_b64decode(token.encode()))
        json.dumps(decoded, ensure_ascii=False).encode()  # rejects texts that cannot be sent in a response
        start, earlier = int(decoded["at"]), [(str(name), str(value)) for name, value in decoded["query"]]
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise FlowServiceError("1451-400", name="continuationToken") from error
    overridden = {name for name, _ in given}
    return [*given, *(pair for pair in earlier if pair[0] not in overridden)], max(start, 0)


def _make_token(pairs: Pairs, at: int) -> str:
    return base64.urlsafe_b64encode(json.dumps({"at": at, "query": pairs}).encode()).decode()


def _last_item(pairs: Pairs, key: str) -> str | None:
    return next((value for name, value in reversed(pairs) if name == key), None)


def _is_count(text: str | None) -> bool:
    if text is None or text.lower() in ("", "false"):
        return False
    if text.lower() == "true":
        return True
    raise FlowServiceError("1453-400", value=f"count={text}")


def _parse_limit(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > _MAX_LIMIT_DIGITS or int(text) == 0:
        raise FlowServiceError("1453-400", value=f"limit={text}")
    return min(int(text), _MAX_ITEMS)


def _sort(bodies: list[JsonObject], order: str) -> list[JsonObject]:
    """Return the bodies sorted by the comma-separated fields of ``order``; ``-`` before a field sorts descending.

    A plus sign before a field arrives as a space if the client did not percent-encode it.
    """
    for part in reversed([part for part in order.split(",") if part.strip()]):
        sign, field = (part[0], part[1:]) if part[0] in "+- " else ("+", part)
        if not _FIELD.fullmatch(field):
            raise FlowServiceError("1433-400", field=part)
        bodies = sorted(bodies, key=lambda body: _sort_key(body, field), reverse=sign == "-")
    return bodies


def _sort_key(body: JsonObject, field: str) -> SortKey:
    return sort_key(next(iter(values_at(body, field)), None))
