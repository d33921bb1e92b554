"""Define the constraints: what the XDM schema, AEP or the pipeline requires of rows, and how it is checked.

``docs/quality.md`` shows the table; a test checks that both are equal.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from include.errors import Terminal
from include.json_types import JsonObject

Severity = Literal["critical", "warning"]
Scope = Literal["row", "partition"]
GxArguments: TypeAlias = dict[str, Any]
"""The keyword arguments of a Great Expectations (GX) class; each class has different ones."""

# Names of GX classes. JSON_SCHEMA is a class of this project (include/quality/json_schema_expectation.py): GX's class
# for JSON Schema takes 1.5 ms per row, and uses Python's regular expressions and dates instead of JSON Schema's.
NOT_NULL = "ExpectColumnValuesToNotBeNull"
IN_SET = "ExpectColumnValuesToBeInSet"
BETWEEN = "ExpectColumnValuesToBeBetween"
LENGTHS = "ExpectColumnValueLengthsToBeBetween"
JSON_SCHEMA = "ExpectColumnValuesToFitJsonSchema"
_ISO_TIME = re.compile(r"T(\d\d:\d\d:\d\d)(?:\.\d+)?\+00:00")


@dataclass(frozen=True)
class Constraint:
    """One kind of constraint.

    Attributes:
        required_by: what requires it: the XDM schema, AEP or the pipeline.
        expectation: the name of the GX class that checks it.
        sentence: what it requires, as a text that follows a field's name; ``{limit}`` is the constraint's value.
        severity: ``critical``: rows that fail are quarantined. ``warning``: they are only counted.
        scope: whether it applies to each row or to the partition as a whole.
    """

    required_by: str
    expectation: str
    sentence: str
    severity: Severity = "critical"
    scope: Scope = "row"


_XDM = "XDM schema"

CONSTRAINTS: dict[str, Constraint] = {
    "required": Constraint(_XDM, NOT_NULL, "must be present"),
    "required_inside": Constraint(
        f"{_XDM}: required in an object", NOT_NULL, "must be present when its parent object is present"
    ),
    "enum": Constraint(_XDM, IN_SET, "must be one of {limit}"),
    "const": Constraint(_XDM, IN_SET, "must be {limit}"),
    "pattern": Constraint(_XDM, JSON_SCHEMA, "must match {limit}"),
    "format": Constraint(_XDM, JSON_SCHEMA, "must be a {limit}"),
    "minimum": Constraint(_XDM, BETWEEN, "must be at least {limit}"),
    "maximum": Constraint(_XDM, BETWEEN, "must be at most {limit}"),
    "exclusiveMinimum": Constraint(_XDM, BETWEEN, "must be above {limit}"),
    "exclusiveMaximum": Constraint(_XDM, BETWEEN, "must be below {limit}"),
    "multipleOf": Constraint(_XDM, JSON_SCHEMA, "must be a multiple of {limit}"),
    "minLength": Constraint(_XDM, LENGTHS, "must have at least {limit} characters"),
    "maxLength": Constraint(_XDM, LENGTHS, "must have at most {limit} characters"),
    "type": Constraint(f"{_XDM}, items of arrays, values of maps", NOT_NULL, "must be of type {limit}"),
    "minItems": Constraint(f"{_XDM}, arrays", BETWEEN, "must have at least {limit} items"),
    "maxItems": Constraint(f"{_XDM}, arrays", BETWEEN, "must have at most {limit} items"),
    "uniqueItems": Constraint(f"{_XDM}, arrays", JSON_SCHEMA, "must not contain duplicate items"),
    "contains": Constraint(f"{_XDM}, arrays", JSON_SCHEMA, "must contain an item that fits `contains` of the schema"),
    "minProperties": Constraint(f"{_XDM}, maps and objects", BETWEEN, "must have at least {limit} keys"),
    "maxProperties": Constraint(f"{_XDM}, maps and objects", BETWEEN, "must have at most {limit} keys"),
    "propertyNames": Constraint(
        f"{_XDM}, maps and objects", JSON_SCHEMA, "must have only keys that the schema allows"
    ),
    "patternProperties": Constraint(
        f"{_XDM}, maps and objects", JSON_SCHEMA, "must have values that fit what the schema requires for their keys"
    ),
    "dependencies": Constraint(
        f"{_XDM}, maps and objects", JSON_SCHEMA, "must have the keys that its other keys require"
    ),
    "allOf": Constraint(_XDM, JSON_SCHEMA, "must fit all alternatives of the schema"),
    "anyOf": Constraint(_XDM, JSON_SCHEMA, "must fit an alternative of the schema"),
    "oneOf": Constraint(_XDM, JSON_SCHEMA, "must fit exactly one alternative of the schema"),
    "not": Constraint(_XDM, JSON_SCHEMA, "must not fit what the schema excludes"),
    "in_the_past": Constraint("AEP: an event is in the past", BETWEEN, "must be before {limit}"),
    "in_the_partition": Constraint(
        "pipeline: an event belongs to one day of the project", BETWEEN, "must be in the partition's day, {limit}"
    ),
    "identity": Constraint("pipeline: `identities`", NOT_NULL, "must contain an identity", "warning"),
    "primary_identity": Constraint(
        "AEP: Profile drops events without the schema's primary identity", NOT_NULL,
        "must be present: it is the primary identity of a dataset enabled for Profile",
    ),
    "event_size": Constraint(
        "AEP: Profile drops larger events (Profile guardrails)", BETWEEN, "must be at most {limit} bytes of JSON"
    ),
    "rows": Constraint(
        "pipeline: `quality.allow_empty`", BETWEEN, "must have at least {limit} valid events", scope="partition"
    ),
    "id_unique": Constraint("AEP's data lake keeps every row", BETWEEN, "must be unique", scope="partition"),
    "event_share": Constraint(
        "pipeline: previous partitions (`quality.history_days`)", BETWEEN,
        "should be {limit} of the day's events, as on previous days", "warning", "partition",
    ),
}  # fmt: skip

OWN_RULES = frozenset(
    name for name, constraint in CONSTRAINTS.items() if not constraint.required_by.startswith(_XDM)
)
"""The constraints whose severity a pipeline file can change: all except those of the schema, which AEP enforces too."""


@dataclass(frozen=True)
class Reason:
    """The reason why a row or a partition fails: the field, the constraint, and the constraint's value.

    It does not contain the row's value. ``limit`` is hashable, so that equal reasons can be counted.
    """

    field: str
    constraint: str
    limit: object = None

    @property
    def record(self) -> JsonObject:
        """The reason as a JSON object, as it is stored in quarantine files."""
        return {"field": self.field, "expectation": self.constraint, "limit": self.limit}

    @property
    def sentence(self) -> str:
        """The reason as a text for the report, such as ``person.age must be at least 0``."""
        return f"{self.field} {requirement_text(self.constraint, self.limit)}"


def requirement_text(constraint: str, limit: object) -> str:
    """Return what a constraint with the value ``limit`` requires of a field, such as ``must be at least 3``."""
    shown = ", ".join(map(str, limit)) if isinstance(limit, tuple | list) else limit
    if constraint in ("in_the_past", "in_the_partition"):
        shown = _ISO_TIME.sub(r" \1 UTC", str(limit))
    known = CONSTRAINTS.get(constraint)
    return known.sentence.format(limit=shown) if known else f"must fit {constraint} {shown}"


class ValidationBroken(Terminal):
    """An expectation could not be checked, so it is unknown whether the rows are valid."""


def cannot_check(field: str, constraint: str) -> ValidationBroken:
    """Return the error for an expectation that could not be checked, because its value does not fit the field."""
    return ValidationBroken(
        f"The expectation {constraint!r} of field {field!r} could not be checked.",
        "The schema has a constraint that does not fit the type of this field; correct the field group.",
    )
