"""The sandbox's routes as one OpenAPI 3.1 document, merged from the fragments in this folder.

Every ``<service>.yaml`` is a small OpenAPI document: ``tags`` (the first one has the service's name and
description), ``components`` (names prefixed by the service) and ``paths``. To avoid repetitions in operations, a
fragment may also have at its top level:

* ``security``: default of all its operations,
* ``x-source``: the documentation, a default of all its operations,
* ``x-common``: ``parameters`` and ``responses`` of all its operations; those of an operation take precedence.

``gateway.yaml`` has the components that all services of AEP share: ``x-common: {$ref: "#/x-gateway"}`` includes the
headers that Adobe's gateway checks and its error responses.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path

import yaml

from mixpanel_aep_sandbox.core.json_types import JsonObject

FOLDER = Path(__file__).parent
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
_KEYS = frozenset({"tags", "paths", "components", "security", "x-source", "x-common", "x-gateway"})
_INFO = {
    "title": "mixpanel-aep sandbox",
    "version": "1",
    "description": "Local stand-ins for Mixpanel, Adobe IMS and Adobe Experience Platform (AEP), after their "
    "documentation. Requests that are not in this document get 501.",
}


@cache
def document() -> JsonObject:
    """Return the merged document. Callers must not change it. Raises ValueError, which names the invalid fragment."""
    # The C loader, if available, takes a tenth of the time, which delays the first request.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return merge(
        (path.stem, yaml.load(path.read_text("utf-8"), loader))  # noqa: S506 - both are safe loaders
        for path in sorted(FOLDER.glob("*.yaml"))
    )


def merge(fragments: Iterable[tuple[str, JsonObject]]) -> JsonObject:
    """Return one document of (name, fragment) pairs. Raises ValueError if two define the same thing."""
    fragments = list(fragments)
    merged: JsonObject = {
        "openapi": "3.1.0",
        "info": _INFO,
        "servers": [{"url": "/"}],
        "tags": [],
        "paths": {},
        "components": {},
    }
    shared: JsonObject = next((body["x-gateway"] for _, body in fragments if "x-gateway" in body), {})
    for name, body in fragments:
        if unknown := body.keys() - _KEYS:
            raise ValueError(f"{name}.yaml: unknown {', '.join(sorted(unknown))}.")
        tags = body.get("tags", [{"name": name}])
        merged["tags"] += tags if body.get("paths") else []
        for section, named in body.get("components", {}).items():
            _add(name, merged["components"].setdefault(section, {}), named)
        common = body.get("x-common", {})
        body = {**body, "x-common": shared if common == {"$ref": "#/x-gateway"} else common}
        for path, item in body.get("paths", {}).items():
            filled = {
                key: _operation(body, tags[0]["name"], value) if key in METHODS else value
                for key, value in item.items()
            }
            _add(f"{name}.yaml, {path}", merged["paths"].setdefault(path, {}), filled)
    return merged


def _operation(fragment: JsonObject, tag: str, given: JsonObject) -> JsonObject:
    """Return an operation with its fragment's defaults."""
    common = fragment["x-common"]
    defaults: JsonObject = {key: fragment[key] for key in ("security", "x-source") if key in fragment}
    operation: JsonObject = {"tags": [tag], **defaults, **given}
    if parameters := [*common.get("parameters", []), *given.get("parameters", [])]:
        operation["parameters"] = parameters
    responses = [*common.get("responses", {}).items(), *given.get("responses", {}).items()]
    operation["responses"] = {str(status): answer for status, answer in responses}
    return operation


def _add(where: str, known: JsonObject, more: JsonObject) -> None:
    for key, value in more.items():
        if key in known and known[key] != value:
            raise ValueError(f"{where}: {key} is described twice.")
        known[key] = value
