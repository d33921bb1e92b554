"""``/rpc/sampledata``: generation of one row for a schema (EP:xdm/api/sample-data.md).

The row is valid, unless no text is found for a pattern.
"""

from __future__ import annotations

import math

from mixpanel_aep_sandbox.aep.ingestion.row_validation.json_schema import LIMITS
from mixpanel_aep_sandbox.aep.registry.pattern_text import generate_text
from mixpanel_aep_sandbox.core.json_types import JsonObject

_TEXTS = {
    "date": "2018-11-12",
    "date-time": "2018-11-12T20:20:39+00:00",
    "time": "20:20:39Z",
    "uri": "https://example.com/uri",
    "uri-reference": "/uri-reference",
    "email": "john.smith@example.com",
    "idn-email": "john.smith@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "json-pointer": "/json-pointer",
    "regex": "regex",
}


def sample(field: JsonObject) -> object:
    """Return a sample value for a resolved field; for a resolved schema, a row.

    If no text is found that matches a field's pattern, the value is "string", as in the documented example [I].
    """
    kind = field.get("type", "object")
    if kind == "array":
        count = max(1, field.get("minItems", 1))
        return [sample(field.get("items", {}))] * count
    if kind == "object" and isinstance(field.get("additionalProperties"), dict):
        return {"key": sample(field["additionalProperties"])}
    if kind == "object":
        return {name: sample(child) for name, child in field.get("properties", {}).items()}
    if kind == "boolean":
        return field.get("default", False)
    return _number(field, kind) if kind in ("integer", "number") else _text(field)


def _text(field: JsonObject) -> str:
    """Return a text: the field's default, an allowed value or an example, or else a text of valid form and length."""
    for given in (field.get("default"), *field.get("enum", []), *field.get("meta:enum", [])):
        if isinstance(given, str) and given and _fits(field, given):
            return given
    examples = field.get("examples", [])
    for given in examples if isinstance(examples, list) else []:
        if isinstance(given, str) and _fits(field, given):
            return given
    if "pattern" in field:
        text = generate_text(field["pattern"], field.get("minLength", 1), field.get("maxLength", 1000))
        return text or "string"
    text = _TEXTS.get(field.get("format", ""), "string")
    return text.ljust(field.get("minLength", 0), "x")[: field.get("maxLength", len(text) + 10_000)]


def _number(field: JsonObject, kind: str) -> int | float:
    """Return 42 (42.5 for ``number``) if the field's limits allow it, otherwise a number within the limits."""
    low, high = field.get("minimum", -math.inf), field.get("maximum", math.inf)
    above, below = field.get("exclusiveMinimum", -math.inf), field.get("exclusiveMaximum", math.inf)
    if kind == "number":
        low, high = max(low, above), min(high, below)
        return 42.5 if low < 42.5 < high else float((max(low, -1e15) + min(high, 1e15)) / 2)
    low = max(
        low if low == -math.inf else math.ceil(low), above if above == -math.inf else math.floor(above) + 1
    )
    high = min(
        high if high == math.inf else math.floor(high), below if below == math.inf else math.ceil(below) - 1
    )
    return int(min(max(42, low), high))


def _fits(field: JsonObject, value: object) -> bool:
    """Return whether a value satisfies the constraints of a field."""
    import jsonschema_rs  # imported late, for a quick start

    limits: JsonObject = {name: field[name] for name in ("type", *LIMITS) if name in field}
    return bool(jsonschema_rs.Draft7Validator(limits, validate_formats=True).is_valid(value))
