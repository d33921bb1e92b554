"""Discovery: for any order and split of the data, a property gets one field and keeps it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from include.errors import ConfigError
from include.xdm.dataprep.language.paths import parse_path
from include.xdm.discovery.discover import Discovery, shape_of
from include.xdm.discovery.field_names import FieldAssignments, field_name, read_assignments
from include.xdm.discovery.field_proposals import Proposal, mapped_properties, propose_fields
from include.xdm.mapping.mapping_set import bind
from include.xdm.schema.xdm_schema import XdmSchema

pytestmark = pytest.mark.unit

NAMES = st.one_of(
    st.sampled_from(
        [
            "$os",
            "os",
            "username",
            "userName",
            "a b",
            "a_b",
            "a-b",
            "é",
            "e\u0301",
            "",
            "_x",
            "9",
            "select",
            "${a}",
        ]
    ),
    st.text(max_size=8),
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["2026-07-01T10:00:00Z", "2026-07-01", "", "x"]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)
EVENTS = st.lists(st.dictionaries(NAMES, VALUES, max_size=4), max_size=6)


def lines(*events: dict[str, Any]) -> list[bytes]:
    return [json.dumps({"event": "e", "properties": event}).encode() for event in events]


def discovered(*events: dict[str, Any]) -> Discovery:
    found = Discovery()
    found.add_lines(lines(*events))
    return found


def fields(*events: dict[str, Any]) -> dict[str, str]:
    """Return the type proposed for each source."""
    given = propose_fields(discovered(*events), FieldAssignments()).assignments.fields
    return {s: str(g.definition.get("format") or g.definition["type"]) for s, g in given.items()}


def schema(proposal: Proposal) -> XdmSchema:
    """Return what the registry would resolve for a field group with the proposal."""
    tenant = {"type": "object", "properties": proposal.field_group({})["properties"]}
    return XdmSchema({"meta:tenantNamespace": "_t", "type": "object", "properties": {"_t": tenant}})


@given(EVENTS, st.randoms())
@settings(max_examples=50)
def test_the_order_of_events_changes_nothing(events: list[dict[str, Any]], random: Any) -> None:
    shuffled = list(events)
    random.shuffle(shuffled)
    assert discovered(*events) == discovered(*shuffled)


@given(EVENTS, st.integers(0, 6))
@settings(max_examples=50)
def test_partial_results_merge_into_the_whole(events: list[dict[str, Any]], at: int) -> None:
    merged = discovered(*events[:at])
    merged.merge(discovered(*events[at:]))
    assert merged == discovered(*events)


@given(st.lists(EVENTS, min_size=1, max_size=4))
@settings(max_examples=50)
def test_later_data_never_change_an_assigned_field(runs: list[list[dict[str, Any]]]) -> None:
    book = FieldAssignments()
    for events in runs:
        proposal = propose_fields(discovered(*events), book)
        assert book.fields.items() <= proposal.assignments.fields.items()
        book = proposal.assignments


@given(st.lists(EVENTS, min_size=1, max_size=3))
@settings(max_examples=50)
def test_proposals_of_any_number_of_runs_fit_their_own_field_group(
    runs: list[list[dict[str, Any]]],
) -> None:
    """No two sources fill one field, none is inside another, and every type is one of XDM."""
    proposal = Proposal(FieldAssignments())
    for events in runs:
        proposal = propose_fields(discovered(*events), proposal.assignments)
    bind("test.json", list(proposal.rows()), schema(proposal), keep_unmapped=False)


@given(st.sets(NAMES, max_size=20))
@example({"username", "userName", "user_name", "user name", "$user_name"})
def test_no_two_names_get_one_field_even_if_case_is_ignored(names: set[str]) -> None:
    assert len({field_name(name).lower() for name in names}) == len(names)


@given(st.text())
def test_a_field_name_is_valid_in_xdm(name: str) -> None:
    made = field_name(name)
    assert made.replace("_", "").isalnum()
    assert made.isascii()
    assert made[0].isalpha()
    assert len(made) <= 64


@given(st.text(min_size=1))
def test_a_proposed_source_names_its_property(name: str) -> None:
    (source,) = propose_fields(discovered({name: "x"}), FieldAssignments()).assignments.fields
    assert parse_path(source) == ("properties", name)


def test_a_name_that_resembles_a_marked_one_is_marked_too() -> None:
    assert field_name(field_name("$os")) != field_name("$os")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, 2], "integer"),
        ([1, 2.5], "number"),
        ([2**53 + 1], "string"),
        ([1, 2**53 + 1], "string"),
        ([2.5, 2**53 + 1], "string"),
        ([1, "1"], "string"),
        ([True, False], "boolean"),
        ([True, 1], "string"),
        (["2026-07-01", "2026-07-02"], "string"),
        (["2026-07-01T10:00:00Z", "2026-07-01T10:00:00.5+02:00"], "date-time"),
        (["2026-07-01T10:00:00Z", "2026-07-01T10:00:00"], "string"),
        (["2026-07-01T10:00:00.1234Z"], "string"),
        (["2026-02-30T10:00:00Z"], "string"),
        ([1, None, ""], "integer"),
        ([["a"], ["b", None]], "array"),
        ([["a", 1]], "string"),
        ([[1], "x"], "string"),
        ([[[1]]], "string"),
        ([{"a": 1}, "x"], "string"),
        ([{f"k{n}": 1 for n in range(51)}], "string"),
        ([{"a": {"": 1}}], "string"),
    ],
)
def test_a_type_holds_every_observed_value(values: list[Any], expected: str) -> None:
    found = fields(*({"x": value} for value in values))
    assert set(found.values()) == {expected}


def test_digits_beyond_a_double_require_a_string() -> None:
    found = Discovery()
    found.add_lines([b'{"event":"e","properties":{"x":0.1234567890123456789,"y":1e400,"z":1.50}}'])
    given = propose_fields(found, FieldAssignments()).assignments.fields
    assert [entry.definition["type"] for entry in given.values()] == ["string", "string", "number"]


def test_nothing_is_proposed_for_properties_without_values() -> None:
    assert fields({"a": None, "b": "", "c": [], "d": {}, "e": [None], "f": {"g": None}}) == {}


def test_objects_are_opened_to_the_third_level() -> None:
    assert fields({"a": {"b": {"c": {"d": 1}, "e": 1}}}) == {
        "properties.a.b.c.d": "integer",
        "properties.a.b.e": "integer",
    }
    assert fields({"a": {"b": {"c": {"d": {"e": 1}}}}}) == {"properties.a.b.c.d": "string"}


def test_a_list_of_flat_objects_has_a_field_for_each_member() -> None:
    assert fields({"cart": [{"sku": "a", "price": 1.5}]}) == {
        "properties.cart[*].price": "number",
        "properties.cart[*].sku": "string",
    }
    assert fields({"cart": [{"sku": {"a": 1}}]}) == {"properties.cart": "string"}


def test_a_new_member_of_an_object_is_added() -> None:
    first = propose_fields(discovered({"a": {"b": 1}}), FieldAssignments())
    then = propose_fields(discovered({"a": {"b": 2, "c": "x"}}), first.assignments)
    assert then.new == ["properties.a.c"]


def test_data_that_no_longer_fit_are_reported() -> None:
    first = propose_fields(discovered({"a": 1, "b": {"c": 1}, "d": "x"}), FieldAssignments())
    then = propose_fields(discovered({"a": "one", "b": "two", "d": 3}), first.assignments)
    assert then.new == []
    assert then.differing == {
        "properties.a": "integer, but the data contain string",
        "properties.b": "split into fields, but the data contain string",
    }


@pytest.mark.parametrize("first", [{"a": 1}, [{"a": 1}]])
@pytest.mark.parametrize("then", [{"b": 1}, [{"b": 1}], "x", ["x"], [{"b": {}}]])
def test_an_object_is_never_opened_in_two_ways(first: Any, then: Any) -> None:
    each = "[*]" if isinstance(first, list) else ""
    book = propose_fields(discovered({"o": first}), FieldAssignments()).assignments
    proposal = propose_fields(discovered({"o": then}), book)
    same_way = isinstance(then, type(first)) and isinstance(then[0] if each else then, dict)
    fits = same_way and then != [{"b": {}}]
    assert proposal.new == ([f"properties.o{each}.b"] if fits else [])
    assert bool(proposal.differing) == (not same_way)


def test_a_persons_mapping_is_kept() -> None:
    rows = [
        {"sourceType": "ATTRIBUTE", "source": "properties.a", "destination": "x"},
        {"sourceType": "ATTRIBUTE", "source": "data.b", "destination": "x"},
        {"sourceType": "EXPRESSION", "source": "upper(properties.c)", "destination": "x"},
    ]
    mapped = mapped_properties(rows, FieldAssignments())
    proposal = propose_fields(
        discovered(dict.fromkeys(["a", "$b", "c", "d"], "x")), FieldAssignments(), mapped
    )
    assert proposal.new == ["properties.d"]


def test_a_mapping_of_the_assigned_fields_does_not_hide_its_property() -> None:
    first = propose_fields(discovered({"a": {"b": 1}}), FieldAssignments())
    assert mapped_properties(first.rows(), first.assignments) == set()


def test_a_field_group_keeps_its_fields() -> None:
    proposal = propose_fields(discovered({"a": 1}), FieldAssignments())
    made = proposal.field_group(
        {"title": "t", "properties": {"mixpanel": {"type": "object", "properties": {"e": 1}}}}
    )
    assert made["title"] == "t"
    assert set(made["properties"]["mixpanel"]["properties"]) == {"e", "custom"}


def test_the_empty_name_stays_unmapped_and_is_counted() -> None:
    proposal = propose_fields(discovered({"": 1}), FieldAssignments())
    assert (proposal.new, proposal.nameless) == ([], 1)


def test_lines_that_are_not_events_are_counted() -> None:
    found = Discovery()
    deep = b'{"event":"e","properties":{"a":' + b"[" * 1000 + b"]" * 1000 + b"}}"
    found.add_lines(
        [b"", b"\xff", b'{"event":"e"}', deep, rb'{"event":"e","properties":{"a":{"b":"\ud800"}}}', b"{}"]
    )
    assert found.rows + found.unreadable == 6
    propose_fields(found, FieldAssignments())


def test_shapes_show_no_values() -> None:
    assert shape_of("Ann.Lee+42@example.com 10:30 #7é") == "a.a+9@a.a 9:9 ?x"


def test_the_assigned_fields_are_read_as_written(tmp_path: Any) -> None:
    book = propose_fields(discovered({"$a": 1, "b": [{"c": "x"}]}), FieldAssignments()).assignments
    (tmp_path / "p.json").write_bytes(book.to_json())
    assert read_assignments(tmp_path / "p.json") == book
    (tmp_path / "q.json").write_bytes(b'{"fields": []}')
    with pytest.raises(ConfigError, match=r"q\.json"):
        read_assignments(tmp_path / "q.json")
