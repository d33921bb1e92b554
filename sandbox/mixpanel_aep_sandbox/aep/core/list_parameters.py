"""Query parameters of Catalog's lists: limit, start, orderBy, tags, properties (EP:catalog/api/filter-data.md)."""

from __future__ import annotations

import re

from mixpanel_aep_sandbox.aep.core.errors import problem
from mixpanel_aep_sandbox.aep.core.http import Call
from mixpanel_aep_sandbox.aep.core.json_filters import (
    as_items,
    as_text,
    keep_matching,
    matches_glob,
    sort_key,
    value_at,
)
from mixpanel_aep_sandbox.core.json_types import JsonObject

_DEFAULT_LIMIT = 20
_MOST = 100
_NO_FILTERS = {"limit", "start", "orderBy", "orderby", "sort", "properties", "property", "tags"}
_WILD = ("name",)
_WHOLE = re.compile(r"[0-9]{1,18}")


def whole_number(call: Call, name: str) -> int | None:
    """Return a query parameter as a non-negative integer; None if it is missing or empty. Raises Problem 400."""
    text = call.query(name)
    if not text:
        return None
    if not _WHOLE.fullmatch(text):
        raise problem(400, f"{name} must be a whole number.")
    return int(text)


def page_of(call: Call, default: int = _DEFAULT_LIMIT) -> tuple[int, int]:
    """Return the parameters ``start`` (default 0) and ``limit`` of a list.

    Args:
        call: The request.
        default: The default of ``limit``.

    Raises:
        Problem: 400 for a value out of range.
    """
    limit, start = whole_number(call, "limit"), whole_number(call, "start")
    limit = default if limit is None else limit
    if not 1 <= limit <= _MOST:
        raise problem(400, f"limit must be a whole number from 1 to {_MOST}.")
    return start or 0, limit


def requested_page(
    call: Call, objects: list[tuple[str, JsonObject]], handled: frozenset[str] = frozenset()
) -> dict[str, JsonObject]:
    """Filter, sort and page objects by the query parameters of a Catalog list.

    Args:
        call: The request.
        objects: All objects, as (id, representation).
        handled: Names of query parameters that are not filters by property, because the caller handles them.

    Returns:
        The requested page, keyed by id.

    Raises:
        Problem: 400 for an invalid parameter.
    """
    start, limit = page_of(call)
    if "observableSchema" in _names(call):
        limit = min(limit, _DEFAULT_LIMIT)
    bodies = filter_objects(call, objects, handled)
    return {body.pop("@key"): keep_requested_properties(call, body) for body in bodies[start : start + limit]}


def filter_objects(
    call: Call, objects: list[tuple[str, JsonObject]], handled: frozenset[str]
) -> list[JsonObject]:
    """Return all objects that match the query's filters, sorted by its ``orderBy``, each with its id as ``@key``.

    Args:
        call: The request.
        objects: All objects, as (id, representation).
        handled: Names of query parameters that are not filters by property, because the caller handles them.
    """
    bodies = [{**body, "@key": key} for key, body in objects]
    bodies = keep_matching(bodies, call.request.query_params.getlist("property"), _WILD)
    for name, expected in call.request.query_params.multi_items():
        if name not in _NO_FILTERS and name not in handled:
            bodies = [body for body in bodies if _matches(body, name, expected)]
    if tags := call.query("tags"):
        bodies = [body for body in bodies if _has_tags(body, tags)]
    # Adobe about orderBy: "This was previously called sort" (OAS:catalog.yaml).
    return _ordered(bodies, call.query("orderBy") or call.query("orderby") or call.query("sort"))


def keep_requested_properties(call: Call, body: JsonObject) -> JsonObject:
    """Return an object with only those top-level keys that the query parameter ``properties`` names, by default all."""
    names = _names(call)
    return {key: value for key, value in body.items() if key in names or key == "@key"} if names else body


def _names(call: Call) -> set[str]:
    """Return the names in the query parameter ``properties``."""
    return {name.strip() for name in call.query("properties").split(",")} - {""}


def _matches(body: JsonObject, name: str, expected: str) -> bool:
    """Return whether an object matches a filter ``name=value`` of a Catalog query.

    ``name=a,b`` matches any of the values, ``name=!a,b`` none of them; a name may have wildcards.
    """
    values = [as_text(value) for value in as_items(value_at(body, name))]
    options = expected.removeprefix("!").split(",")
    if name in _WILD:
        hit = any(matches_glob(option, value) for option in options for value in values)
    else:
        hit = any(value in options for value in values)
    return hit is not expected.startswith("!")


def _has_tags(body: JsonObject, expected: str) -> bool:
    """Return whether an object has all tags of a query, ``name:pattern`` separated by commas."""
    tags = body.get("tags", {})
    return all(
        any(
            matches_glob(pattern, as_text(value))
            for name, pattern in _tag_pairs(pair)
            for value in as_items(tags.get(name))
        )
        for pair in expected.split(",")
    )


def _tag_pairs(text: str) -> list[tuple[str, str]]:
    """Return all pairs of a name and a pattern into which a tag filter can be split at a colon.

    Both may contain colons, as in ``unifiedProfile:enabled:true``, so each split has to be tried.
    """
    parts = text.split(":")
    return [(":".join(parts[:cut]), ":".join(parts[cut:])) for cut in range(1, len(parts))]


def _ordered(bodies: list[JsonObject], order: str) -> list[JsonObject]:
    """Sort bodies by an ``orderBy`` such as ``desc:created,asc:name``. Raises Problem 400."""
    for part in reversed([part for part in order.split(",") if part]):
        direction, _, name = part.rpartition(":")
        if direction not in ("", "asc", "desc"):
            raise problem(400, "orderBy must have the form desc:created.")
        bodies = sorted(bodies, key=lambda body: sort_key(value_at(body, name)), reverse=direction == "desc")
    return bodies
