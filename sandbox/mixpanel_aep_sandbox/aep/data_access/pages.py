"""Lists of Data Access in pages (EP:data-access/tutorials/dataset-data.md)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from urllib.parse import quote, urlencode

from starlette.responses import JSONResponse, Response

from mixpanel_aep_sandbox.aep.core.http import Call
from mixpanel_aep_sandbox.aep.core.list_parameters import page_of
from mixpanel_aep_sandbox.core.json_types import JsonObject

_PAGE = 100


def entry(call: Call, base: str, name: str, size: int, folder: str = "") -> JsonObject:
    """Return the JSON entry of a file: its name, size and links."""
    href = call.url(f"{base}?path={quote(folder + name, safe='')}")
    return {"name": name, "length": str(size), "_links": {"self": {"href": href}}}


def paged(
    call: Call, entries: Sequence[object], shown: Callable[..., object] = lambda each: each
) -> Response:
    """Return at most 100 entries from ``start``, each as ``shown``; with links if there are more entries."""
    start, limit = page_of(call, _PAGE)
    body: JsonObject = {
        "data": [shown(each) for each in entries[start : start + limit]],
        "_page": {"limit": limit, "count": len(entries)},
    }
    if len(entries) > limit:
        body["_links"] = {"page": {"href": _link(call, start, limit), "templated": True}}
        if start + limit < len(entries):
            body["_links"]["next"] = {"href": _link(call, start + limit, limit)}
    return JSONResponse(body)


def _link(call: Call, start: int, limit: int) -> str:
    rest = [
        (name, value)
        for name, value in call.request.query_params.multi_items()
        if name not in ("start", "limit")
    ]
    return call.url(f"{call.request.url.path}?{urlencode([*rest, ('start', start), ('limit', limit)])}")
