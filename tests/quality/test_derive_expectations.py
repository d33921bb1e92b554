"""Expectations follow from the schema: each new constraint adds an expectation, without code."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest

from include.quality import derive_expectations as derive_module
from include.quality import event_rules
from include.quality.constraints import CONSTRAINTS, requirement_text
from include.quality.derive_expectations import derive_expectations
from include.quality.expectation_spec import ExpectationSpec
from include.quality.view import Part
from include.quality.view import Path as Columns
from tests.support.builders import (
    BOOLEAN,
    DATE_TIME,
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
IT = (TENANT, "mixpanel", "it")
ALWAYS = {
    ("_id", "required"),
    ("timestamp", "required"),
    ("timestamp", "in_the_past"),
    ("timestamp", "in_the_partition"),
    ("identityMap", "identity"),
}


def specs(columns: set[Columns], **fields: Any) -> list[ExpectationSpec]:
    return derive_expectations(schema(**fields), columns, row_rules())


def named(found: list[ExpectationSpec]) -> set[tuple[str, str]]:
    return {(spec.name, spec.constraint) for spec in found} - ALWAYS


@pytest.mark.parametrize(
    ("node", "constraints"),
    [
        (STRING, set()),
        ({"type": "string", "enum": ["a"]}, {"enum"}),
        ({"type": "string", "meta:enum": {"a": "A"}}, set()),  # Suggestions only.
        ({"type": "string", "pattern": "^a", "minLength": 1, "maxLength": 3}, {"pattern", "minLength", "maxLength"}),
        ({"type": "string", "format": "hostname"}, {"format"}),
        ({"type": "string", "minimum": 1, "multipleOf": 2}, set()),  # They apply to numbers only.
        ({"type": "integer", "multipleOf": 2, "const": 4}, {"multipleOf", "const"}),
        ({"type": "number", "format": "email", "maxLength": 1}, set()),
        ({"type": "string", "oneOf": [{"minLength": 1}], "not": {"const": "x"}}, {"oneOf", "not"}),
        ({"type": "integer", "minimum": 0, "maximum": 9}, {"minimum", "maximum"}),
        ({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}, {"exclusiveMinimum", "exclusiveMaximum"}),
        (BOOLEAN, set()),
        (DATE_TIME, set()),
    ],
)  # fmt: skip
def test_each_constraint_of_a_field_is_an_expectation(node: dict[str, Any], constraints: set[str]) -> None:
    """Wherever the field is."""
    name = ".".join(IT)
    assert named(specs({IT}, it=node)) == {(name, constraint) for constraint in constraints}
    inside = {(f"{name}.*", constraint) for constraint in {*constraints, "type"}}
    for around in (array_of(node), map_of(node)):
        assert named(specs({(*IT, "*")}, it=around)) == inside


@pytest.mark.parametrize(
    ("node", "constraints"),
    [
        ({**array_of(STRING), "minItems": 1, "maxItems": 3, "uniqueItems": True}, {"minItems", "maxItems", "uniqueItems"}),
        ({**array_of(STRING), "uniqueItems": False}, set()),
        ({**array_of(STRING), "contains": {"const": "a"}, "anyOf": [{"minItems": 2}]}, {"contains", "anyOf"}),
        ({**map_of(STRING), "minProperties": 1, "maxProperties": 3}, {"minProperties", "maxProperties"}),
        ({**map_of(STRING), "propertyNames": {"maxLength": 3}}, {"propertyNames"}),
        ({**map_of(STRING), "patternProperties": {"a": {"minimum": 1}}}, {"patternProperties"}),
    ],
)  # fmt: skip
def test_each_constraint_of_an_array_or_a_map_is_an_expectation(
    node: dict[str, Any], constraints: set[str]
) -> None:
    name = ".".join(IT)
    found = named(specs({(*IT, "*")}, it=node)) - {(f"{name}.*", "type")}
    assert found == {(name, constraint) for constraint in constraints}


def test_every_event_needs_its_id_and_its_time_in_the_past() -> None:
    found = specs(set())
    assert {(spec.name, spec.constraint) for spec in found} == ALWAYS
    assert [spec.limit for spec in found if spec.constraint == "in_the_past"] == [NOW]


def test_a_field_without_values_has_no_expectations() -> None:
    """An optional field added to the schema changes nothing."""
    assert named(specs({IT}, it=STRING, new={"type": "string", "enum": ["a"]})) == set()


def test_a_required_inner_field_is_expected_if_the_object_exists() -> None:
    inside = {"it": STRING, "place": object_of(required=["city"], city=STRING, zip=STRING)}
    column = (TENANT, "mixpanel", "place")
    expected = {(".".join((*column, "city")), "required_inside")}
    assert named(specs({(*column, "zip")}, **inside)) == expected
    assert named(specs({IT}, **inside)) == set()


def test_a_new_required_field_is_expected_at_once() -> None:
    before, after = (
        derive_expectations(schema(required=names, it=STRING), {IT}, row_rules()) for names in ([], ["it"])
    )
    assert named(after) - named(before) == {(".".join(IT), "required_inside")}


def test_a_reason_names_field_and_limit_and_never_a_value() -> None:
    (spec,) = [spec for spec in specs({IT}, it={"type": "number", "minimum": 3}) if spec.view.path == IT]
    assert spec.reason.record == {"field": ".".join(IT), "expectation": "minimum", "limit": 3}
    assert spec.sentence == "must be at least 3"


@pytest.mark.parametrize(
    "limits", [{"maximum": 2**53 + 1}, {"minimum": 0.5}, {"multipleOf": 0.1}, {"exclusiveMaximum": 3}]
)
def test_a_reason_has_the_limit_however_it_is_checked(limits: dict[str, Any]) -> None:
    (spec,) = [spec for spec in specs({IT}, it={"type": "number", **limits}) if spec.view.path == IT]
    assert (spec.constraint, spec.reason.limit) == next(iter(limits.items()))


def test_every_expectation_is_in_the_table() -> None:
    sources = [Path(module.__file__) for module in (derive_module, event_rules)]
    made = {
        constant.value
        for source in sources
        for call in ast.walk(ast.parse(source.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call)
        and getattr(call.func, "id", "")
        in ("ExpectationSpec", "rule", "_json_schema_expectation", "_enum_expectation")
        for constant in call.args[1:2]
        if isinstance(constant, ast.Constant)
    }
    assert made <= CONSTRAINTS.keys()
    assert len(made) > 8


def test_unmapped_members_inside_an_array_are_expected_only_if_required() -> None:
    item = object_of(required=["a"], a={**NUMBER, "minimum": 1}, b={**STRING, "maxLength": 2})
    it = {"it": array_of(item)}
    name = ".".join(IT)
    assert named(specs({(*IT, "*", "b")}, **it)) == {
        (f"{name}.*", "type"), (f"{name}.*.a", "required"), (f"{name}.*.b", "maxLength"),
    }  # fmt: skip


def test_dates_are_compared_as_dates_and_have_no_text() -> None:
    node = {**DATE_TIME, "enum": ["2026-07-01T12:00:00Z", "soon"], "pattern": "^a", "maxLength": 3}
    (spec,) = [spec for spec in specs({IT}, it=node) if spec.view.path == IT]
    assert (spec.constraint, len(spec.kwargs["value_set"])) == ("enum", 1)


def test_the_identity_map_of_every_schema_is_checked() -> None:
    (spec,) = [
        spec for spec in specs({("identityMap", "*", "*", "authenticatedState")}) if spec.constraint == "enum"
    ]
    assert (spec.name, spec.view.part) == ("identityMap.*.*.authenticatedState", Part.VALUE)


def test_a_sentence_shows_an_instant_as_people_write_it() -> None:
    day = "2026-07-01T00:00:00+00:00 to 2026-07-02T00:00:00+00:00"
    assert requirement_text("in_the_partition", day) == (
        "must be in the partition's day, 2026-07-01 00:00:00 UTC to 2026-07-02 00:00:00 UTC"
    )
    assert (
        requirement_text("in_the_past", "2026-07-03T06:00:01.250000+00:00")
        == "must be before 2026-07-03 06:00:01 UTC"
    )
    assert requirement_text("const", "T06:00:00+00:00") == "must be T06:00:00+00:00"
