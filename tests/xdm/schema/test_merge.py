"""Several definitions of one field are merged: a value fits the merged field if it fits every definition."""

from __future__ import annotations

from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.errors import SchemaError
from include.xdm.schema.merge import merged
from include.xdm.schema.resolve import resolve
from tests.support.builders import INT, NUMBER, STRING, array_of, map_of, object_of

pytestmark = pytest.mark.unit


def limits(**choices: list[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {}, optional={name: st.sampled_from(values) for name, values in choices.items()}
    )


TEXTS = limits(
    minLength=[1, 2],
    maxLength=[1, 3],
    pattern=["^a", "b$"],
    enum=[["a", "ab"], ["ab", "b"]],
    format=["uri", "hostname"],
).map(lambda more: {"type": "string", **more})
NUMBERS = st.tuples(
    st.sampled_from(["integer", "number"]),
    limits(
        minimum=[0, 2], maximum=[2, 9], exclusiveMinimum=[0, 1], multipleOf=[2, 3], enum=[[1, 2.0, 6], [2, 6]]
    ),
).map(lambda pair: {"type": pair[0], **pair[1]})
VALUES = {"t": ["a", "ab", "b", "abc", "x"], "n": [0, 1, 2, 2.5, 3, 6, 12]}
SAME_KIND = st.sampled_from("tn").flatmap(
    lambda kind: st.tuples(*[TEXTS if kind == "t" else NUMBERS] * 2, st.just(VALUES[kind]))
)


def fits(node: dict[str, Any], value: Any) -> bool:
    return bool(jsonschema_rs.Draft6Validator(node, validate_formats=True).is_valid(value))


@given(SAME_KIND, st.sampled_from(["plain", "items", "values", "member", "items of items"]))
def test_a_value_fits_the_merged_field_if_it_fits_every_part(
    case: tuple[dict[str, Any], dict[str, Any], list[Any]], place: str
) -> None:
    around = {
        "plain": lambda it: it, "items": array_of, "values": map_of, "member": lambda it: object_of(a=it),
        "items of items": lambda it: array_of(array_of(it)),
    }[place]  # fmt: skip
    held = {
        "plain": lambda it: it, "items": lambda it: [it], "values": lambda it: {"k": it}, "member": lambda it: {"a": it},
        "items of items": lambda it: [[it]],
    }[place]  # fmt: skip
    one, other, values = case
    try:
        whole = merged(around(one), around(other), "it")
    except SchemaError:
        assert not any(fits(one, value) and fits(other, value) for value in values)
        return
    assert (
        whole
        == resolve({"properties": {"x": {"allOf": [around(one), around(other)]}}}, dict.__getitem__)[
            "properties"
        ]["x"]
    )
    for value in values:
        assert fits(whole, held(value)) == (fits(one, value) and fits(other, value)), (whole, value)


@pytest.mark.parametrize(
    ("one", "other", "keyword"),
    [
        (STRING, INT, "type"),
        ({"enum": ["a"]}, {"enum": ["b"]}, "enum"),
        ({"const": 1}, {"const": True}, "const"),
        ({"minimum": 5}, {"maximum": 3}, "minimum and maximum"),
        ({"minItems": 2}, {"maxItems": 1}, "minItems and maxItems"),
    ],
)
def test_a_contradiction_is_reported_with_its_field(
    one: dict[str, Any], other: dict[str, Any], keyword: str
) -> None:
    parts = [{"properties": {"_acme": object_of(list=array_of(each))}} for each in (one, other)]
    with pytest.raises(SchemaError, match=rf"contradict each other at _acme\.list\.\*: .* in {keyword}\."):
        resolve({"allOf": parts}, dict.__getitem__)


def test_the_narrower_type_determines_the_xdm_type() -> None:
    one, other = (
        {**NUMBER, "meta:xdmType": "number", "title": "A"},
        {**INT, "meta:xdmType": "int", "title": "B"},
    )
    assert merged(one, other, "it") == {**INT, "meta:xdmType": "int", "title": "A"}


def test_items_of_one_array_from_two_groups_are_merged() -> None:
    parts = [{"properties": {"cart": array_of(object_of([name], **{name: STRING}))}} for name in "ab"]
    item = resolve({"allOf": parts}, dict.__getitem__)["properties"]["cart"]["items"]
    assert (sorted(item["properties"]), item["required"]) == (["a", "b"], ["a", "b"])


@pytest.mark.parametrize(
    ("keyword", "loose", "tight"),
    [
        *((name, 1, 2) for name in ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")),
        *((name, 2, 1) for name in ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")),
        ("uniqueItems", False, True),
        ("enum", [1, 2], [2]),
        ("required", ["a"], ["a", "b"]),
        ("additionalProperties", True, False),
    ],
)  # fmt: skip
def test_the_tighter_limit_wins_in_either_order(keyword: str, loose: Any, tight: Any) -> None:
    for one, other in ((loose, tight), (tight, loose)):
        assert merged({keyword: one}, {keyword: other}, "it") == {keyword: tight}
