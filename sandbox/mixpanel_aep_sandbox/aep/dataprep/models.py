"""Mapping sets as clients write them: the current form and the previous one, as one dataclass."""

from __future__ import annotations

from dataclasses import dataclass

from mixpanel_aep_sandbox.core.json_types import JsonObject

SOURCE_TYPES = {
    "ATTRIBUTE": "ATTRIBUTE",
    "TEXT/X.SCHEMA-PATH": "ATTRIBUTE",
    "EXPRESSION": "EXPRESSION",
    "TEXT/X.AEP-XL": "EXPRESSION",
    "STATIC": "STATIC",
}
"""In any case; the media types are how Adobe returns ATTRIBUTE and EXPRESSION."""
STATUSES = ("DRAFT", "PUBLISHED")
MOST_MAPPINGS = 10_000
"""Of a set [I]: a row of XDM has at most this many fields (EP:ingestion/guardrails.md)."""


class FormFault(Exception):
    """The body is not a valid mapping set; the message names the invalid part."""


@dataclass(frozen=True)
class Mapping:
    """One mapping of a set."""

    source_type: str
    """ATTRIBUTE, EXPRESSION or STATIC."""
    source: str | int | float | bool
    destination: str
    body: JsonObject
    """The original body, for parts that are only stored."""


@dataclass(frozen=True)
class MappingSet:
    """A mapping set."""

    mappings: tuple[Mapping, ...]
    schema_id: str
    """``$id`` or ``meta:altId`` of the output schema; "" when the body names none."""
    content_type: str
    allow_null_values: bool
    body: JsonObject


def read_mapping_set(body: object) -> MappingSet:
    """Parse a request body as a mapping set. Raises FormFault if the body is invalid."""
    if not isinstance(body, dict):
        raise FormFault("A mapping set is a JSON object.")
    for name, types in _OPTIONAL.items():
        if body.get(name) is not None and type(body[name]) not in types:
            raise FormFault(f"{name} is of the wrong type.")
    mappings = body.get("mappings", [])
    if not isinstance(mappings, list):
        raise FormFault("mappings has to be an array.")
    if len(mappings) > MOST_MAPPINGS:
        raise FormFault(f"A mapping set may have {MOST_MAPPINGS} mappings.")
    if body.get("status") is not None and body["status"] not in STATUSES:
        raise FormFault(f"status is one of {', '.join(STATUSES)}.")
    schema, content_type = _schema(body)
    read = tuple(_mapping(mapping, f"mappings[{number}]") for number, mapping in enumerate(mappings))
    return MappingSet(read, schema, content_type, bool(body.get("allowNullValues")), body)


_OPTIONAL: dict[str, tuple[type, ...]] = {
    "name": (str,),
    "version": (int,),
    "status": (str,),
    "allowNullValues": (bool,),
    "strictMapping": (bool,),
    "supportVersion": (str,),
    "inputSchema": (dict,),
    "outputSchema": (dict,),
    "schemaRef": (dict,),
    "xdmSchema": (str,),
    "xdmVersion": (str,),
    "transformScript": (str,),
    "tags": (list,),
}
_OF_MAPPING: dict[str, tuple[type, ...]] = {
    "name": (str,),
    "description": (str,),
    "identity": (bool,),
    "primaryIdentity": (bool,),
    "identityGroup": (str,),
    "namespaceCode": (str,),
    "functionVersion": (int,),
    "version": (int,),
}


def _schema(body: JsonObject) -> tuple[str, str]:
    """Return id and content type from ``outputSchema``, or else from ``schemaRef`` or ``xdmSchema``."""
    reference = (body.get("outputSchema") or {}).get("schemaRef") or body.get("schemaRef") or {}
    if not isinstance(reference, dict):
        raise FormFault("outputSchema.schemaRef has to be an object.")
    schema = reference.get("id") or body.get("xdmSchema") or ""
    content_type = reference.get("contentType") or body.get("xdmVersion") or "1.0"
    if not isinstance(schema, str) or not isinstance(content_type, str):
        raise FormFault("schemaRef.id and schemaRef.contentType have to be strings.")
    return schema, content_type


def _mapping(body: object, where: str) -> Mapping:
    if not isinstance(body, dict):
        raise FormFault(f"{where} has to be an object.")
    for name, types in _OF_MAPPING.items():
        if body.get(name) is not None and type(body[name]) not in types:
            raise FormFault(f"{where}.{name} is of the wrong type.")
    given = body.get("sourceType") or "ATTRIBUTE"  # the older form does not have it
    source_type = SOURCE_TYPES.get(given.upper()) if isinstance(given, str) else None
    if source_type is None:
        raise FormFault(f"{where}.sourceType is one of ATTRIBUTE, EXPRESSION, STATIC.")
    source = body["source"] if body.get("source") is not None else body.get("sourceAttribute")
    allowed = (str, int, float, bool) if source_type == "STATIC" else str
    if not isinstance(source, allowed) or source == "":
        raise FormFault(f"{where}.source is required, as a string.")
    destination = body.get("destination") or body.get("destinationXdmPath")
    if not isinstance(destination, str):
        raise FormFault(f"{where}.destination is required, as a string.")
    return Mapping(source_type, source, destination, body)
