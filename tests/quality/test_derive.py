"""Expectations follow from the schema: a constraint more there is an expectation more here, and no code."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest

from include.quality import derive as module
from include.quality.constraints import CONSTRAINTS
from include.quality.derive import FORMATS, ExpectationSpec, derive, nested_schema
from tests.making import (
    BOOLEAN,
    DATE_TIME,
    INT,
    NUMBER,
    STRING,
    TENANT,
    array_of,
    map_of,
    object_of,
    row_rules,
    schema,
)

pytestmark = pytest.mark.unit
NOW = "2026-07-03T00:00:00+00:00"
IT = "_acme.mixpanel.it"
ALWAYS = {
    ("_id", "required"),
    ("timestamp", "required"),
    ("timestamp", "in_the_past"),
    ("timestamp", "in_the_partition"),
    ("identityMap", "identity"),
}


def specs(columns: set[str], **fields: Any) -> list[ExpectationSpec]:
    return derive(schema(**fields), columns, row_rules())


def named(found: list[ExpectationSpec]) -> set[tuple[str, str]]:
    return {(spec.column, spec.constraint) for spec in found} - ALWAYS


@pytest.mark.parametrize(
    ("node", "constraints"),
    [
        (STRING, set()),
        ({"type": "string", "enum": ["a"]}, {"enum"}),
        ({"type": "string", "meta:enum": {"a": "A"}}, set()),  # suggestions only
        ({"type": "string", "pattern": "^a", "minLength": 1, "maxLength": 3}, {"pattern", "minLength", "maxLength"}),
        *(({"type": "string", "format": name}, {"format"}) for name in FORMATS),
        ({"type": "string", "format": "hostname"}, set()),
        ({"type": "integer", "minimum": 0, "maximum": 9}, {"minimum", "maximum"}),
        ({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}, {"exclusiveMinimum", "exclusiveMaximum"}),
        (BOOLEAN, set()),
        (DATE_TIME, set()),
        (array_of(STRING), {"nested"}),
        (map_of(INT), {"nested"}),
    ],
)  # fmt: skip
def test_each_constraint_of_a_field_is_an_expectation(node: dict[str, Any], constraints: set[str]) -> None:
    assert named(specs({IT}, it=node)) == {(IT, constraint) for constraint in constraints}


@pytest.mark.parametrize(
    ("pattern", "regex"),
    [
        ("^[A-Z]{3}$", r"^[A-Z]{3}\Z"),
        (r"^\$[$]$|a$", r"^\$[$]\Z|a\Z"),
        (r"[\]$]\\$", r"[\]$]\\\Z"),
        ("a", "a"),
    ],
)
def test_the_end_of_a_pattern_is_the_end_of_the_text(pattern: str, regex: str) -> None:
    """Python's $ also matches before a line break at the end; JSON Schema's does not."""
    (spec,) = [spec for spec in specs({IT}, it={"type": "string", "pattern": pattern}) if spec.column == IT]
    assert (spec.limit, spec.kwargs["regex"]) == (pattern, regex)


def test_every_event_needs_its_id_and_its_time_in_the_past() -> None:
    found = specs(set())
    assert {(spec.column, spec.constraint) for spec in found} == ALWAYS
    assert [spec.limit for spec in found if spec.constraint == "in_the_past"] == [NOW]


def test_a_field_that_no_row_has_is_expected_nothing_of() -> None:
    """An optional field that the schema gains changes nothing."""
    assert named(specs({IT}, it=STRING, new={"type": "string", "enum": ["a"]})) == set()


def test_a_field_required_inside_an_object_is_expected_where_the_object_is() -> None:
    inside = {"it": STRING, "place": object_of(required=["city"], city=STRING, zip=STRING)}
    column = f"{TENANT}.mixpanel.place"
    assert named(specs({f"{column}.zip"}, **inside)) == {(f"{column}.city?", "required_inside")}
    assert named(specs({IT}, **inside)) == set()


def test_a_new_required_field_is_expected_at_once() -> None:
    before, after = (derive(schema(required=names, it=STRING), {IT}, row_rules()) for names in ([], ["it"]))
    assert named(after) - named(before) == {(f"{IT}?", "required_inside")}


def test_a_reason_names_field_and_limit_and_never_a_value() -> None:
    (spec,) = [spec for spec in specs({IT}, it={"type": "number", "minimum": 3}) if spec.column == IT]
    assert spec.reason.record == {"field": IT, "expectation": "minimum", "limit": 3}
    assert spec.sentence == "must be at least 3"


def test_every_expectation_stands_in_the_table() -> None:
    tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
    made = {
        constant.value
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") in ("ExpectationSpec", "rule")
        for constant in call.args[1:2]
        if isinstance(constant, ast.Constant)
    }
    assert made <= CONSTRAINTS.keys()
    assert len(made) > 8


def test_what_is_inside_an_array_is_checked_as_json_schema_without_words() -> None:
    node = {
        **array_of(object_of(required=["a"], a=NUMBER, b=STRING)),
        "title": "It",
        "description": "x",
        "minItems": 1,
    }
    field = schema(it=node).find((TENANT, "mixpanel", "it"))
    assert nested_schema(field) == {
        "type": "array",
        "minItems": 1,
        "items": {
            "type": "object", "required": ["a"], "properties": {"a": {"type": "number"}, "b": {"type": "string"}},
        },
    }  # fmt: skip
    json.dumps(nested_schema(field))


def test_the_identity_map_of_every_schema_is_checked() -> None:
    (spec,) = [spec for spec in specs({"identityMap"}) if spec.constraint == "nested"]
    document = json.loads(spec.kwargs["nested_schema"])
    assert document["additionalProperties"]["items"]["properties"]["authenticatedState"]["enum"]
