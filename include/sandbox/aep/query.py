"""Lists of Catalog: limit, start, orderBy, tags, properties (EP:catalog/api/filter-data.md)."""

from __future__ import annotations

import fnmatch
import re
from typing import Any

from include.sandbox.aep.filters import each, keep, sort_key, value_at
from include.sandbox.aep.http import Call
from include.sandbox.aep.problems import problem

_DEFAULT_LIMIT = 20
_MOST = 100
_NO_FILTERS = {"limit", "start", "orderBy", "orderby", "properties", "property", "tags"}
_WILDCARD = re.compile(r"(?<!\*)\*(?!\*)")


def chosen(
    call: Call, objects: list[tuple[str, dict[str, Any]]], own: frozenset[str] = frozenset()
) -> dict[str, dict[str, Any]]:
    """The page that a Catalog query asks for, keyed by id; ``own``: parameters that the caller has dealt with."""
    bodies = [{**body, "@key": key} for key, body in objects]
    bodies = keep(bodies, call.request.query_params.getlist("property"))
    for name, wanted in call.request.query_params.multi_items():
        if name not in _NO_FILTERS and name not in own:
            bodies = [body for body in bodies if _matches(body, name, wanted)]
    if tags := call.query("tags"):
        bodies = [body for body in bodies if _has_tags(body, tags)]
    bodies = _ordered(bodies, call.query("orderBy") or call.query("orderby"))
    limit, start = _integer(call, "limit", _DEFAULT_LIMIT), _integer(call, "start", 0)
    if not 1 <= limit <= _MOST:
        raise problem(400, f"limit must be an integer between 1 and {_MOST}.")
    return {body.pop("@key"): projected(call, body) for body in bodies[start : start + limit]}


def projected(call: Call, body: dict[str, Any]) -> dict[str, Any]:
    """Only the top-level ``properties`` that the query names."""
    names = call.query("properties")
    wanted = {name.strip() for name in names.split(",")} | {"@key"}
    return {key: value for key, value in body.items() if key in wanted} if names else body


def _matches(body: dict[str, Any], name: str, wanted: str) -> bool:
    """A simple filter: ``name=a,b`` for any of them, ``name=!a,b`` for none of them; a name may have wildcards."""
    values = [str(value) for value in each(value_at(body, name))]
    options = wanted.removeprefix("!").split(",")
    if name == "name":
        patterns = [
            re.compile(".*".join(map(re.escape, _WILDCARD.split(option))).replace(re.escape("**"), r"\*"))
            for option in options
        ]
        hit = any(pattern.fullmatch(value) for pattern in patterns for value in values)
    else:
        hit = any(value in options for value in values)
    return hit is not wanted.startswith("!")


def _integer(call: Call, name: str, default: int) -> int:
    text = call.query(name)
    if not text:
        return default
    if not text.isdigit():
        raise problem(400, f"{name} must be an integer.")
    return int(text)


def _has_tags(body: dict[str, Any], wanted: str) -> bool:
    tags = body.get("tags", {})
    return all(
        any(
            fnmatch.fnmatchcase(str(value), pattern)
            for name, pattern in _tag_pairs(pair)
            for value in each(tags.get(name))
        )
        for pair in wanted.split(",")
    )


def _tag_pairs(text: str) -> list[tuple[str, str]]:
    """Name and pattern: names and values may have colons themselves, as in ``unifiedProfile:enabled:true``."""
    parts = text.split(":")
    return [(":".join(parts[:cut]), ":".join(parts[cut:])) for cut in range(1, len(parts))]


def _ordered(bodies: list[dict[str, Any]], order: str) -> list[dict[str, Any]]:
    for part in reversed([part for part in order.split(",") if part]):
        direction, _, name = part.rpartition(":")
        if direction not in ("", "asc", "desc"):
            raise problem(400, "orderBy must look like desc:created.")
        bodies = sorted(bodies, key=lambda body: sort_key(value_at(body, name)), reverse=direction == "desc")
    return bodies
