"""Conversion of the short notation in this folder's JSON files to XDM resources in compatibility mode.

A resource has ``id`` (below ``https://ns.adobe.com/xdm/``), ``kind``, ``title``, ``about`` (its description),
``includes`` (the resources that it is composed of), ``extends`` (classes that a field group extends), ``fields`` and
``required``. A field is the name of a type, or an object with the type in ``is`` and further keywords:

* Types are ``string``, ``number``, ``integer``, ``boolean``, ``language``, and the formats in ``_FORMATS``.
  ``=context/geo`` refers to a data type. ``[]`` after a type means an array of the type, and ``{}`` a map.
* ``fields``, ``array of`` or ``map of`` instead of ``is`` mean an object, an array of objects or a map of objects.
* ``enum`` and ``suggested`` have labels by value; ``deprecated`` sets the status. All other keywords are JSON Schema's.

Names without a prefix have the prefix ``xdm:``. In compatibility mode, the prefix ``xdm:`` is omitted, ``@id`` becomes
``_id``, and fields with another prefix are in an object for the prefix: ``repo:createDate`` becomes
``_repo.createDate`` (EP:xdm/api/appendix.md).
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Final

from mixpanel_aep_sandbox.core.json_types import JsonObject

LIBRARY_VERSION: Final = "1.51.0"
_MADE_MS = 1_606_266_789_446
_NS = "https://ns.adobe.com/xdm/"
_FORMATS = {"date", "date-time", "uri", "uri-reference", "email", "ipv4", "ipv6"}
_LANGUAGE = (
    r"^(((([A-Za-z]{2,3}(-([A-Za-z]{3}(-[A-Za-z]{3}){0,2}))?)|[A-Za-z]{4}|[A-Za-z]{5,8})(-([A-Za-z]{4}))?"
    r"(-([A-Za-z]{2}|[0-9]{3}))?(-([A-Za-z0-9]{5,8}|[0-9][A-Za-z0-9]{3}))*(-([0-9A-WY-Za-wy-z](-[A-Za-z0-9]{2,8})+))*"
    r"(-(x(-[A-Za-z0-9]{1,8})+))?)|(x(-[A-Za-z0-9]{1,8})+))$"
)
"""Regular expression of a language tag (RFC 5646), without grandfathered tags."""


def expand_resource(given: JsonObject) -> JsonObject:
    """Convert one resource from this folder's short notation to the form that the Schema Registry returns."""
    key, kind = _id(given["id"]), given["kind"]
    name = key.rpartition("/")[2]
    includes = [_id(each) for each in given.get("includes", [])]
    refs = [*includes, f"#/definitions/{name}"]
    body = {
        "$id": key,
        "$schema": "http://json-schema.org/draft-06/schema#",
        "meta:altId": "_" + re.sub(r"^https?://(ns\.adobe\.com/)?", "", key).replace("/", "."),
        "meta:resourceType": kind,
        "version": LIBRARY_VERSION,
        "title": given["title"],
        "type": "object",
        "description": given["about"],
        "definitions": {name: {"properties": _properties(given["fields"])}},
        "allOf": [{"$ref": ref, "type": "object", "meta:xdmType": "object"} for ref in refs],
        "meta:extensible": True,
        "meta:abstract": True,
        "meta:xdmType": "object",
        "meta:status": "stable",
        "meta:containerId": "global",
    }
    if kind == "mixins":
        body["meta:intendedToExtend"] = [_id(each) for each in given["extends"]]
    if kind == "classes":
        body["meta:extends"] = includes
    if "required" in given:
        body["required"] = [_path(each)[-1] for each in given["required"]]
    return {**body, "meta:registryMetadata": _metadata(body)}


def _metadata(body: JsonObject) -> JsonObject:
    return {
        "repo:createdDate": _MADE_MS,
        "repo:lastModifiedDate": _MADE_MS,
        "eTag": hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest(),
        "meta:globalLibVersion": LIBRARY_VERSION,
    }


def _id(text: str) -> str:
    return text if "://" in text else _NS + text


def _properties(fields: JsonObject) -> JsonObject:
    """Convert fields from the short notation to ``properties`` in compatibility mode."""
    made: JsonObject = {}
    for name, given in fields.items():
        full = name if name[0] == "@" or ":" in name else f"xdm:{name}"
        *outer, last = _path(full)
        target = made
        for part in outer:
            target = target.setdefault(part, {"type": "object", "meta:xdmType": "object", "properties": {}})[
                "properties"
            ]
        target[last] = {**_field(last, given), "meta:xdmField": full}
    return made


def _path(name: str) -> list[str]:
    """Return the path, in compatibility mode, of a field with a name in standard notation."""
    if name[0] == "@":
        return ["_" + name[1:]]
    prefix, _, plain = name.rpartition(":")
    return [plain] if prefix in ("", "xdm") else [f"_{prefix}", plain]


def _field(name: str, notation: str | JsonObject) -> JsonObject:
    """Convert one field from the short notation to JSON Schema."""
    given = {"is": notation} if isinstance(notation, str) else dict(notation)
    title = given.pop("title", None) or _title(name)
    made: JsonObject = {"title": title, **_type(given)}
    for keyword in ("enum", "suggested"):
        if keyword in given:
            made["meta:enum"] = given.pop(keyword)
            if keyword == "enum":
                made["enum"] = list(made["meta:enum"])
    if given.pop("deprecated", False):
        made["meta:status"] = "deprecated"
    return {**made, **given}


def _type(given: JsonObject) -> JsonObject:
    """Return the keywords of JSON Schema for the type of a field, and remove the used keywords from ``given``."""
    if "is" in given:
        return _type_from_name(given.pop("is"))
    holder = next(name for name in ("fields", "array of", "map of") if name in given)
    inner: JsonObject = {"type": "object", "properties": _properties(given.pop(holder))}
    if "required" in given:
        inner["required"] = given.pop("required")
    return inner if holder == "fields" else _in_container(inner, holder)


def _type_from_name(name: str) -> JsonObject:
    """Return the JSON Schema of a type's name, such as "string[]" or "=context/geo"."""
    for suffix, holder in (("[]", "array of"), ("{}", "map of")):
        if name.endswith(suffix):
            return _in_container(_type_from_name(name.removesuffix(suffix)), holder)
    if name.startswith("="):
        return {"$ref": _id(name[1:])}
    if name == "language":
        return {"type": "string", "pattern": _LANGUAGE}
    return {"type": "string", "format": name} if name in _FORMATS else {"type": name}


def _in_container(inner: JsonObject, holder: str) -> JsonObject:
    """Return the JSON Schema of an array or a map (``holder``) of a type."""
    if holder == "array of":
        return {"type": "array", "items": inner}
    return {"type": "object", "meta:xdmType": "map", "additionalProperties": inner}


def _title(name: str) -> str:
    """Derive a title from a name: "Browser details" from ``browserDetails``."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name.lstrip("_"))
    return words[:1].upper() + words[1:].lower()
