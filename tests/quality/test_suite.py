"""Validation: each constraint of the schema detects the row that violates it; an impossible check is red."""

from __future__ import annotations

import socket
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from time import process_time
from typing import Any

import pyarrow as pa
import pytest

from include.quality import suite as suite_module
from include.quality.aep_json import PROFILE_EVENT_BYTES, present
from include.quality.checks import merged_checks
from include.quality.constraints import CONSTRAINTS, ValidationBroken
from include.quality.derive import ExpectationSpec, derive
from include.quality.leaf_columns import leaf_paths
from include.quality.suite import Screen
from include.quality.view import Part, RowChunk, View
from include.xdm.schema.xdm_schema import ProfileUse
from tests.support.builders import (
    LATER,
    NUMBER,
    STRING,
    TENANT,
    array_of,
    instants,
    map_of,
    object_of,
    row_rules,
    schema,
)
from tests.support.validate_tables import Verdict, verdict

pytestmark = pytest.mark.unit
NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)

FIELDS: dict[str, dict[str, Any]] = {
    "enum": {"type": "string", "enum": ["a", "b"]},
    "pattern": {"type": "string", "pattern": "^[A-Z]{3}$"},
    "letters": {"type": "string", "pattern": r"^\p{Lu}+$"},  # Python's own expressions do not have this one.
    "ahead": {"type": "string", "pattern": "^(?!x).*(.)\\1$"},
    "minLength": {"type": "string", "minLength": 2},
    "maxLength": {"type": "string", "maxLength": 2},
    "minimum": {"type": "integer", "minimum": 1},
    "maximum": {"type": "number", "maximum": 1},
    "exclusiveMinimum": {"type": "number", "exclusiveMinimum": 0},
    "exclusiveMaximum": {"type": "integer", "exclusiveMaximum": 10},
    "whole": {"type": "integer", "enum": [1, 2]},
    "day": {"type": "string", "format": "date", "enum": ["2026-07-01", "2026-07-02"]},
    "moment": {"type": "string", "format": "date-time", "enum": ["2026-07-01T12:00:00Z"]},
    "tags": array_of({"type": "string", "enum": ["x", "y"]}),
    "few": {**array_of(STRING), "maxItems": 1},
    "many": {**array_of(STRING), "minItems": 2},
    "unique": {**array_of(STRING), "uniqueItems": True},
    "prices": map_of({"type": "integer", "minimum": 0}),
    "names": {**map_of(STRING), "maxProperties": 1},
    "items": array_of(object_of(required=["sku"], sku=STRING)),
    "sites": array_of({"type": "string", "format": "uri"}),
    "place": object_of(required=["city"], city=STRING, zip=STRING),
    "const": {"type": "string", "const": "a"},
    "multipleOf": {"type": "number", "multipleOf": 0.1},
    "one": {"type": "string", "oneOf": [{"pattern": "^a"}, {"pattern": "b$"}]},
    "any": {"type": "integer", "anyOf": [{"minimum": 5}, {"maximum": 1}]},
    "all": {"type": "string", "allOf": [{"minLength": 2}, {"pattern": "^a"}]},
    "not": {"type": "string", "not": {"enum": ["none"]}},
    "gaps": array_of(STRING),
    "holds": {**array_of(STRING), "contains": {"const": "x"}},
    "least": {**map_of(STRING), "minProperties": 2},
    "keys": {**map_of(STRING), "propertyNames": {"pattern": "^[a-z]+$"}},
    "typed": {**map_of(STRING), "patternProperties": {"^n_": {"pattern": "^[0-9]+$"}}},
    "pairs": {**map_of(STRING), "dependencies": {"a": ["b"]}},
    "properties": array_of(object_of(items=array_of(object_of(properties={"type": "number", "minimum": 0})))),
    "box": {**object_of(a=STRING, b=STRING), "maxProperties": 1},
}
GOOD: dict[str, Any] = {
    "enum": "a", "pattern": "NOK", "letters": "ÆØ", "ahead": "abb", "minLength": "æø", "maxLength": "👩a", "minimum": 1,
    "maximum": 1.0, "exclusiveMinimum": 0.5, "exclusiveMaximum": 9, "whole": 2, "day": date(2026, 7, 2), "moment": NOON, "tags": ["x"],
    "few": ["a"], "many": ["a", "b"], "unique": ["a", "b"], "prices": {"a": 0}, "names": {"a": "b"}, "items": [{"sku": "A"}],
    "sites": ["https://a.example"], "place": {"city": "Oslo", "zip": "1"},
    "const": "a", "multipleOf": 0.3, "one": "a", "any": 7, "all": "ab", "not": "some", "gaps": ["a"], "holds": ["y", "x"],
    "least": {"a": "1", "b": "2"}, "keys": {"a": "A"}, "typed": {"n_a": "1", "b": "x"}, "pairs": {"a": "1", "b": "2"},
    "properties": [{"items": [{"properties": 1.0}]}], "box": {"a": "1"},
}  # fmt: skip
BAD: dict[str, Any] = {
    "enum": "A", "pattern": "NOK\n", "letters": "Æø", "ahead": "xbb", "minLength": "æ", "maxLength": "æøå", "minimum": 0,
    "maximum": 1.0000001, "exclusiveMinimum": 0.0, "exclusiveMaximum": 10, "whole": 3, "day": date(2026, 7, 3),
    "moment": NOON + timedelta(milliseconds=1), "tags": ["x", "z"], "few": ["a", "b"], "many": ["a"], "unique": ["a", "a"],
    "prices": {"a": -1}, "names": {"a": "b", "c": "d"}, "items": [{"sku": "A"}, {"sku": None}], "sites": ["no site"],
    "place": {"city": None, "zip": "1"}, "const": "b", "multipleOf": 0.35, "one": "ab", "any": 3, "all": "a", "not": "none",
    "gaps": ["a", None], "holds": ["y"], "least": {"a": "1"}, "keys": {"A": "A"}, "typed": {"n_a": "x"}, "pairs": {"a": "1"},
    "properties": [{"items": [{"properties": 1.0}, {"properties": -1.0}]}], "box": {"a": "1", "b": "2"},
}  # fmt: skip
REASON = {
    "letters": ("letters", "pattern"), "ahead": ("ahead", "pattern"), "whole": ("whole", "enum"), "day": ("day", "enum"),
    "moment": ("moment", "enum"), "tags": ("tags.*", "enum"), "few": ("few", "maxItems"), "many": ("many", "minItems"),
    "unique": ("unique", "uniqueItems"), "prices": ("prices.*", "minimum"), "names": ("names", "maxProperties"),
    "items": ("items.*.sku", "required"), "sites": ("sites.*", "format"), "place": ("place.city", "required_inside"),
    "one": ("one", "oneOf"), "any": ("any", "anyOf"), "all": ("all", "allOf"), "gaps": ("gaps.*", "type"),
    "holds": ("holds", "contains"), "least": ("least", "minProperties"), "keys": ("keys", "propertyNames"),
    "typed": ("typed", "patternProperties"), "pairs": ("pairs", "dependencies"),
    "properties": ("properties.*.items.*.properties", "minimum"), "box": ("box", "maxProperties"),
}  # fmt: skip
"""Field and constraint as quarantine tells them, where they are not both the name of the field here."""
ARROW = pa.struct([
    ("enum", pa.string()), ("pattern", pa.string()), ("letters", pa.string()), ("ahead", pa.string()), ("minLength", pa.string()),
    ("maxLength", pa.string()), ("minimum", pa.int64()), ("maximum", pa.float64()), ("exclusiveMinimum", pa.float64()),
    ("exclusiveMaximum", pa.int32()), ("whole", pa.int16()), ("day", pa.date32()), ("moment", pa.timestamp("us", "UTC")),
    ("tags", pa.list_(pa.string())), ("few", pa.list_(pa.string())), ("many", pa.list_(pa.string())),
    ("unique", pa.list_(pa.string())), ("prices", pa.map_(pa.string(), pa.int64())), ("names", pa.map_(pa.string(), pa.string())),
    ("items", pa.list_(pa.struct([("sku", pa.string())]))), ("sites", pa.list_(pa.string())),
    ("place", pa.struct([("city", pa.string()), ("zip", pa.string())])),
    ("const", pa.string()), ("multipleOf", pa.float64()), ("one", pa.string()), ("any", pa.int64()), ("all", pa.string()),
    ("not", pa.string()), ("gaps", pa.list_(pa.string())), ("holds", pa.list_(pa.string())),
    *((name, pa.map_(pa.string(), pa.string())) for name in ("least", "keys", "typed", "pairs")),
    ("properties", pa.list_(pa.struct([("items", pa.list_(pa.struct([("properties", pa.float64())])))]))),
    ("box", pa.struct([("a", pa.string()), ("b", pa.string())])),
])  # fmt: skip
IDENTITY = pa.map_(
    pa.string(), pa.list_(pa.struct([("id", pa.string()), ("authenticatedState", pa.string())]))
)


def table(
    rows: list[dict[str, Any] | None],
    ids: list[str | None] | None = None,
    times: list[Any] | None = None,
    identities: list[Any] | None = None,
) -> pa.Table:
    maps = ("prices", "names", "least", "keys", "typed", "pairs")
    entries = [
        row and {**row, **{name: list(row[name].items()) for name in maps if row.get(name)}} for row in rows
    ]
    mixpanel = pa.array(entries, ARROW)
    return pa.table({
        "_id": pa.array(ids or [f"{n:064x}" for n in range(len(rows))]),
        "timestamp": pa.array(times or instants(len(rows)), pa.timestamp("us", "UTC")),
        "identityMap": pa.array(identities or [[("Email", [{"id": "1"}])]] * len(rows), IDENTITY),
        TENANT: pa.StructArray.from_arrays([mixpanel], ["mixpanel"]),
    })  # fmt: skip


RULES = row_rules(profile=True)
COLUMNS = set(leaf_paths(table([GOOD]).schema))


def suite() -> list[ExpectationSpec]:
    return derive(schema(**FIELDS), COLUMNS, RULES)


def refused(specs: list[ExpectationSpec], rows: pa.Table) -> dict[int, list[tuple[str, str]]]:
    found = verdict(specs, rows).refused
    return {
        row: [(reason.field.removeprefix(f"{TENANT}.mixpanel."), reason.constraint) for reason in why]
        for row, why in found.items()
    }


def broken_rows() -> tuple[pa.Table, dict[int, list[tuple[str, str]]]]:
    """Yield a good row, then one for each constraint that violates only this one, with its name."""
    names = list(FIELDS)
    special = {
        "in_the_past": {"times": LATER + timedelta(seconds=1)}, "before the day": {"times": RULES.first - timedelta(milliseconds=1)},
        "after the day": {"times": RULES.latest}, "id": {"ids": None}, "identity": {"identities": None},
        "size": {"identities": [("Email", [{"id": "x" * PROFILE_EVENT_BYTES}])]},
    }  # fmt: skip
    rows = [GOOD, *({**GOOD, name: BAD[name]} for name in names), *[GOOD] * len(special)]
    first = len(names) + 1
    columns: dict[str, list[Any]] = {
        "ids": [f"{n:064x}" for n in range(len(rows))],
        "times": instants(len(rows)),
        "identities": [[("Email", [{"id": "1"}])]] * len(rows),
    }
    for n, change in enumerate(special.values(), first):
        for column, value in change.items():
            columns[column][n] = value
    expected = {n: [REASON.get(name, (name, name))] for n, name in enumerate(names, 1)}
    told = [
        [("timestamp", "in_the_past"), ("timestamp", "in_the_partition")], [("timestamp", "in_the_partition")],
        [("timestamp", "in_the_partition")], [("_id", "required")], [("identityMap", "identity")], [("the event", "event_size")],
    ]  # fmt: skip
    return table(rows, **columns), expected | dict(enumerate(told, first))


def test_each_violation_is_found_by_its_own_expectation_and_no_other() -> None:
    rows, expected = broken_rows()
    assert refused(suite(), rows) == expected


def catches(spec: ExpectationSpec, field: str, constraint: str) -> bool:
    """Return whether a quarantine reason comes from this expectation."""
    return (spec.name.removeprefix(f"{TENANT}.mixpanel."), spec.constraint) == (field, constraint)


@pytest.mark.parametrize("part", range(2))
def test_without_its_expectation_an_invalid_row_passes(part: int) -> None:
    """A mutation test: each expectation is removed once, and the row that only it detects passes."""
    rows, expected = broken_rows()
    alone = {row: why[0] for row, why in expected.items() if len(why) == 1 and row % 2 == part}
    left = [spec for spec in suite() if not any(catches(spec, *why) for why in alone.values())]
    assert len(suite()) - len(left) == len(set(alone.values()))
    still = refused(left, rows)
    assert not still.keys() & alone.keys()
    of_time = {row for row, why in expected.items() if why[0][0] == "timestamp"}
    assert still.keys() | alone.keys() | of_time == expected.keys()


def without_primary() -> dict[int, list[tuple[str, str]]]:
    """Return the refused rows where the last two have an identity, but not in the schema's primary identity field."""
    use = ProfileUse((TENANT, "mixpanel", "enum"), "CRMID")
    specs = derive(schema(**FIELDS).for_profile(use), COLUMNS, row_rules())
    there = [("Email", [{"id": "1"}])]
    return refused(specs, table([GOOD, {**GOOD, "enum": None}, None], identities=[None, there, there]))


def test_a_profile_dataset_requires_only_the_schemas_primary_identity() -> None:
    assert without_primary() == {row: [("enum", "primary_identity")] for row in (1, 2)}


def test_every_constraint_of_the_table_has_a_row_that_it_detects() -> None:
    """Those of a whole partition have separate tests."""
    rows, _ = broken_rows()
    caught = {constraint for why in refused(suite(), rows).values() for _, constraint in why}
    caught |= {constraint for why in without_primary().values() for _, constraint in why}
    missing = {name for name, c in CONSTRAINTS.items() if c.scope == "row"} - caught
    assert missing == set()


def test_a_warning_is_counted_and_its_rows_are_kept() -> None:
    rows = table([GOOD, GOOD], identities=[None, [("Email", [{"id": "1"}])]])
    found = verdict(derive(schema(**FIELDS), COLUMNS, row_rules()), rows)
    assert found.refused == {}
    assert {reason.constraint: count for reason, count in found.warned.items()} == {"identity": 1}


def test_the_pipeline_may_choose_another_severity() -> None:
    rules = row_rules(severity={"identity": "critical", "in_the_partition": "warning"})
    rows = table([GOOD, GOOD], times=[instants(1)[0], RULES.latest], identities=[None, None])
    found = verdict(derive(schema(**FIELDS), COLUMNS, rules), rows)
    assert {row: [reason.constraint for reason in why] for row, why in found.refused.items()} == {
        0: ["identity"], 1: ["identity"],
    }  # fmt: skip
    assert {reason.constraint for reason in found.warned} == {"in_the_partition"}


def test_all_violations_of_a_row_are_reported() -> None:
    found = refused(suite(), table([GOOD, {**GOOD, **BAD}]))
    assert list(found) == [1]
    assert len(found[1]) == len(FIELDS)


def test_missing_values_have_no_expectations() -> None:
    assert refused(suite(), table([{}, None, dict.fromkeys(GOOD), {"place": None, "minimum": 5}])) == {}


def test_the_size_of_chunks_does_not_matter() -> None:
    rows, expected = broken_rows()
    reasons = verdict(suite(), rows)
    assert reasons.refused.keys() == expected.keys()
    assert verdict(suite(), rows.slice(0, 0)) == Verdict()
    cut = [rows.slice(first, 11) for first in range(0, len(rows), 11)]
    assert verdict(suite(), *cut) == reasons
    assert verdict(suite(), table([GOOD])) == Verdict()


def test_rows_in_the_middle_of_a_larger_table_are_found() -> None:
    """Arrow's slices share their buffers: offsets, especially of lists and maps, begin elsewhere."""
    rows, _ = broken_rows()
    whole = verdict(suite(), rows).refused
    assert verdict(suite(), rows.slice(5, 20)).refused == {
        row - 5: why for row, why in whole.items() if 5 <= row < 25
    }


FORMAT_EXAMPLES = {
    "uri": (["https://a.example/x?y=1#z", "urn:x"], ["/relative", "not a uri", "", "https://a.example/?size[]=42", "https://a.example/\u00fc"]),
    "uri-reference": (["/relative", "a", "0af1", ""], ["a b", "a\nb", "<a>", "/a?size[]=42", "/off=50%"]),
    "email": (["a@b.example", "a@localhost"], ["a b@c.example", "@b.example", "a@b.example\n", "jane..doe@example.com"]),
    "hostname": (["a.example"], ["my_host", "-a"]),
    "duration": (["P1D"], ["1D"]),
    "json-pointer": (["/a"], ["a"]),
    "regex": (["^a$"], ["("]),
    "uuid": (["6C0A5E0D-9C0B-4E7E-8F57-0A2B8D1C4E55"], ["6C0A5E0D9C0B4E7E8F570A2B8D1C4E55", "x"]),
    "ipv4": (["192.168.0.1", "0.0.0.0", "255.255.255.255"], ["256.1.1.1", "1.2.3", "1.2.3.4.5", "1.2.3.4.", "a", "01.2.3.4"]),
    "ipv6": (["::1", "2001:db8::1", "::ffff:1.2.3.4"], ["1.2.3.4", "x::1", "1:2", "2001:db8::1::2"]),
}  # fmt: skip


def test_every_format_has_valid_and_invalid_examples() -> None:
    fields = {name.replace("-", "_"): {"type": "string", "format": name} for name in FORMAT_EXAMPLES}
    columns = {(TENANT, "mixpanel", name) for name in fields}
    rows, expected = [], {}
    for name, (good, bad) in FORMAT_EXAMPLES.items():
        for text in [*good, *bad]:
            if text in bad:
                expected[len(rows)] = [(name.replace("-", "_"), "format")]
            rows.append({name.replace("-", "_"): text})
    kind = pa.struct([(name, pa.string()) for name in fields])
    made = pa.table({
        "_id": [f"{n}" for n in range(len(rows))],
        "timestamp": pa.array(instants(len(rows)), pa.timestamp("us", "UTC")),
        TENANT: pa.StructArray.from_arrays([pa.array(rows, kind)], ["mixpanel"]),
    })  # fmt: skip
    assert refused(derive(schema(**fields), columns, row_rules()), made) == expected


def one_text(text: str = "a") -> pa.Table:
    it = pa.StructArray.from_arrays([pa.array([text])], ["it"])
    return pa.table({
        "_id": ["1"], "timestamp": pa.array(instants(1), pa.timestamp("us", "UTC")),
        TENANT: pa.StructArray.from_arrays([it], ["mixpanel"]),
    })  # fmt: skip


IT = (TENANT, "mixpanel", "it")


@pytest.mark.parametrize(
    "limits",
    [
        {"pattern": "("},
        {"minLength": "two"},
        {"minLength": 0.5},
        {"maxLength": True},
        {"enum": "a"},
        {"oneOf": 5},
        {"not": {"pattern": "("}},
    ],
)
def test_an_expectation_that_cannot_be_checked_is_red(limits: dict[str, Any]) -> None:
    with pytest.raises(ValidationBroken, match=r"of field '_acme\.mixpanel\.it' could not be checked"):
        verdict(derive(schema(it={"type": "string", **limits}), {IT}, row_rules()), one_text())


@pytest.mark.parametrize(
    "limits", [{"minimum": "0"}, {"maximum": True}, {"multipleOf": 0}, {"multipleOf": "2"}]
)
def test_a_limit_that_is_not_a_number_is_red(limits: dict[str, Any]) -> None:
    with pytest.raises(ValidationBroken, match="could not be checked"):
        verdict(derive(schema(it={**NUMBER, **limits}), {IT}, row_rules()), one_value(1.0, pa.float64()))


def one_value(value: Any, kind: Any) -> pa.Table:
    it = pa.StructArray.from_arrays([pa.array([value], kind)], ["it"])
    return one_text().set_column(2, TENANT, pa.StructArray.from_arrays([it], ["mixpanel"]))


def test_a_nested_schema_that_is_not_a_schema_is_red() -> None:
    node = array_of({"type": "string", "pattern": "("})
    rows = one_value(["a"], pa.list_(pa.string()))
    with pytest.raises(ValidationBroken):
        verdict(derive(schema(it=node), {(*IT, "*")}, row_rules()), rows)


def test_a_reference_inside_a_schema_is_never_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tree refuses references already; this is a second protection."""
    from include.quality.json_schema_expectation import validator

    asked: list[Any] = []
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kw: asked.append(args))
    for target in ("http://127.0.0.1:9/schema.json", "https://ns.adobe.com/xdm/x", "file:///etc/hostname"):
        with pytest.raises(Exception, match="references are not followed"):
            validator(f'{{"items": {{"$ref": "{target}"}}}}')
    assert asked == []


def test_items_are_attributed_to_their_row_also_after_missing_or_empty_arrays_and_maps() -> None:
    rows = [
        {},
        None,
        {"tags": []},
        {"tags": ["x", "z"]},
        {},
        {"prices": {"a": -1}},
        {"items": None},
        {"items": [{"sku": None}]},
    ]
    assert refused(suite(), table(rows)) == {
        3: [("tags.*", "enum")], 5: [("prices.*", "minimum")], 7: [("items.*.sku", "required")],
    }  # fmt: skip


def test_presence_is_checked_only_if_the_parent_object_exists() -> None:
    chunk = RowChunk(table([GOOD, {**GOOD, "place": None}, None, {"place": {"city": None, "zip": "1"}}]))
    seen = chunk.see(View((TENANT, "mixpanel", "place", "city"), Part.PRESENCE))
    assert (seen.values.to_pylist(), seen.rows().tolist()) == ([True, False], [0, 3])
    missing = chunk.see(View((TENANT, "mixpanel", "place", "street"), Part.PRESENCE))
    assert (missing.values.to_pylist(), missing.rows().tolist()) == ([False, False], [0, 3])


def test_removing_nulls_does_not_change_a_value() -> None:
    moment = datetime(2026, 7, 1, tzinfo=UTC)
    value = {"a": None, "b": {"c": None, "d": [1, None, {"e": None}]}, "f": moment, "g": False, "h": 0}
    assert present(value) == {"b": {"d": [1, {}]}, "f": moment, "g": False, "h": 0}


def test_the_librarys_own_messages_are_not_in_the_log() -> None:
    """The first line of a red task's log is the cause: nothing may precede it."""
    code = (
        "import logging, sys\n"
        "logging.basicConfig(level=logging.INFO, stream=sys.stdout)\n"
        "from include.quality import gx\n"
        "gx.load()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == ""


def wide(number: int) -> tuple[list[ExpectationSpec], pa.Table]:
    """Return a schema with so many different expectations, and rows that satisfy it."""
    names = [f"f{n}" for n in range(number)]
    fields = {
        name: {
            "type": "string",
            **({"enum": ["a", "b", name]}, {"pattern": f"^[a-z]{{1,{n + 1}}}$"}, {"maxLength": n + 1})[n % 3],
        }
        for n, name in enumerate(names)
    }
    texts = pa.array(["a", "b"] * 500)
    rows = one_text().take([0] * len(texts)).set_column(2, TENANT, pa.StructArray.from_arrays(
        [pa.StructArray.from_arrays([texts] * number, names)], ["mixpanel"]))  # fmt: skip
    return derive(schema(**fields), set(leaf_paths(rows.schema)), row_rules()), rows


def test_the_cost_is_linear_in_the_number_of_expectations() -> None:
    """Great Expectations copies the frame of a suite for each of its expectations: quadratic for one wide frame."""
    verdict(*wide(8))
    seconds = {}
    for number in (100, 400):
        specs, rows = wide(number)
        began = process_time()
        assert verdict(specs, rows).refused == {}
        seconds[number] = process_time() - began
    assert seconds[400] < 6 * seconds[100]


def test_one_check_represents_all_equivalent_expectations_of_a_column() -> None:
    node = {
        "type": "string",
        "minLength": 1,
        "maxLength": 9,
        "pattern": "^a",
        "format": "uri-reference",
        "enum": ["a"],
    }
    number = {"type": "number", "minimum": 1, "maximum": 3, "exclusiveMinimum": 0, "multipleOf": 1}
    empty = {"type": "integer", "minimum": 3, "maximum": 1}
    columns = {(TENANT, "mixpanel", name) for name in ("a", "b", "c")}
    specs = derive(schema(a=node, b=number, c=empty), columns, row_rules())
    by_name: dict[str, list[set[str]]] = {}
    for check in merged_checks(specs):
        by_name.setdefault(check.view.path[-1], []).append({specs[n].constraint for n in check.specs})
    assert {frozenset(those) for those in by_name["a"]} == {
        frozenset({"enum"}), frozenset({"minLength", "maxLength"}), frozenset({"pattern", "format"}),
    }  # fmt: skip
    assert {"minimum", "maximum"} in by_name["b"]
    assert by_name["c"] == [{"minimum"}, {"maximum"}], "GX refuses a range that is empty"


def test_the_same_check_of_many_columns_is_one_expectation_with_separate_results() -> None:
    node = {"type": "string", "pattern": "^[a-z]$"}
    names = [f"f{n}" for n in range(50)]
    columns = [pa.array(["a", "A" if n in (3, 40) else "b", "é" if n == 40 else None]) for n in range(50)]
    rows = one_text().take([0] * 3).set_column(2, TENANT, pa.StructArray.from_arrays(
        [pa.StructArray.from_arrays(columns, names)], ["mixpanel"]))  # fmt: skip
    specs = derive(schema(**dict.fromkeys(names, node)), set(leaf_paths(rows.schema)), row_rules())
    found = {
        row: {reason.field.rpartition(".")[2] for reason in why}
        for row, why in verdict(specs, rows).refused.items()
    }
    assert found == {1: {"f3", "f40"}, 2: {"f40"}}
    chunk, screen = RowChunk(rows), Screen(specs)
    screen.add(chunk, screen.views)
    assert {specs[number].name.rpartition(".")[2] for number in screen.failed() if specs[number].severity == "critical"} == {
        "f3", "f40",
    }  # fmt: skip


def test_samples_are_judged_before_they_grow_too_large(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Return a schema of any width, whose columns hold distinct texts."""
    node = {"type": "string", "pattern": "^[a-z0-9]+$"}
    names = [f"f{n}" for n in range(20)]
    monkeypatch.setattr(suite_module, "_MOST_BYTES", 100_000)
    monkeypatch.setattr(suite_module, "_LITTLE_BYTES", 100)
    sizes = []
    specs = derive(
        schema(**dict.fromkeys(names, node)), {(TENANT, "mixpanel", name) for name in names}, row_rules()
    )
    screen = Screen(specs)
    for first in range(0, 3000, 300):
        texts = pa.array([f"v{n}" for n in range(first, first + 300)])
        odd = pa.array(["V" if first == 1200 else "v"] * 300)
        fields = pa.StructArray.from_arrays([odd if name == "f9" else texts for name in names], names)
        rows = (
            one_text()
            .take([0] * 300)
            .set_column(2, TENANT, pa.StructArray.from_arrays([fields], ["mixpanel"]))
        )
        screen.add(RowChunk(rows), screen.views)
        sizes.append(sum(sample.size_bytes for _, sample in screen._open))
    assert max(sizes) <= 100_000
    failed = {
        specs[number].name.rpartition(".")[2]
        for number in screen.failed()
        if specs[number].severity == "critical"
    }
    assert failed == {"f9"}
