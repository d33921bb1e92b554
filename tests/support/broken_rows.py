"""Rows that violate one constraint each, and the suite of a schema that has every constraint."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pyarrow as pa

from include.json_types import JsonObject
from include.quality.derive_expectations import derive_expectations
from include.quality.expectation_spec import ExpectationSpec
from include.quality.leaf_columns import leaf_paths
from tests.support.builders import (
    STRING,
    TENANT,
    array_of,
    instants,
    map_of,
    object_of,
    row_rules,
    schema,
)
from tests.support.validate_tables import verdict

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


FIELDS: dict[str, JsonObject] = {
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


GOOD: JsonObject = {
    "enum": "a", "pattern": "NOK", "letters": "ÆØ", "ahead": "abb", "minLength": "æø", "maxLength": "👩a", "minimum": 1,
    "maximum": 1.0, "exclusiveMinimum": 0.5, "exclusiveMaximum": 9, "whole": 2, "day": date(2026, 7, 2), "moment": NOON, "tags": ["x"],
    "few": ["a"], "many": ["a", "b"], "unique": ["a", "b"], "prices": {"a": 0}, "names": {"a": "b"}, "items": [{"sku": "A"}],
    "sites": ["https://a.example"], "place": {"city": "Oslo", "zip": "1"},
    "const": "a", "multipleOf": 0.3, "one": "a", "any": 7, "all": "ab", "not": "some", "gaps": ["a"], "holds": ["y", "x"],
    "least": {"a": "1", "b": "2"}, "keys": {"a": "A"}, "typed": {"n_a": "1", "b": "x"}, "pairs": {"a": "1", "b": "2"},
    "properties": [{"items": [{"properties": 1.0}]}], "box": {"a": "1"},
}  # fmt: skip


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
    rows: list[JsonObject | None],
    ids: list[str | None] | None = None,
    times: list[object] | None = None,
    identities: list[object] | None = None,
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
    return derive_expectations(schema((), **FIELDS), COLUMNS, RULES)


def refused(specs: list[ExpectationSpec], rows: pa.Table) -> dict[int, list[tuple[str, str]]]:
    found = verdict(specs, rows).refused
    return {
        row: [(reason.field.removeprefix(f"{TENANT}.mixpanel."), reason.constraint) for reason in why]
        for row, why in found.items()
    }


def one_text(text: str = "a") -> pa.Table:
    it = pa.StructArray.from_arrays([pa.array([text])], ["it"])
    return pa.table({
        "_id": ["1"], "timestamp": pa.array(instants(1), pa.timestamp("us", "UTC")),
        TENANT: pa.StructArray.from_arrays([it], ["mixpanel"]),
    })  # fmt: skip
