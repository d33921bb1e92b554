"""Transform: every exported line is a row, a counted duplicate, or in quarantine; a second run writes the same bytes."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from include.errors import BadManifest, SchemaError
from include.lake.lake import Lake
from include.steps.transform import transform_partition
from include.xdm.mapping.mapping_file import read_mapping_file
from include.xdm.mapping.mapping_set import bind
from include.xdm.schema.xdm_schema import XdmSchema
from tests.support.builders import (
    DATE_TIME,
    DAY,
    INT,
    LATER,
    NOON,
    STRING,
    TENANT,
    document,
    event,
    exported,
    line,
    quarantined,
    row,
    rows,
    schema,
    transformed,
    workspace,
)  # fmt: skip
from tests.support.transformed_days import MAPPING, XDM, digests

pytestmark = pytest.mark.unit
ROOT = Path(__file__).parents[3]


SAMPLES = ROOT / "sandbox" / "mixpanel_aep_sandbox" / "demo_data" / "mixpanel-samples.jsonl"


def defaults() -> XdmSchema:
    """Return the schema that setup creates from Mixpanel's default properties."""
    group = json.loads((ROOT / "include/pipelines/field_groups/mixpanel-defaults.json").read_text())
    body = document()
    body["properties"][TENANT] = {"type": "object", "properties": group["properties"]}
    body["properties"]["producedBy"] = STRING
    return XdmSchema(body)


def test_a_row_has_the_shape_of_the_schema(lake: Lake, tmp_path: Path) -> None:
    made = transformed(
        workspace(lake), XDM, MAPPING, line(event(**{"$city": "Ålesund", "quantity": "2", "x": 1}))
    )
    (found,) = rows(workspace(lake), made, tmp_path)
    assert found["timestamp"] == datetime(2026, 7, 1, 12, tzinfo=UTC)
    assert (found["eventType"], len(found["_id"])) == ("Purchase", 64)
    inside = found[TENANT]["mixpanel"]
    assert (inside["city"], inside["quantity"]) == ("Ålesund", 2)
    kept = {"time": NOON, "distinct_id": "u-1", "$insert_id": "i-1", "$user_id": "u-1", "x": 1}
    assert json.loads(inside["unmapped"]) == kept


def test_a_second_run_does_nothing(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    first = transformed(workspace(lake), XDM, MAPPING, line(event()))
    monkeypatch.setattr(
        "include.steps.transform.passes.first_pass", lambda *args: pytest.fail("it worked again")
    )
    assert transformed(workspace(lake), XDM, MAPPING, line(event())) == first


@pytest.mark.parametrize(
    ("xdm", "mapping", "changes"),
    [(schema(city=STRING, quantity=STRING), MAPPING, {}), (XDM, MAPPING[:2], {}), (XDM, MAPPING, {"unmapped": "drop"}),
     (XDM, MAPPING, {"identities": {"$device_id": "D"}}), (XDM, MAPPING, {"mixpanel": {"time_is": "project_local"}})],
    ids=["schema", "mapping", "unmapped", "identities", "time_is"],
)  # fmt: skip
def test_every_input_of_a_row_changes_the_digest(
    lake: Lake, xdm: XdmSchema, mapping: Any, changes: dict[str, Any]
) -> None:
    body = line(event(**{"$city": "Oslo", "quantity": 1}))
    first = transformed(workspace(lake), XDM, MAPPING, body)
    other = transformed(workspace(lake, **changes), xdm, mapping, body)
    assert other.digest != first.digest
    assert other.inputs["export"] == first.inputs["export"]


def test_exact_duplicates_collapse_and_are_counted(lake: Lake) -> None:
    made = transformed(workspace(lake), XDM, MAPPING, *[line(event())] * 1000)
    assert made.counts == {
        "exported": 1000,
        "mapped": 1,
        "duplicates": 999,
        "twins": 0,
        "quarantined": 0,
        "warnings": 0,
    }


def test_identical_events_without_insert_id_are_counted_separately(lake: Lake) -> None:
    twin = line(event(**{"$insert_id": None}))
    made = transformed(workspace(lake), XDM, MAPPING, twin, twin, line(event()), line(event()))
    assert (made.counts["duplicates"], made.counts["twins"], made.counts["mapped"]) == (2, 1, 2)


@pytest.mark.parametrize("order", [1, -1])
def test_the_last_processed_of_two_duplicates_stays(lake: Lake, tmp_path: Path, order: int) -> None:
    sent = [
        line(event(**{"$city": city, "mp_processing_time_ms": at}))
        for city, at in (("Oslo", 9), ("Bergen", 10), ("Moss", None))
    ]
    made = transformed(workspace(lake), XDM, MAPPING, *sent[::order])
    (found,) = rows(workspace(lake), made, tmp_path)
    assert found[TENANT]["mixpanel"]["city"] == "Bergen"
    assert made.counts["duplicates"] == 2


def test_duplicates_processed_together_are_chosen_by_their_bytes_not_by_their_order(tmp_path: Path) -> None:
    sent = [line(event(**{"$city": city, "mp_processing_time_ms": 9})) for city in ("Oslo", "Bergen", "Moss")]
    found = {
        rows(place, transformed(place, XDM, MAPPING, *turned), tmp_path)[0][TENANT]["mixpanel"]["city"]
        for turned in (sent, sent[::-1], sent[1:] + sent[:1])
        for place in [workspace(Lake(f"file://{tmp_path}/{hash(tuple(turned))}"))]
    }
    assert len(found) == 1


def test_quarantine_has_the_reason_the_place_and_the_line(lake: Lake) -> None:
    lines = [line(event()), b"not json", line(event(time=NOON - 86400)), b"\xff"]
    made = transformed(workspace(lake), XDM, MAPPING, *lines)
    assert made.counts["quarantined"] == 3
    assert made.details["reasons"] == {"not_json": 1, "not_utf8": 1, "wrong_partition": 1}
    kept = quarantined(workspace(lake), made)
    assert [(record["reason"], record["line_number"]) for record in kept] == [
        ("not_json", 2),
        ("wrong_partition", 3),
        ("not_utf8", 4),
    ]
    assert kept[0]["raw"] == "not json"


def test_a_day_without_quarantine_has_no_quarantine_file(lake: Lake) -> None:
    made = transformed(workspace(lake), XDM, MAPPING, line(event()))
    assert made.details["quarantine"] is None
    assert [key for key in lake.keys("shop") if "quarantine" in key] == []


def test_an_empty_day_is_a_transform_without_rows(lake: Lake) -> None:
    made = transformed(workspace(lake), XDM, MAPPING)
    assert (made.files, made.rows) == ((), 0)
    assert made.counts == {
        "exported": 0,
        "mapped": 0,
        "duplicates": 0,
        "twins": 0,
        "quarantined": 0,
        "warnings": 0,
    }


def test_values_that_do_not_fit_are_counted_by_field(lake: Lake) -> None:
    lines = [
        line(event(**{"$insert_id": f"{n}", "quantity": value}))
        for n, value in enumerate([1, "two", "three", None])
    ]
    made = transformed(workspace(lake), XDM, MAPPING, *lines)
    assert made.details["not_converted"] == {"_acme.mixpanel.quantity": 2}
    assert made.counts["warnings"] == 2


def test_expressions_are_mapped_and_their_failures_are_counted_by_field(lake: Lake, tmp_path: Path) -> None:
    xdm = schema(city=STRING, quantity=INT, seen=DATE_TIME)
    mapping = [row(source, field) | {"sourceType": "EXPRESSION"} for source, field in
               {"upper(properties.$city)": "city", "to_integer(properties.quantity)": "quantity", "now()": "seen"}.items()]  # fmt: skip
    lines = [line(event(**{"$insert_id": f"{n}", "$city": "Oslo", "quantity": f"{n}" * n})) for n in (1, 11)]
    place = workspace(lake)
    made = transformed(place, xdm, mapping, *lines)
    found = [entry[TENANT]["mixpanel"] for entry in rows(place, made, tmp_path)]
    assert [entry["city"] for entry in found] == ["OSLO", "OSLO"]
    assert {entry["quantity"] for entry in found} == {1, None}
    assert {entry["seen"] for entry in found} == {LATER}
    assert made.details["not_converted"] == {"_acme.mixpanel.quantity": 1}
    assert made.counts["warnings"] == 1


def test_a_property_read_by_an_expression_counts_as_mapped(lake: Lake, tmp_path: Path) -> None:
    names = ("time", "distinct_id", "$insert_id", "$user_id")
    mapping = [
        row(f"concat({', '.join(f'properties.{name}' for name in names)})", "city")
        | {"sourceType": "EXPRESSION"}
    ]
    place = workspace(lake, unmapped="fail")
    assert transformed(place, XDM, mapping, line(event())).counts["mapped"] == 1
    place = workspace(Lake(f"file://{tmp_path}/other"), unmapped="fail")
    with pytest.raises(SchemaError, match=r"^The events have 1 property without a mapping: 'odd'\."):
        transformed(place, XDM, mapping, line(event(odd=1)))


def test_unmapped_drop_keeps_nothing(lake: Lake, tmp_path: Path) -> None:
    place = workspace(lake, unmapped="drop")
    (found,) = rows(place, transformed(place, XDM, MAPPING, line(event(x=1, **{"$city": "Oslo"}))), tmp_path)
    assert found[TENANT]["mixpanel"] == {"city": "Oslo", "quantity": None}


def test_unmapped_fail_names_the_properties(lake: Lake) -> None:
    place = workspace(lake, unmapped="fail")
    with pytest.raises(
        SchemaError,
        match=r"properties without a mapping: .*'odd one'.*Add mappings for these properties, or write unmapped: keep",
    ):
        transformed(place, XDM, MAPPING, line(event(**{"odd one": 1})))
    assert [key for key in lake.keys("shop/2026-07-01/xdm") if "manifest" in key] == []


def test_a_changed_export_is_not_transformed(lake: Lake) -> None:
    made = exported(workspace(lake), line(event()))
    (lake.root / made.files[0].key).write_bytes(b"changed")
    with pytest.raises(BadManifest, match="differs from its manifest"):
        transformed(workspace(lake), XDM, MAPPING, line(event()))


def test_the_hostile_lines_become_rows_with_their_default_properties(lake: Lake, tmp_path: Path) -> None:
    place = workspace(
        lake, identities={"$user_id": "User", "$device_id": "Device", "distinct_id": "Distinct"}
    )
    lines = SAMPLES.read_bytes().split(b"\n")[:-1]
    xdm = defaults()
    mapping = bind("defaults", read_mapping_file("mixpanel-defaults.json"), xdm, keep_unmapped=True)
    made = transform_partition(place, exported(place, *lines), xdm, mapping)
    elsewhere = sum(
        datetime.fromtimestamp(json.loads(text)["properties"]["time"], UTC).date() != DAY for text in lines
    )
    assert made.counts["exported"] == 12
    assert made.details["reasons"] == {"wrong_partition": elsewhere}
    found = {found["eventType"]: found for found in rows(place, made, tmp_path)}
    assert json.loads(found["weird \u2028 name"][TENANT]["mixpanel"]["unmapped"])["nul"] == "a\0b"
    bought = found["Purchase"]
    assert bought[TENANT]["mixpanel"]["city"] == "Oslo", "of the two, the one processed later"
    assert json.loads(bought[TENANT]["mixpanel"]["unmapped"])["Total (€)"] == 61.0
    assert bought["identityMap"]["User"] == [
        {"id": "u-1001", "authenticatedState": "ambiguous", "primary": True}
    ]


def test_the_digests_of_a_day_show_which_events_changed(tmp_path: Path) -> None:
    def of(name: str, *events: dict[str, Any]) -> dict[str, int]:
        place = workspace(Lake(f"file://{tmp_path}/{name}"))
        return dict(digests(place, transformed(place, XDM, MAPPING, *map(line, events))))

    day = [event(**{"$insert_id": f"{n}", "x": n, "mp_processing_time_ms": n}) for n in range(9)]
    before = of("before", *day)
    assert len(before) == 9
    again = [
        {**e, "properties": dict(reversed((e["properties"] | {"mp_processing_time_ms": 99}).items()))}
        for e in day
    ]
    assert of("again", *again[::-1]) == before, "neither processing nor order is a change"
    changed = of("changed", event(**{"$insert_id": "0", "x": 1, "mp_processing_time_ms": 0}), *day[1:])
    assert changed.keys() == before.keys()
    assert sum(changed[identity] != digest for identity, digest in before.items()) == 1


def test_the_list_of_events_has_the_lines_and_processing_time_of_each_row(lake: Lake) -> None:
    """A refresh uses it to find the rows that its lines replace."""
    moments = {"a": [3, 9, 5], "b": [7], "c": [None, 2]}
    events = [
        event(**{"$insert_id": key, "mp_processing_time_ms": at})
        for key, ats in moments.items()
        for at in ats
    ]
    place = workspace(lake)
    made = transformed(place, XDM, MAPPING, *map(line, events))
    table = pq.read_table(io.BytesIO(place.lake.read(made.details["events"]["key"]) or b""))
    assert sorted(zip(*(table[name].to_pylist() for name in ("processed", "lines")), strict=True)) == [
        (2, 2), (7, 1), (9, 3),
    ]  # fmt: skip


def test_a_day_without_rows_has_no_digests(lake: Lake) -> None:
    assert transformed(workspace(lake), XDM, MAPPING, b"bad").details["events"] is None


@pytest.mark.parametrize("insert_id", ["i-1", None])
def test_a_day_keeps_the_given_recipe(lake: Lake, tmp_path: Path, insert_id: str | None) -> None:
    place, mapping = workspace(lake), bind("test.json", MAPPING, XDM, keep_unmapped=True)
    raw = exported(place, line(event(**{"$insert_id": insert_id})))
    made = {recipe: transform_partition(place, raw, XDM, mapping, recipe=recipe) for recipe in (1, 2)}
    assert {manifest.details["recipe"] for manifest in made.values()} == {1, 2}
    assert made[1].digest != made[2].digest
    assert transform_partition(place, raw, XDM, mapping) == made[2], "a day that begins takes the newest"
    ids = {rows(place, manifest, tmp_path)[0]["_id"] for manifest in made.values()}
    assert len(ids) == (1 if insert_id else 2)
    with pytest.raises(BadManifest, match=r"recipe 3, which this version .* does not support"):
        transform_partition(place, raw, XDM, mapping, recipe=3)


def test_documented_limits_are_counted(lake: Lake) -> None:
    """Compaction merges by day and our key has seconds; some merges keep no earlier id."""
    sent = [event(time=NOON + n) for n in (0, 1, 1, 2)]  # The third is a duplicate of the second.
    sent += [event("Other"), event(distinct_id="u-2")]
    merged = [event("Merged", **{"$insert_id": f"{n}", "$is_reshuffled": True}) for n in range(2)]
    merged[0]["properties"]["$distinct_id_before_identity"] = "anon"
    made = transformed(workspace(lake), XDM, MAPPING, *map(line, [*sent, *merged]))
    assert (made.counts["duplicates"], made.counts["compacted_by_day"]) == (1, 2)
    assert made.counts["merged_without_before"] == 1


def test_unmapped_events_and_properties_are_counted_by_name(lake: Lake) -> None:
    rows = [line(event(currency="NOK", **{"$insert_id": "1"})), line(event("View", page="x", currency="SEK"))]
    made = transformed(
        workspace(lake), schema(currency=STRING), [row("properties.currency", "currency")], *rows
    )
    assert made.details["by_event"] == {"Purchase": 1, "View": 1}
    assert {"page", "currency"} & made.details["unmapped"].keys() == {"page"}
