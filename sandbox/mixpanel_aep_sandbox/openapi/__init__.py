"""The sandbox's routes as one OpenAPI 3.1 document, merged from the YAML files in this folder.

Every ``<service>.yaml`` is a fragment of an OpenAPI document: ``tags`` (the first tag has the service's name and
description), ``components`` (names prefixed by the service) and ``paths``. To avoid repetition in operations, a
fragment may also have these keys at its top level:

* ``security``: default of all operations in the fragment,
* ``x-source``: the documentation page of the service, a default of all operations in the fragment,
* ``x-common``: ``parameters`` and ``responses`` of all operations in the fragment; an operation can override them.

``gateway.yaml`` has the components that all AEP services share. ``x-common: {$ref: "#/x-gateway"}`` in a fragment
adds the headers that Adobe's API gateway checks, and the gateway's error responses.
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
    """Return the OpenAPI document of the sandbox, merged from the YAML files. Callers must not modify it.

    Raises ValueError, with the file's name, for a file with an unknown key or a conflicting definition.
    """
    # The C loader, if available, is ten times as fast; the first request waits for this function.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return merge(
        (path.stem, yaml.load(path.read_text("utf-8"), loader))  # noqa: S506 - both are safe loaders
        for path in sorted(FOLDER.glob("*.yaml"))
    )


def merge(fragments: Iterable[tuple[str, JsonObject]]) -> JsonObject:
    """Merge (service name, parsed fragment) pairs into one OpenAPI document.

    Raises ValueError for an unknown key in a fragment, or if two fragments define the same name differently.
    """
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
    """Return the operation ``given`` with its tag and the fragment's default security, parameters and responses."""
    common = fragment["x-common"]
    defaults: JsonObject = {key: fragment[key] for key in ("security", "x-source") if key in fragment}
    operation: JsonObject = {"tags": [tag], **defaults, **given}
    if parameters := [*common.get("parameters", []), *given.get("parameters", [])]:
        operation["parameters"] = parameters
    responses = [*common.get("responses", {}).items(), *given.get("responses", {}).items()]
    operation["responses"] = {str(status): answer for status, answer in responses}
    return operation


def _add(where: str, merged: JsonObject, additions: JsonObject) -> None:
    """Add entries to ``merged``. Raises ValueError, with the place ``where``, for a name with two different values."""
    for key, value in additions.items():
        if key in merged and merged[key] != value:
            raise ValueError(f"{where}: {key} is described twice.")
        merged[key] = value
