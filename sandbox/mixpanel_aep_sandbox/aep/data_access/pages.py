"""Paginated list responses of Data Access (EP:data-access/tutorials/dataset-data.md)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from urllib.parse import quote, urlencode

from starlette.responses import JSONResponse, Response

from mixpanel_aep_sandbox.aep.core.http import Call
from mixpanel_aep_sandbox.aep.core.list_parameters import page_of
from mixpanel_aep_sandbox.core.json_types import JsonObject

_PAGE_SIZE = 100


def file_entry(call: Call, base: str, name: str, size: int, folder: str = "") -> JsonObject:
    """Return the list entry of a file: its name, its size in bytes, and the link to its content.

    Args:
        call: The request.
        base: The URL path of the list.
        name: The name of the file.
        size: The size of the file in bytes.
        folder: The folder of the file, with a slash at its end, which is only part of the link; empty: none.
    """
    href = call.url(f"{base}?path={quote(folder + name, safe='')}")
    return {"name": name, "length": str(size), "_links": {"self": {"href": href}}}


def page_response(
    call: Call, entries: Sequence[object], render: Callable[..., object] = lambda each: each
) -> Response:
    """Return a response with the page of entries that the request's ``start`` and ``limit`` (at most 100) select.

    If the page does not contain all entries, the response has links to pages.

    Args:
        call: The request.
        entries: All entries of the list.
        render: Converts an entry to JSON; it is called only for the entries of the page.
    """
    start, limit = page_of(call, _PAGE_SIZE)
    body: JsonObject = {
        "data": [render(each) for each in entries[start : start + limit]],
        "_page": {"limit": limit, "count": len(entries)},
    }
    if len(entries) > limit:
        body["_links"] = {"page": {"href": _link(call, start, limit), "templated": True}}
        if start + limit < len(entries):
            body["_links"]["next"] = {"href": _link(call, start + limit, limit)}
    return JSONResponse(body)


def _link(call: Call, start: int, limit: int) -> str:
    """Return the URL of the page from ``start``, with the other query parameters of the request."""
    rest = [
        (name, value)
        for name, value in call.request.query_params.multi_items()
        if name not in ("start", "limit")
    ]
    return call.url(f"{call.request.url.path}?{urlencode([*rest, ('start', start), ('limit', limit)])}")
