"""Adobe's published field groups for events as the registry's ``global`` container has them, for the sandbox of a test.

Compatibility Mode (EP:xdm/api/appendix.md#compatibility): ``xdm:`` is left out, ``@id`` is ``_id``, a name of another
prefix moves into an object of its own, and the last parts of a name that is a URI are objects one inside another.
"""

from __future__ import annotations

import hashlib
import json
import lzma
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from mixpanel_aep_sandbox.aep.registry.composition.xdm_types import with_xdm_types
from mixpanel_aep_sandbox.aep.registry.standard import standard_by_id

EVENT = "https://ns.adobe.com/xdm/context/experienceevent"
_FILE = Path(__file__).parent / "adobe-xdm.json.xz"
_JSON_LD = "https://ns.adobe.com/xdm/common/extensible"
"""What describes JSON-LD's context: no field of a row, and nothing that the registry shows."""
_OF_ADOBE = "https://ns.adobe.com/"
Json = dict[str, Any]


@cache
def documents() -> dict[str, Json]:
    """Return what Adobe publishes, by ``$id``, in standard notation."""
    found = json.loads(lzma.decompress(_FILE.read_bytes()))
    # One of Adobe's ids ends with a slash, which no request path can express.
    return {key: {**document, "$id": key} for document in found if (key := document["$id"].rstrip("/"))}


def groups() -> list[str]:
    """Return the ``$id``s of the field groups that are for events."""
    return [key for key, document in documents().items() if _is_group(document)]


def _is_group(document: Json) -> bool:
    return EVENT in document.get("meta:intendedToExtend", ()) and document.get("meta:status") != "deprecated"


@contextmanager
def in_the_sandbox() -> Iterator[None]:
    """Replace the sandbox's own resources by Adobe's in every sandbox of this process; classes and behaviors stay."""
    known = standard_by_id()
    before = dict(known)
    stay = {key for key, body in before.items() if body["meta:resourceType"] in ("classes", "behaviors")}
    known.update({key: body for key, body in _resources().items() if key not in stay})
    try:
        yield
    finally:
        known.clear()
        known.update(before)


@cache
def _resources() -> dict[str, Json]:
    return {key: with_xdm_types(_resource(document)) for key, document in documents().items()}


def _resource(document: Json) -> Json:
    key = document["$id"]
    is_group = "meta:intendedToExtend" in document
    body = {
        **_node(document),
        "meta:altId": "_" + key.removeprefix(_OF_ADOBE).replace("/", "."),
        "meta:resourceType": "mixins" if is_group else "datatypes",
        "title": document["title"],
        "type": "object",
        "version": "1.51.0",
        "meta:containerId": "global",
        "meta:registryMetadata": {"eTag": hashlib.sha256(key.encode()).hexdigest()},
    }
    body.setdefault("allOf", [])
    return body


def _node(node: Any) -> Any:
    """Return a node of a schema in Compatibility Mode."""
    if not isinstance(node, dict):
        return node
    made: Json = {}
    for key, value in node.items():
        if key == "properties":
            made[key] = _properties(value)
        elif key == "definitions":
            made[key] = {name: _node(each) for name, each in value.items()}
        elif key == "required":
            continue
        elif key in ("allOf", "anyOf", "oneOf"):
            made[key] = [_node(each) for each in value if not str(each.get("$ref")).startswith(_JSON_LD)]
        else:
            made[key] = _node(value) if key in ("items", "additionalProperties", "not") else value
    for name in node.get("required", ()):
        _require(made, _path(name))
    return made


def _require(node: Json, path: list[str]) -> None:
    """Require a member in the object that it moves into."""
    for part in path[:-1]:
        node = node.setdefault("properties", {}).setdefault(part, {"type": "object"})
    node.setdefault("required", []).append(path[-1])


def _properties(fields: Mapping[str, Any]) -> Json:
    made: Json = {}
    for name, field in fields.items():
        *outer, last = _path(name)
        here = made
        for part in outer:
            here = here.setdefault(part, {"type": "object", "properties": {}}).setdefault("properties", {})
        here[last] = _node(field)
    return made


def _path(name: str) -> list[str]:
    """Return the path of a standard field in Compatibility Mode."""
    if name.startswith(_OF_ADOBE):
        first, *rest = name.removeprefix(_OF_ADOBE).split("/")
        return [f"_{first}", *rest]
    if name.startswith("@"):
        return ["_" + name[1:]]
    prefix, _, plain = name.rpartition(":")
    return [plain] if prefix in ("", "xdm") else [f"_{prefix}", plain]
