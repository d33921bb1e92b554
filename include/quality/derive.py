"""From the constraints of an XDM schema, and the rules of AEP and of the pipeline, to expectations on rows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from include.quality.constraints import (
    BETWEEN,
    CONSTRAINTS,
    IN_SET,
    LENGTHS,
    NESTED,
    NOT_NULL,
    REGEX,
    Reason,
    Severity,
    expected,
)
from include.xdm.schema import Kind, XdmField, XdmSchema

PRESENT = "?"
"""Suffix of the helper column that says whether a field, required inside an optional object, is there with it."""
EVENT_BYTES = "#bytes"
"""The helper column with the size of a row as JSON."""
PROFILE_EVENT_BYTES = 10_240
"""What Real-Time Customer Profile takes of an ExperienceEvent; larger ones are dropped (EP:profile/guardrails.md)."""

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
    """One expectation: what it stands for, and how GX checks it."""

    column: str
    constraint: str
    limit: Any
    gx_type: str
    kwargs: dict[str, Any] = field(default_factory=dict)
    severity: Severity = "critical"
    label: str = ""
    """What people call the column, where that is not its name."""

    @property
    def reason(self) -> Reason:
        limit = tuple(self.limit) if isinstance(self.limit, list) else self.limit
        return Reason(self.name, self.constraint, limit)

    @property
    def name(self) -> str:
        return self.label or self.column.removesuffix(PRESENT)

    @property
    def sentence(self) -> str:
        """For the report: what is expected of the field."""
        return expected(self.constraint, self.limit)


@dataclass(frozen=True)
class RowRules:
    """What is asked of every event beside the schema: instants in UTC; ``latest`` and ``now`` are excluded."""

    now: datetime
    first: datetime
    latest: datetime
    profile: bool = False
    """Whether the dataset feeds Real-Time Customer Profile, which wants an identity and takes 10 KB an event."""
    severity: Mapping[str, Severity] = field(default_factory=dict)
    """The pipeline's own severities, by rule."""


def derive(schema: XdmSchema, columns: set[str], rules: RowRules) -> list[ExpectationSpec]:
    """The expectations for rows that have ``columns`` (dotted paths), in schema order, then those of ``rules``."""
    specs: list[ExpectationSpec] = []
    for node in schema.root.walk():
        if not node.path:
            continue
        specs += _required(schema, node, columns)
        if node.dotted in columns:
            specs += _nested(node) if not node.kind.is_scalar else _scalar(node)
    return [*specs, *_of_every_event(schema, rules)]


def _of_every_event(schema: XdmSchema, rules: RowRules) -> Iterator[ExpectationSpec]:
    def rule(
        column: str, name: str, limit: Any, severity: Severity | None = None, label: str = "", **kwargs: Any
    ) -> ExpectationSpec:
        table = CONSTRAINTS[name]
        chosen = rules.severity.get(name) or severity or table.severity
        return ExpectationSpec(column, name, limit, table.expectation, kwargs, chosen, label)

    yield rule("timestamp", "in_the_past", rules.now.isoformat(), max_value=rules.now)
    yield rule(
        "timestamp", "in_the_partition", f"{rules.first.isoformat()} to {rules.latest.isoformat()}",
        min_value=rules.first, max_value=rules.latest, strict_max=True,
    )  # fmt: skip
    if "identityMap" in schema.root.children:
        yield rule("identityMap", "identity", None, "critical" if rules.profile else None)
    if rules.profile:
        limit = PROFILE_EVENT_BYTES
        yield rule(EVENT_BYTES, "event_size", limit, label="the event", max_value=limit)


def _required(schema: XdmSchema, node: XdmField, columns: set[str]) -> Iterator[ExpectationSpec]:
    parent = schema.find(node.path[:-1]) if len(node.path) > 1 else schema.root
    if parent is None or node.path[-1] not in parent.required:
        return
    present = {"value_set": [True]}
    if not parent.path and node.kind is Kind.OBJECT:
        yield ExpectationSpec(node.dotted + PRESENT, "required", None, IN_SET, present)
    elif not parent.path:
        yield ExpectationSpec(node.dotted, "required", None, NOT_NULL)
    elif any(column.startswith(parent.dotted + ".") for column in columns):
        yield ExpectationSpec(node.dotted + PRESENT, "required_inside", None, IN_SET, present)


def _scalar(node: XdmField) -> Iterator[ExpectationSpec]:
    limits = node.constraints
    if "enum" in limits:
        values = [_as_kept(value, node.kind) for value in limits["enum"]]
        yield ExpectationSpec(node.dotted, "enum", limits["enum"], IN_SET, {"value_set": values})
    if node.kind is Kind.STRING:
        yield from _text(node)
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


def _text(node: XdmField) -> Iterator[ExpectationSpec]:
    limits = node.constraints
    if "pattern" in limits:
        regex = _python_regex(limits["pattern"])
        if _python_reads(regex):
            yield ExpectationSpec(node.dotted, "pattern", limits["pattern"], REGEX, {"regex": regex})
        else:  # \p{L}, say: JSON Schema's own expressions are left to the JSON Schema library
            only = {"nested_schema": json.dumps({"pattern": limits["pattern"]})}
            yield ExpectationSpec(node.dotted, "pattern", limits["pattern"], NESTED, only)
    if limits.get("format") in FORMATS:
        regex = _python_regex(FORMATS[limits["format"]])
        yield ExpectationSpec(node.dotted, "format", limits["format"], REGEX, {"regex": regex})
    for name, argument in (("minLength", "min_value"), ("maxLength", "max_value")):
        if name in limits:
            yield ExpectationSpec(node.dotted, name, limits[name], LENGTHS, {argument: limits[name]})


def _as_kept(value: Any, kind: Kind) -> Any:
    """A member of an enum as the column keeps it."""
    if kind is Kind.DATE and isinstance(value, str):
        return date.fromisoformat(value)
    if kind is Kind.DATE_TIME and isinstance(value, str):
        return datetime.fromisoformat(value)
    return value


def _python_regex(pattern: str) -> str:
    """A JSON Schema pattern as Python reads it: there ``$`` would also match before a line break at the end."""
    return _DOLLAR.sub(lambda token: r"\Z" if token[0] == "$" else token[0], pattern)


_DOLLAR = re.compile(r"\\.|\[(?:\\.|[^\]\\])*\]|\$", re.DOTALL)


def _python_reads(regex: str) -> bool:
    try:
        re.compile(regex)
    except re.error:
        return False
    return True


def _nested(node: XdmField) -> Iterator[ExpectationSpec]:
    document = json.dumps(nested_schema(node), sort_keys=True)
    yield ExpectationSpec(node.dotted, "nested", None, NESTED, {"nested_schema": document})


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
