"""The cost of a mapping set follows the mapping: other fields of a schema cost nothing, however many there are."""

from __future__ import annotations

import pickle
import time
from typing import Any

import msgspec
import pyarrow as pa
import pytest

from include.config.identities import IdentityPlaceholders
from include.steps.transform.spill import spill_schema
from include.xdm.convert.column_builder import ColumnBuilder
from include.xdm.convert.column_converter import decode_values
from include.xdm.identities.identity_rules import identity_rules
from include.xdm.identities.identity_values import apply_rules, read_identities
from include.xdm.mapping.compile import CompiledMapping, compile_mapping
from include.xdm.mapping.mapping_set import bind
from include.xdm.schema.xdm_schema import XdmSchema
from tests.support.builders import (
    BOOLEAN,
    DATE_TIME,
    INT,
    NUMBER,
    STRING,
    array_of,
    document,
    event,
    identities,
    line,
    map_of,
    object_of,
    row,
    schema,
)
from tests.support.mapped_rows import mapped_rows, read

pytestmark = pytest.mark.unit
KINDS = [STRING, INT, NUMBER, BOOLEAN, DATE_TIME]
IDENTITIES = {"$user_id": "User"}
MOST_BYTES = 1_000_000


def wide(fields: int) -> dict[str, Any]:
    """Return an object with so many leaf fields, as in Adobe Analytics' field groups."""
    described = {"description": "a field that no mapping names " * 3}
    events = {
        f"event{n}": object_of(id={**STRING, **described}, value={**NUMBER, **described})
        for n in range(fields // 2)
    }
    return object_of(SKU=STRING, **events)


def compiled_of(xdm: XdmSchema, *rows: dict[str, str]) -> CompiledMapping:
    return compile_mapping(
        bind("test", list(map(dict, rows)), xdm, keep_unmapped=True), identities(**IDENTITIES)
    )


def seconds(work: Any) -> float:
    """Return the processor time of the fastest of several runs."""
    took = []
    for _ in range(5):
        began = time.process_time()
        work()
        took.append(time.process_time() - began)
    return min(took)


def test_a_hundred_mappings_into_a_large_schema_compile_at_once() -> None:
    """ExperienceEvent with 30 field groups has about 1,900 leaf columns."""
    body = document()
    for group in range(30):
        fields = {f"f{n}": KINDS[n % len(KINDS)] for n in range(64)}
        body["properties"][f"group{group}"] = object_of(**fields)
    xdm = XdmSchema(body)
    rows = [row(f"properties.p{n}", f"group{n % 30}.f{n // 30}") for n in range(100)]
    rows = [{**each, "destination": each["destination"].rsplit("mixpanel.", 1)[-1]} for each in rows]
    mapping = bind("test", rows, xdm, keep_unmapped=True)
    assert seconds(lambda: compile_mapping(mapping, identities(**IDENTITIES))) < 0.2
    assert len(pickle.dumps(compile_mapping(mapping, identities(**IDENTITIES)))) < MOST_BYTES


ITEM_ROWS = [
    row("properties.cart[*].id", "items[*].SKU"),
    row("properties.cart[*].value", "items[*].event1.value"),
]
CART = [
    line(event(cart=[{"id": f"s{n}", "value": n} for n in range(3)], **{"$insert_id": f"{k}"}))
    for k in range(300)
]


def cost_of_rows(compiled: CompiledMapping) -> float:
    def build() -> None:
        for events in read(CART):
            ColumnBuilder(compiled).build(events.events, events.properties)

    return seconds(build)


def test_an_item_with_three_thousand_fields_costs_as_much_as_a_small_one() -> None:
    small, large = (compiled_of(schema(items=array_of(wide(n))), *ITEM_ROWS) for n in (6, 3293))
    assert len(pickle.dumps(large)) == len(pickle.dumps(small)) < MOST_BYTES
    assert spill_schema(large).equals(spill_schema(small))
    # On a busy machine one of two runs may take twice as long; a real increase appears every time.
    assert any(cost_of_rows(large) < 1.5 * cost_of_rows(small) for _ in range(5))


def test_the_type_of_an_array_has_the_mapped_members() -> None:
    compiled = compiled_of(schema(items=array_of(wide(3293))), *ITEM_ROWS)
    (found,) = [field.type for field in spill_schema(compiled) if field.name == "c0"]
    members = pa.struct([("SKU", pa.string()), ("event1", pa.struct([("value", pa.float64())]))])
    assert found == pa.list_(pa.field("element", members))


def test_four_nested_arrays_are_compiled_flat() -> None:
    def nested(fields: int) -> XdmSchema:
        node: dict[str, Any] = wide(fields)
        for _ in range(4):
            node = object_of(inner=array_of(node), other=wide(fields))
        return schema(deep=node["properties"]["inner"])

    path = "inner[*].inner[*].inner[*]."
    rows = [row(f"properties.deep[*].{path}id", f"deep[*].{path}SKU")]
    small, large = (compiled_of(nested(fields), *rows) for fields in (6, 1000))
    assert len(pickle.dumps(large)) == len(pickle.dumps(small)) < MOST_BYTES


def test_maps_of_objects_arrays_and_maps_are_filled() -> None:
    """Adobe's segmentMembership, consents and profileStitch have such values."""
    member = object_of(status=STRING, lastQualificationTime=DATE_TIME)
    fields = {
        "segments": map_of(map_of(member)), "lists": map_of(array_of(INT)), "consents": map_of(object_of(val=STRING)),
    }  # fmt: skip
    body = {
        "segments": {
            "ups": {"s1": {"status": "realized", "lastQualificationTime": "2026-07-01T00:00:00Z", "more": 1}}
        },
        "lists": {"a": [1, 2], "b": [], "c": ["x"]},
        "consents": {"collect": {"val": "y"}},
    }
    rows = [row(f"properties.{name}", name) for name in fields]
    (made,) = mapped_rows(None, compiled_of(schema(**fields), *rows), [line(event(**body))])
    inside = made["_acme"]["mixpanel"]
    (entry,) = inside["segments"]["ups"].values()
    assert (entry["status"], entry["lastQualificationTime"].year) == ("realized", 2026)
    assert inside["lists"] == {"a": [1, 2]}
    assert inside["consents"] == {"collect": {"val": "y"}}
    assert made["failed"] == ["_acme.mixpanel.segments", "_acme.mixpanel.lists"]


def test_names_that_differ_in_case_are_two_members() -> None:
    fields = {"pois": array_of(object_of(poiID=STRING, POIID=STRING)), "id": STRING, "ID": STRING}
    rows = [row("properties.pois", "pois"), row("properties.a", "id"), row("properties.b", "ID")]
    body = line(event(pois=[{"poiID": "1", "POIID": "2", "PoiId": "3"}], a="x", b="y"))
    (made,) = mapped_rows(None, compiled_of(schema(**fields), *rows), [body])
    inside = made["_acme"]["mixpanel"]
    assert (inside["pois"], inside["id"], inside["ID"]) == ([{"poiID": "1", "POIID": "2"}], "x", "y")


@pytest.mark.parametrize(
    "digits", ["883406386745030.3", "0.1234567890123456789", "1e-400", "1.10", "-0", "1E5", "9" * 5000]
)
def test_digits_are_kept_verbatim(digits: str) -> None:
    """In a text, inside an array of texts, and restored where they do not fit; also next to ordinary values."""
    fields = {"text": STRING, "texts": array_of(STRING), "date": DATE_TIME}
    rows = [row("properties.p", "text"), row("properties.l", "texts"), row("properties.d", "date")]
    raw = line(event()).replace(
        b'"distinct_id"', f'"p":{digits},"l":[{digits}],"d":{digits},"distinct_id"'.encode()
    )
    made = mapped_rows(None, compiled_of(schema(**fields), *rows), [raw, line(event(p="x", l=["y"]))])
    inside = made[0]["_acme"]["mixpanel"]
    assert (inside["text"], inside["texts"]) == (digits, [digits])
    assert f'"d":{digits}' in inside["unmapped"]
    assert made[0]["failed"] == ["_acme.mixpanel.date"]


def test_identity_rules_cost_less_than_reading_their_values() -> None:
    """A column at a time: 20,000 different identities, half of them with Mixpanel's prefix."""
    column = [
        msgspec.Raw(f'"{"$device:" * (n % 2)}{n * 7919:032x}-26011f51"'.encode()) for n in range(20_000)
    ]
    rules = identity_rules("MixpanelDevice", IdentityPlaceholders())
    texts = read_identities(decode_values(column))
    assert apply_rules(texts, rules).texts.null_count == 0
    assert seconds(lambda: apply_rules(texts, rules)) < 2 * seconds(
        lambda: read_identities(decode_values(column))
    )
