"""A constraint means the same on a field, in an array, in a map and in an object, and the same as elsewhere.

Three judges: Great Expectations on columns, as validation runs it; Python's ``jsonschema``, an implementation of JSON
Schema that this project does not use; and the sandbox's AEP, which refuses a whole batch for one row.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import jsonschema
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from include.quality.derive_expectations import derive_expectations
from include.quality.leaf_columns import leaf_paths
from mixpanel_aep_sandbox.aep.ingestion.row_validation.checker import RowChecker
from mixpanel_aep_sandbox.aep.ingestion.row_validation.rules import RowRules
from mixpanel_aep_sandbox.aep.ingestion.settings import IngestSettings
from tests.support.builders import TENANT, array_of, document, instants, map_of, object_of, row_rules, schema
from tests.support.validate_tables import verdict

pytestmark = pytest.mark.unit

TEXTS = [
    "a", "A", "ab", "abc", "NOK", "NOK\n", "naïve", "٣٤", "12", "a b", "\u2028", "é", "e\u0301", "👩", "👩\u200d👩", "\U00010000a",
    "https://shop.example/list?tags[]=red", "https://shop.example/größe", "https://shop.example/a", "urn:x", "/sale?off=50%",
    "/a", "jane..doe@example.com", "jane@example.com", "a@localhost", "1:2", "2001:db8::1", "2001:db8::1::2", "1.2.3.4",
    "01.2.3.4", "my_host", "a.example", "6C0A5E0D-9C0B-4E7E-8F57-0A2B8D1C4E55", "6C0A5E0D9C0B4E7E8F570A2B8D1C4E55", "2026-02-30",
]  # fmt: skip
NUMBERS = [
    0.0,
    -0.0,
    0.1,
    0.3,
    0.35,
    0.5,
    1.0,
    1.1,
    1.5,
    2.0,
    3.0,
    4.35,
    19.99,
    -1.0,
    1e20,
    1e300,
    5e-324,
    9007199254740992.0,
]
WHOLE = [0, 1, 2, 3, 5, 10, -1, 2**31, 2**53 - 1, 2**53, 2**53 + 1, -(2**53), 2**63 - 1]
OF_TEXTS: list[dict[str, Any]] = [
    *({"format": name} for name in ("uri", "uri-reference", "email", "ipv4", "ipv6", "hostname", "uuid", "regex")),
    *({"pattern": text} for text in (r"^\w+$", r"^\d+$", "^[A-Z]{3}$", "a", r"^\S+$", r"^.$", r"^(?!a).*$", r"^\u00e9$")),
    {"pattern": r"^\p{L}+$"}, {"minLength": 2}, {"maxLength": 1}, {"minLength": 2, "maxLength": 3, "pattern": "^[a-z]"},
    {"minLength": 3, "maxLength": 2}, {"enum": ["a", "é", "👩"]}, {"enum": ["a", 1, None, True]}, {"const": "a"}, {"const": 1},
    {"minimum": 5}, {"multipleOf": 2},
]  # fmt: skip
OF_NUMBERS: list[dict[str, Any]] = [
    {"minimum": 1}, {"maximum": 1}, {"exclusiveMinimum": 1}, {"exclusiveMaximum": 1}, {"minimum": 0.3, "exclusiveMaximum": 4.35},
    {"minimum": 2, "maximum": 1}, {"maximum": 2**53}, {"minimum": -(2**53)}, {"maximum": 2**53 + 1}, {"minimum": 2**53 + 1},
    {"multipleOf": 2}, {"multipleOf": 1}, {"enum": [1, 3]}, {"enum": [0.5, 3, 2**53 + 1]}, {"enum": [True, "1"]},
    {"const": 1}, {"const": 1.0}, {"const": 0}, {"minLength": 9}, {"pattern": "x"},
]  # fmt: skip
COMBINED: list[dict[str, Any]] = [
    {"oneOf": [{"enum": ["a", 1]}, {"enum": ["a", 2, "ab"]}]}, {"anyOf": [{"enum": ["a", 1]}, {"minimum": 3, "minLength": 3}]},
    {"allOf": [{"minimum": 1, "minLength": 2}, {"maximum": 2, "maxLength": 3}]}, {"not": {"enum": ["a", 1]}}, {"not": {}},
]  # fmt: skip
DECIMAL: list[dict[str, Any]] = [{"multipleOf": step} for step in (0.1, 0.01, 0.5, 2.5, 1e-10, 3)]
"""Python's own ``jsonschema`` divides doubles: to AEP 0.3 is a multiple of 0.1, and 1e300 is not a multiple of 3."""

KINDS = {"string": (pa.string(), TEXTS), "number": (pa.float64(), NUMBERS), "integer": (pa.int64(), WHOLE)}
PLACES: dict[str, Any] = {
    "a field": (lambda node: node, lambda kind: kind, lambda value: value),
    "an array": (array_of, pa.list_, lambda value: [value]),
    "a map": (map_of, lambda kind: pa.map_(pa.string(), kind), lambda value: {"k": value}),
    "an object in an array": (
        lambda node: array_of(object_of(v=node, w={"type": "boolean"})),
        lambda kind: pa.list_(pa.struct([("v", kind), ("w", pa.bool_())])),
        lambda value: [{"w": True}, {"v": value}],
    ),
}


def ours(node: dict[str, Any], kind: Any, values: list[Any]) -> set[int]:
    """Return the positions that validation refuses."""
    entries = [
        list(value.items()) if isinstance(value, dict) and pa.types.is_map(kind) else value
        for value in values
    ]
    it = pa.StructArray.from_arrays([pa.array(entries, kind)], ["it"])
    rows = pa.table({
        "_id": [f"{n}" for n in range(len(values))],
        "timestamp": pa.array(instants(len(values)), pa.timestamp("ms", "UTC")),
        TENANT: pa.StructArray.from_arrays([it], ["mixpanel"]),
    })  # fmt: skip
    return set(
        verdict(derive_expectations(schema(it=node), set(leaf_paths(rows.schema)), row_rules()), rows).refused
    )


def python_says(node: dict[str, Any], values: list[Any]) -> set[int]:
    judge = jsonschema.Draft6Validator(node)
    return {n for n, value in enumerate(values) if not judge.is_valid(value)}


def sandbox_says(node: dict[str, Any], values: list[Any]) -> set[int]:
    resolved = document(it=node)
    later = int(datetime(2027, 1, 1, tzinfo=UTC).timestamp() * 1000)
    checker = RowChecker(RowRules(resolved), IngestSettings(), nulls=True, now_ms=later)
    rows = [
        {"_id": "1", "timestamp": "2026-07-01T12:00:00Z", TENANT: {"mixpanel": {"it": value}}}
        for value in values
    ]
    return {n for n, row in enumerate(rows) if checker.check_row(row)[1]}


def cases() -> Any:
    """Generate a type, limits for it, and values."""

    def values(kind: str) -> st.SearchStrategy[list[Any]]:
        more = {
            "string": st.text(min_size=1, max_size=4).filter(lambda text: text.isprintable()),
            "number": st.floats(allow_nan=False, allow_infinity=False),
            "integer": st.integers(-(2**53), 2**53),
        }
        return st.lists(st.sampled_from(KINDS[kind][1]) | more[kind], min_size=1, max_size=30)

    limits = {"string": OF_TEXTS, "number": [*OF_NUMBERS, *DECIMAL], "integer": OF_NUMBERS}
    return st.sampled_from(sorted(KINDS)).flatmap(
        lambda kind: st.tuples(st.just(kind), st.sampled_from([*limits[kind], *COMBINED]), values(kind))
    )


SLOW = settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))


@SLOW
@given(cases(), st.sampled_from(sorted(PLACES)))
def test_a_constraint_means_the_same_in_every_place(case: tuple[str, Any, list[Any]], place: str) -> None:
    kind, limits, values = case
    node = {"type": kind, **limits}
    around, arrow, held = PLACES[place]
    alone = ours(node, KINDS[kind][0], values)
    assert ours(around(node), arrow(KINDS[kind][0]), list(map(held, values))) == alone


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("part", range(3))
def test_every_keyword_agrees_with_another_implementation_of_json_schema(kind: str, part: int) -> None:
    every = [*(OF_TEXTS if kind == "string" else OF_NUMBERS), *COMBINED]
    arrow, values = KINDS[kind]
    for limits in every[part::3]:
        if (
            limits.keys() & {"format"}
            or r"\w" in limits.get("pattern", "")
            or limits.get("pattern") in _NOT_PYTHONS
        ):
            continue
        node = {"type": kind, **limits}
        assert ours(node, arrow, values) == python_says(node, values), node


_NOT_PYTHONS = (r"^\d+$", r"^\S+$", r"^\p{L}+$", "^[A-Z]{3}$", r"^.$", r"^(?!a).*$", r"^\u00e9$")
"""Python's ``\\d`` takes Arabic digits, its ``$`` a line break after the end, and it does not know ``\\p``."""


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("place", sorted(PLACES))
def test_no_value_passes_that_the_sandbox_refuses(kind: str, place: str) -> None:
    """Where the sandbox knows the keyword, the two agree on every value."""
    arrow, values = KINDS[kind]
    around, outer, held = PLACES[place]
    if kind == "integer":
        values = [value for value in values if abs(value) <= 2**31 - 1]  # More than the type holds.
    every = OF_TEXTS if kind == "string" else [*OF_NUMBERS, *(DECIMAL if kind == "number" else [])]
    placed = list(map(held, values))
    for limits in every:
        node = {"type": kind, **limits}
        found = ours(around(node), outer(arrow), placed)
        assert found == sandbox_says(around(node), placed), node


ARRAYS: list[dict[str, Any]] = [
    {"minItems": 2}, {"maxItems": 1}, {"minItems": 2, "maxItems": 2}, {"uniqueItems": True}, {"contains": {"const": "a"}},
    {"contains": {"minLength": 3}}, {"enum": [["a"], ["a", "b"]]}, {"const": ["a"]}, {"not": {"minItems": 2}},
    {"anyOf": [{"minItems": 3}, {"contains": {"const": "b"}}]}, {"minProperties": 5},
]  # fmt: skip
MAPS: list[dict[str, Any]] = [
    {"minProperties": 2}, {"maxProperties": 1}, {"propertyNames": {"pattern": "^[a-b]$"}}, {"propertyNames": {"maxLength": 1}},
    {"patternProperties": {"^a": {"const": "x"}}}, {"required": ["a"]}, {"enum": [{"a": "x"}]}, {"dependencies": {"a": ["b"]}},
    {"oneOf": [{"required": ["a"]}, {"required": ["b"]}]}, {"minItems": 5},
]  # fmt: skip


@SLOW
@given(
    st.sampled_from(ARRAYS), st.lists(st.lists(st.sampled_from(["a", "b", "abc"]), min_size=1), min_size=1)
)
def test_keywords_of_arrays_agree_with_json_schema(limits: dict[str, Any], values: list[Any]) -> None:
    node = {**array_of({"type": "string"}), **limits}
    assert ours(node, pa.list_(pa.string()), values) == python_says(node, values)


@SLOW
@given(
    st.sampled_from(MAPS),
    st.lists(
        st.dictionaries(st.sampled_from(["a", "b", "abc"]), st.sampled_from(["x", "y"]), min_size=1),
        min_size=1,
    ),
)
def test_keywords_of_maps_agree_with_json_schema(limits: dict[str, Any], values: list[Any]) -> None:
    node = {**map_of({"type": "string"}), **limits}
    assert ours(node, pa.map_(pa.string(), pa.string()), values) == python_says(node, values)


@SLOW
@given(
    st.sampled_from([limits for limits in MAPS if limits.keys() != {"required"}]),
    st.lists(
        st.dictionaries(st.sampled_from(["a", "b", "abc"]), st.sampled_from(["x", "y"]), min_size=1),
        min_size=1,
    ),
)
def test_keywords_of_objects_agree_with_json_schema(limits: dict[str, Any], values: list[Any]) -> None:
    text = {"type": "string"}
    node = {**object_of(a=text, b=text, abc=text), **limits}
    kind = pa.struct([(name, pa.string()) for name in ("a", "b", "abc")])
    assert ours(node, kind, values) == python_says(node, values)
