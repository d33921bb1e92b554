"""From the constraints of an XDM schema to expectations: one table, read by the suite, the report and the docs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from include.xdm.schema import Kind, XdmField, XdmSchema

# GX class names; the suite looks them up. Dates are compared as dates, formats by regular expression: GX's own
# strftime and dateutil expectations cost 12 to 70 microseconds a value.
NOT_NULL = "ExpectColumnValuesToNotBeNull"
IN_SET = "ExpectColumnValuesToBeInSet"
REGEX = "ExpectColumnValuesToMatchRegex"
BETWEEN = "ExpectColumnValuesToBeBetween"
LENGTHS = "ExpectColumnValueLengthsToBeBetween"
NESTED = "ExpectColumnValuesToMatchNestedSchema"

PRESENT = "?"
"""Suffix of the helper column that says whether a field, required inside an optional object, is there with it."""

FORMATS = {
    "uri-reference": r"^[^\s<>\"{}|\\^`]*$",
    "uri": r"^[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\^`]*$",
    "email": r"^[^@\s]+@[^@\s]+\.[^@\s]+$",
    "uuid": r"^[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$",
    "ipv4": r"^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$)|$)){4}$",
    "ipv6": r"^[0-9a-fA-F:.]*:[0-9a-fA-F:.]*$",
}


@dataclass(frozen=True)
class ExpectationSpec:
    """One expectation: what of the schema it stands for, and how GX checks it."""

    column: str
    constraint: str
    limit: Any
    gx_type: str
    kwargs: dict[str, Any] = field(default_factory=dict)

    @property
    def reason(self) -> dict[str, Any]:
        """What quarantine says of a row that fails it; never the row's value."""
        return {
            "field": self.column.removesuffix(PRESENT),
            "expectation": self.constraint,
            "limit": self.limit,
        }

    @property
    def sentence(self) -> str:
        """For the report: what is expected of the field."""
        return _SENTENCES[self.constraint].format(limit=self.limit)


_SENTENCES = {
    "required": "must be there",
    "required_inside": "must be there when the object around it is",
    "enum": "must be one of {limit}",
    "pattern": "must match {limit}",
    "format": "must be a {limit}",
    "minimum": "must be at least {limit}",
    "maximum": "must be at most {limit}",
    "exclusiveMinimum": "must be above {limit}",
    "exclusiveMaximum": "must be below {limit}",
    "minLength": "must have at least {limit} characters",
    "maxLength": "must have at most {limit} characters",
    "nested": "must fit the schema of its items",
    "in_the_past": "must lie before {limit}",
}


def derive(schema: XdmSchema, columns: set[str], now: str) -> list[ExpectationSpec]:
    """The expectations for rows that have ``columns`` (dotted paths), in schema order.

    ``now`` is the instant, ISO 8601, before which AEP wants every timestamp to lie.
    """
    specs: list[ExpectationSpec] = []
    for node in schema.root.walk():
        if not node.path:
            continue
        specs += _required(schema, node, columns)
        if node.dotted in columns:
            specs += _nested(node) if not node.kind.is_scalar else _scalar(node)
    specs.append(ExpectationSpec("timestamp", "in_the_past", now, BETWEEN, {"max_value": now}))
    return specs


def _required(schema: XdmSchema, node: XdmField, columns: set[str]) -> Iterator[ExpectationSpec]:
    parent = schema.find(node.path[:-1]) if len(node.path) > 1 else schema.root
    if parent is None or node.path[-1] not in parent.required:
        return
    if not parent.path and node.kind is Kind.OBJECT:
        yield ExpectationSpec(node.dotted + PRESENT, "required", None, IN_SET, {"value_set": [True]})
    elif parent.path:
        if any(column.startswith(parent.dotted + ".") for column in columns):
            yield ExpectationSpec(
                node.dotted + PRESENT, "required_inside", None, IN_SET, {"value_set": [True]}
            )
    else:
        yield ExpectationSpec(node.dotted, "required", None, NOT_NULL)


def _scalar(node: XdmField) -> Iterator[ExpectationSpec]:
    limits = node.constraints
    if "enum" in limits and node.kind not in (Kind.DATE, Kind.DATE_TIME):
        yield ExpectationSpec(node.dotted, "enum", limits["enum"], IN_SET, {"value_set": limits["enum"]})
    if node.kind is Kind.STRING:
        if "pattern" in limits:
            regex = _python_regex(limits["pattern"])
            yield ExpectationSpec(node.dotted, "pattern", limits["pattern"], REGEX, {"regex": regex})
        if limits.get("format") in FORMATS:
            regex = _python_regex(FORMATS[limits["format"]])
            yield ExpectationSpec(node.dotted, "format", limits["format"], REGEX, {"regex": regex})
        for name, argument in (("minLength", "min_value"), ("maxLength", "max_value")):
            if name in limits:
                yield ExpectationSpec(node.dotted, name, limits[name], LENGTHS, {argument: limits[name]})
    elif node.kind.is_integer or node.kind is Kind.NUMBER:
        for name, argument, strict in (
            ("minimum", "min_value", False),
            ("maximum", "max_value", False),
            ("exclusiveMinimum", "min_value", True),
            ("exclusiveMaximum", "max_value", True),
        ):
            if name in limits:
                kwargs = {argument: limits[name]} | ({f"strict_{argument[:3]}": True} if strict else {})
                yield ExpectationSpec(node.dotted, name, limits[name], BETWEEN, kwargs)


def _python_regex(pattern: str) -> str:
    """A JSON Schema pattern as Python reads it: there ``$`` would also match before a line break at the end."""
    return _DOLLAR.sub(lambda token: r"\Z" if token[0] == "$" else token[0], pattern)


_DOLLAR = re.compile(r"\\.|\[(?:\\.|[^\]\\])*\]|\$", re.DOTALL)


def _nested(node: XdmField) -> Iterator[ExpectationSpec]:
    document = nested_schema(node)
    yield ExpectationSpec(
        node.dotted, "nested", None, NESTED, {"nested_schema": json.dumps(document, sort_keys=True)}
    )


def nested_schema(node: XdmField) -> dict[str, Any]:
    """The JSON Schema of a field and all inside it, without what only describes."""
    keywords = {
        key: value
        for key, value in node.constraints.items()
        if not key.startswith("meta:")
        and key not in ("title", "description", "default", "examples", "$id", "$schema")
    }
    if node.children:
        keywords["properties"] = {name: nested_schema(child) for name, child in node.children.items()}
        keywords["required"] = sorted(node.required)
    if node.item is not None:
        keywords["items" if node.kind is Kind.ARRAY else "additionalProperties"] = nested_schema(node.item)
    return keywords
