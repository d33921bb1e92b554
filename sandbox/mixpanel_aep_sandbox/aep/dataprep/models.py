"""Parsing of mapping sets: the current and the previous JSON form, both as one dataclass."""

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
"""Accepted values of ``sourceType`` in upper case, and the meaning of each. Adobe's responses use the media types."""
STATUSES = ("DRAFT", "PUBLISHED")
MOST_MAPPINGS = 10_000
"""Maximum number of mappings in a set [I]: an XDM record has at most as many fields (EP:ingestion/guardrails.md)."""


class InvalidMappingSet(Exception):
    """A request body is not a valid mapping set; the message names the invalid member."""


@dataclass(frozen=True)
class Mapping:
    """One mapping of a set: the source of a value, and the XDM field to write it to."""

    source_type: str
    """ATTRIBUTE, EXPRESSION or STATIC."""
    source: str | int | float | bool
    """The path of an attribute, the text of an expression, or a static value."""
    destination: str
    """The path of the XDM field."""
    body: JsonObject
    """The mapping as the client sent it, for members that the sandbox stores without using them."""


@dataclass(frozen=True)
class MappingSet:
    """A mapping set in parsed form, whichever of the two JSON forms the client sent."""

    mappings: tuple[Mapping, ...]
    schema_id: str
    """``$id`` or ``meta:altId`` of the output schema; empty if the body does not name a schema."""
    content_type: str
    """The media type or version of the schema reference; by default "1.0"."""
    allow_null_values: bool
    """Whether records may contain nulls and empty values; otherwise they are removed."""
    body: JsonObject
    """The mapping set as the client sent it."""


def read_mapping_set(body: object) -> MappingSet:
    """Parse a request body as a mapping set. Raises InvalidMappingSet if the body is invalid."""
    if not isinstance(body, dict):
        raise InvalidMappingSet("A mapping set must be a JSON object.")
    for name, types in _OPTIONAL.items():
        if body.get(name) is not None and type(body[name]) not in types:
            raise InvalidMappingSet(f"{name} has the wrong type.")
    mappings = body.get("mappings", [])
    if not isinstance(mappings, list):
        raise InvalidMappingSet("mappings must be an array.")
    if len(mappings) > MOST_MAPPINGS:
        raise InvalidMappingSet(f"A mapping set may have at most {MOST_MAPPINGS} mappings.")
    if body.get("status") is not None and body["status"] not in STATUSES:
        raise InvalidMappingSet(f"status must be one of {', '.join(STATUSES)}.")
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
    """Return the output schema's id and content type, from ``outputSchema``, ``schemaRef`` or ``xdmSchema``."""
    reference = (body.get("outputSchema") or {}).get("schemaRef") or body.get("schemaRef") or {}
    if not isinstance(reference, dict):
        raise InvalidMappingSet("outputSchema.schemaRef must be an object.")
    schema = reference.get("id") or body.get("xdmSchema") or ""
    content_type = reference.get("contentType") or body.get("xdmVersion") or "1.0"
    if not isinstance(schema, str) or not isinstance(content_type, str):
        raise InvalidMappingSet("schemaRef.id and schemaRef.contentType must be strings.")
    return schema, content_type


def _mapping(body: object, where: str) -> Mapping:
    """Parse one mapping.

    Args:
        body: The mapping as the client sent it.
        where: Its place in the request body, for the error's text.

    Raises:
        InvalidMappingSet: it is invalid.
    """
    if not isinstance(body, dict):
        raise InvalidMappingSet(f"{where} must be an object.")
    for name, types in _OF_MAPPING.items():
        if body.get(name) is not None and type(body[name]) not in types:
            raise InvalidMappingSet(f"{where}.{name} has the wrong type.")
    given = body.get("sourceType") or "ATTRIBUTE"  # the previous form has no sourceType
    source_type = SOURCE_TYPES.get(given.upper()) if isinstance(given, str) else None
    if source_type is None:
        raise InvalidMappingSet(f"{where}.sourceType must be ATTRIBUTE, EXPRESSION or STATIC.")
    source = body["source"] if body.get("source") is not None else body.get("sourceAttribute")
    allowed = (str, int, float, bool) if source_type == "STATIC" else str
    if not isinstance(source, allowed) or source == "":
        raise InvalidMappingSet(f"{where}.source is required and must be a string.")
    destination = body.get("destination") or body.get("destinationXdmPath")
    if not isinstance(destination, str):
        raise InvalidMappingSet(f"{where}.destination is required and must be a string.")
    return Mapping(source_type, source, destination, body)
