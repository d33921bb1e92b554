"""Lists of the Flow Service: property, orderby, limit, continuationToken, count (EP:dataflows/api/sort-and-filter.md)."""

from __future__ import annotations

import base64
import json
import re
from urllib.parse import urlencode

from starlette.responses import JSONResponse, Response

from mixpanel_aep_sandbox.aep.core.http import Call
from mixpanel_aep_sandbox.aep.core.json_filters import SortKey, sort_key
from mixpanel_aep_sandbox.aep.flows.errors import FlowServiceError
from mixpanel_aep_sandbox.aep.flows.property_filters import Hidden, keep_matching, values_at
from mixpanel_aep_sandbox.core.json_types import JsonObject

_KNOWN = ("property", "limit", "orderby", "orderBy", "continuationToken", "count")
_MOST = 1000
"""Of the search requests (OAS:flow-service.yaml); also the default of a list without ``limit`` [I]."""
_FIELD = re.compile(r"[A-Za-z_][\w.\[\]-]*")
_TOO_LONG = 9
Pairs = list[tuple[str, str]]


def list_response(call: Call, path: str, bodies: list[JsonObject], hidden: Hidden | None = None) -> Response:
    """Return the response to a list's query over ``bodies``, oldest first. Raises FlowServiceError.

    ``hidden`` maps names that can be filtered by, although bodies do not show them, to functions of the body.
    """
    pairs, start = _query(call)
    found = keep_matching(bodies, [value for name, value in pairs if name == "property"], hidden or {})
    limit = _last_item(pairs, "limit")
    if _is_count(_last_item(pairs, "count")):
        if limit is not None:
            raise FlowServiceError("1401-400")
        return JSONResponse({"count": len(found)})
    found = _ordered(found, _last_item(pairs, "orderby") or _last_item(pairs, "orderBy") or "")
    end = start + (_MOST if limit is None else _number(limit))
    links = {}
    if end < len(found):
        token = _token(pairs, end)
        links = {"next": {"href": f"/{path}?{urlencode({'continuationToken': token})}"}}
    return JSONResponse({"items": found[start:end], "_links": links})


def _query(call: Call) -> tuple[Pairs, int]:
    """Return the query and the first item; a token stands for the query that it came from."""
    pairs = list(call.request.query_params.multi_items())
    if unknown := [name for name, _ in pairs if name not in _KNOWN]:
        raise FlowServiceError("1451-400", name=unknown[0])
    token = _last_item(pairs, "continuationToken")
    given = [(name, value) for name, value in pairs if name != "continuationToken"]
    if token is None:
        return given, 0
    try:
        held = json.loads(base64.urlsafe_b64decode(token.encode()))
        json.dumps(held, ensure_ascii=False).encode()  # or its parameters could not be used in a response
        start, kept = int(held["at"]), [(str(name), str(value)) for name, value in held["query"]]
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise FlowServiceError("1451-400", name="continuationToken") from error
    again = {name for name, _ in given}
    return [*given, *(pair for pair in kept if pair[0] not in again)], max(start, 0)


def _token(pairs: Pairs, at: int) -> str:
    return base64.urlsafe_b64encode(json.dumps({"at": at, "query": pairs}).encode()).decode()


def _last_item(pairs: Pairs, key: str) -> str | None:
    return next((value for name, value in reversed(pairs) if name == key), None)


def _is_count(text: str | None) -> bool:
    if text is None or text.lower() in ("", "false"):
        return False
    if text.lower() == "true":
        return True
    raise FlowServiceError("1453-400", value=f"count={text}")


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > _TOO_LONG or int(text) == 0:
        raise FlowServiceError("1453-400", value=f"limit={text}")
    return min(int(text), _MOST)


def _ordered(bodies: list[JsonObject], order: str) -> list[JsonObject]:
    """Sort by one or several names, the first one first. A plus sign of a query arrives as a space."""
    for part in reversed([part for part in order.split(",") if part.strip()]):
        sign, field = (part[0], part[1:]) if part[0] in "+- " else ("+", part)
        if not _FIELD.fullmatch(field):
            raise FlowServiceError("1433-400", field=part)
        bodies = sorted(bodies, key=lambda body: _sort_key(body, field), reverse=sign == "-")
    return bodies


def _sort_key(body: JsonObject, field: str) -> SortKey:
    return sort_key(next(iter(values_at(body, field)), None))
