"""Validation: each constraint of the schema catches the row that breaks it, alone; what cannot be checked is red."""

from __future__ import annotations

import socket
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from include.quality.derive import FORMATS, ExpectationSpec, derive
from include.quality.suite import SuiteRunner, ValidationBroken, flatten, present
from tests.making import LATER, STRING, TENANT, array_of, instants, map_of, object_of, schema

pytestmark = pytest.mark.unit

FIELDS: dict[str, dict[str, Any]] = {
    "enum": {"type": "string", "enum": ["a", "b"]},
    "pattern": {"type": "string", "pattern": "^[A-Z]{3}$"},
    "minLength": {"type": "string", "minLength": 2},
    "maxLength": {"type": "string", "maxLength": 2},
    "minimum": {"type": "integer", "minimum": 1},
    "maximum": {"type": "number", "maximum": 1},
    "exclusiveMinimum": {"type": "number", "exclusiveMinimum": 0},
    "exclusiveMaximum": {"type": "integer", "exclusiveMaximum": 10},
    "tags": array_of({"type": "string", "enum": ["x", "y"]}),
    "prices": map_of({"type": "integer", "minimum": 0}),
    "items": array_of(object_of(required=["sku"], sku=STRING)),
    "place": object_of(required=["city"], city=STRING, zip=STRING),
}
GOOD: dict[str, Any] = {
    "enum": "a", "pattern": "NOK", "minLength": "æø", "maxLength": "👩a", "minimum": 1, "maximum": 1.0, "exclusiveMinimum": 0.5,
    "exclusiveMaximum": 9, "tags": ["x"], "prices": {"a": 0}, "items": [{"sku": "A"}], "place": {"city": "Oslo", "zip": "1"},
}  # fmt: skip
BAD: dict[str, Any] = {
    "enum": "A", "pattern": "NOK\n", "minLength": "æ", "maxLength": "æøå", "minimum": 0, "maximum": 1.0000001, "exclusiveMinimum": 0.0,
    "exclusiveMaximum": 10, "tags": ["x", "z"], "prices": {"a": -1}, "items": [{"sku": "A"}, {"sku": None}], "place": {"city": None, "zip": "1"},
}  # fmt: skip
ARROW = pa.struct([
    ("enum", pa.string()), ("pattern", pa.string()), ("minLength", pa.string()), ("maxLength", pa.string()), ("minimum", pa.int64()),
    ("maximum", pa.float64()), ("exclusiveMinimum", pa.float64()), ("exclusiveMaximum", pa.int32()), ("tags", pa.list_(pa.string())),
    ("prices", pa.map_(pa.string(), pa.int64())), ("items", pa.list_(pa.struct([("sku", pa.string())]))),
    ("place", pa.struct([("city", pa.string()), ("zip", pa.string())])),
])  # fmt: skip
COLUMNS = {f"{TENANT}.mixpanel.{name}" for name in FIELDS if name != "place"} | {
    "_id", "timestamp", f"{TENANT}.mixpanel.place.city", f"{TENANT}.mixpanel.place.zip",
}  # fmt: skip
CONSTRAINT = {"tags": "nested", "prices": "nested", "items": "nested", "place": "required_inside"}


def table(
    rows: list[dict[str, Any] | None], ids: list[str | None] | None = None, times: list[Any] | None = None
) -> pa.Table:
    entries = [
        row and {**row, "prices": list(row["prices"].items()) if row.get("prices") else None} for row in rows
    ]
    mixpanel = pa.array(entries, ARROW)
    return pa.table({
        "_id": pa.array(ids or [f"{n:064x}" for n in range(len(rows))]),
        "timestamp": pa.array(times or instants(len(rows)), pa.timestamp("us", "UTC")),
        TENANT: pa.StructArray.from_arrays([mixpanel], ["mixpanel"]),
    })  # fmt: skip


def suite() -> list[ExpectationSpec]:
    return derive(schema(**FIELDS), COLUMNS, LATER.isoformat())


def refused(specs: list[ExpectationSpec], rows: pa.Table) -> dict[int, list[tuple[str, str]]]:
    found = SuiteRunner(specs).run(rows).refused
    return {
        row: [(spec.column.rsplit(".", 1)[-1], spec.constraint) for spec in why] for row, why in found.items()
    }


def broken_rows() -> tuple[pa.Table, dict[int, list[tuple[str, str]]]]:
    """A good row, then one for each constraint that breaks this one alone; and what that is."""
    names = list(FIELDS)
    rows = [GOOD, *({**GOOD, name: BAD[name]} for name in names), GOOD, GOOD]
    ids = [f"{n:064x}" for n in range(len(rows) - 1)] + [None]
    times = instants(len(rows))
    times[-2] = LATER + timedelta(seconds=1)
    expected = {
        n: [("city?" if name == "place" else name, CONSTRAINT.get(name, name))]
        for n, name in enumerate(names, 1)
    }
    expected |= {len(rows) - 2: [("timestamp", "in_the_past")], len(rows) - 1: [("_id", "required")]}
    return table(rows, ids, times), expected


def test_each_broken_constraint_is_caught_by_its_own_expectation_and_no_other() -> None:
    rows, expected = broken_rows()
    assert refused(suite(), rows) == expected


@pytest.mark.parametrize("half", [0, 1])
def test_without_its_expectation_a_broken_row_passes(half: int) -> None:
    rows, expected = broken_rows()
    constraints = [f"{row}" for row in expected]
    removed = {expected[int(row)][0] for number, row in enumerate(constraints) if number % 2 == half}
    left = [spec for spec in suite() if (spec.column.rsplit(".", 1)[-1], spec.constraint) not in removed]
    assert refused(left, rows) == {row: why for row, why in expected.items() if why[0] not in removed}


def test_a_row_that_breaks_several_constraints_is_told_all_of_them() -> None:
    found = refused(suite(), table([GOOD, {**GOOD, **BAD}]))
    assert list(found) == [1]
    assert len(found[1]) == len(FIELDS)


def test_nothing_is_expected_of_what_is_not_there() -> None:
    assert refused(suite(), table([{}, None, dict.fromkeys(GOOD), {"place": None, "minimum": 5}])) == {}


def test_a_chunk_without_rows_and_a_second_chunk_are_checked_alike() -> None:
    runner = SuiteRunner(suite())
    rows, expected = broken_rows()
    assert runner.run(rows.slice(0, 0)).refused == {}
    assert runner.run(rows).refused.keys() == expected.keys()
    assert runner.run(rows.slice(1, 3)).refused.keys() == {0, 1, 2}
    assert runner.run(table([GOOD])).refused == {}


FORMAT_EXAMPLES = {
    "uri": (["https://a.example/x?y=1#z", "urn:x"], ["/relative", "not a uri", ""]),
    "uri-reference": (["/relative", "a", "0af1", ""], ["a b", "a\nb", "<a>"]),
    "email": (["a@b.example"], ["a@b", "a b@c.example", "@b.example", "a@b.example\n"]),
    "uuid": (["6C0A5E0D-9C0B-4E7E-8F57-0A2B8D1C4E55"], ["6C0A5E0D9C0B4E7E8F570A2B8D1C4E55", "x"]),
    "ipv4": (["192.168.0.1", "0.0.0.0", "255.255.255.255"], ["256.1.1.1", "1.2.3", "1.2.3.4.5", "1.2.3.4.", "a"]),
    "ipv6": (["::1", "2001:db8::1", "::ffff:1.2.3.4"], ["1.2.3.4", "x::1"]),
}  # fmt: skip


def test_every_format_has_examples_and_tells_them_apart() -> None:
    assert FORMAT_EXAMPLES.keys() == FORMATS.keys()
    fields = {name.replace("-", "_"): {"type": "string", "format": name} for name in FORMATS}
    columns = {f"{TENANT}.mixpanel.{name}" for name in fields}
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
    assert refused(derive(schema(**fields), columns, LATER.isoformat()), made) == expected


def one_text(text: str = "a") -> pa.Table:
    it = pa.StructArray.from_arrays([pa.array([text])], ["it"])
    return pa.table({
        "_id": ["1"], "timestamp": pa.array(instants(1), pa.timestamp("us", "UTC")),
        TENANT: pa.StructArray.from_arrays([it], ["mixpanel"]),
    })  # fmt: skip


@pytest.mark.parametrize("node", [{"type": "string", "pattern": "("}, {"type": "string", "minLength": "two"}])
def test_an_expectation_that_cannot_be_checked_is_red(node: dict[str, Any]) -> None:
    column = f"{TENANT}.mixpanel.it"
    with pytest.raises(ValidationBroken, match=rf"of field '{column}' could not be checked"):
        SuiteRunner(derive(schema(it=node), {column}, LATER.isoformat())).run(one_text())


def test_a_nested_schema_that_is_no_schema_is_red() -> None:
    node = array_of({"type": "string", "pattern": "("})
    column = f"{TENANT}.mixpanel.it"
    rows = one_text().set_column(2, TENANT, pa.StructArray.from_arrays(
        [pa.StructArray.from_arrays([pa.array([["a"]])], ["it"])], ["mixpanel"]))  # fmt: skip
    with pytest.raises(ValidationBroken):
        SuiteRunner(derive(schema(it=node), {column}, LATER.isoformat())).run(rows)


def test_a_reference_inside_a_nested_schema_is_never_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tree refuses references already; this is the second lock on the same door."""
    from include.quality.nested import _validator

    asked: list[Any] = []
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kw: asked.append(args))
    for target in ("http://127.0.0.1:9/schema.json", "https://ns.adobe.com/xdm/x", "file:///etc/hostname"):
        with pytest.raises(Exception, match="no reference is ever followed"):
            _validator(f'{{"items": {{"$ref": "{target}"}}}}')
    assert asked == []


def test_helper_columns_look_through_objects_that_are_not_there() -> None:
    specs = [spec for spec in suite() if spec.constraint == "required_inside"]
    frame = flatten(
        table([GOOD, {**GOOD, "place": None}, None, {"place": {"city": None, "zip": "1"}}]), specs
    )
    assert frame[f"{TENANT}.mixpanel.place.city?"].tolist() == [True, True, True, False]


def test_a_value_without_its_nulls_is_the_same_value() -> None:
    moment = datetime(2026, 7, 1, tzinfo=UTC)
    value = {"a": None, "b": {"c": None, "d": [1, None, {"e": None}]}, "f": moment, "g": False, "h": 0}
    assert present(value) == {"b": {"d": [1, {}]}, "f": moment, "g": False, "h": 0}
