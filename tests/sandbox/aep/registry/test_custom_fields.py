"""An organization's own fields: where they are allowed, their names, and their references."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from mixpanel_aep_sandbox.aep.core.constants import EXPERIENCE_EVENT, REGISTRY
from tests.support.sandbox.aep_app import FULL, AepApp, aep_app, field_group, lines, row

pytestmark = pytest.mark.sandbox

TENANT = f"{REGISTRY}/tenant"
COMMERCE = "https://ns.adobe.com/xdm/context/experienceevent-commerce"


@pytest.fixture
def aep(tmp_path: Path) -> Iterator[AepApp]:
    with aep_app(tmp_path) as caller:
        yield caller


def refused(aep: AepApp, kind: str, body: Any) -> str:
    response = aep.request("POST", f"{TENANT}/{kind}", json=body)
    assert response.status_code == 400, response.text
    return str(response.json()["detail"])


def standard_extension(*names: str, field: Any = None) -> dict[str, Any]:
    """Return a field group with one custom field under a standard object; ``[]`` marks an array."""
    node: dict[str, Any] = {"type": "object", "properties": {"_acmesandbox": field or object_of("gift")}}
    for name in reversed(names[1:]):
        node = held(name, node)
        node = {"type": "object", "properties": {name.removesuffix("[]"): node}}
    top = names[0]
    return {
        "title": "Extension",
        "type": "object",
        "meta:intendedToExtend": [EXPERIENCE_EVENT],
        "definitions": {"customFields": {"properties": {top.removesuffix("[]"): held(top, node)}}},
        "allOf": [{"$ref": "#/definitions/customFields"}],
    }


def held(name: str, node: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": node} if name.endswith("[]") else node


def object_of(*names: str) -> dict[str, Any]:
    return {"type": "object", "properties": {name: {"type": "string"} for name in names}}


@pytest.mark.parametrize(
    "names",
    [("commerce",), ("commerce", "order"), ("productListItems[]",), ("commerce", "order", "payments[]")],
)
def test_custom_fields_have_their_place_under_standard_objects(aep: AepApp, names: tuple[str, ...]) -> None:
    group = aep.ok("POST", f"{TENANT}/fieldgroups", json=standard_extension(*names))
    for order in ((COMMERCE, group["$id"]), (group["$id"], COMMERCE)):
        schema = aep.schema(*order, title=f"{order[0][-8:]}")
        found: Any = aep.ok("GET", one_schema(schema), headers={"Accept": FULL})
        for name in names:
            found = found["properties"][name.removesuffix("[]")]
            found = found.get("items", found)
        assert "gift" in found["properties"]["_acmesandbox"]["properties"]
        assert len(found["properties"]) > 1, "the standard fields are still there"


def one_schema(schema: dict[str, Any]) -> str:
    return f"{TENANT}/schemas/{quote(schema['$id'], safe='')}"


def test_a_field_group_may_extend_a_standard_one(aep: AepApp) -> None:
    """As created by the UI for a field in a standard object, and shown by EP:xdm/api/csv-to-schema.md."""
    body = standard_extension("commerce", "order")
    own = body.pop("definitions")["customFields"]
    group = aep.ok("POST", f"{TENANT}/fieldgroups", json={**body, "allOf": [own, {"$ref": COMMERCE}]})
    full = aep.ok("GET", one_schema(aep.schema(group["$id"])), headers={"Accept": FULL})["properties"]
    order = full["commerce"]["properties"]["order"]["properties"]
    assert "gift" in order["_acmesandbox"]["properties"] and "priceTotal" in order
    assert "productListItems" in full


@pytest.mark.parametrize(
    "body",
    [
        standard_extension("nowhere"),
        standard_extension("commerce", "nowhere"),
        standard_extension("timestamp"),
        standard_extension("productListItems"),
        {
            **standard_extension("commerce"),
            "definitions": {"c": {"properties": {"commerce": object_of("gift")}}},
            "allOf": [{"$ref": "#/definitions/c"}],
        },
    ],
)
def test_other_fields_outside_the_tenant_object_are_refused(aep: AepApp, body: dict[str, Any]) -> None:
    assert "top level field named _acmesandbox" in refused(aep, "fieldgroups", body)


def test_names_under_a_standard_object_follow_the_rules_too(aep: AepApp) -> None:
    assert "not valid" in refused(aep, "fieldgroups", standard_extension("commerce", field=object_of("1st")))


def test_items_of_one_array_from_two_field_groups_are_merged(aep: AepApp) -> None:
    groups = [
        aep.field_group({"list": {"type": "array", "items": object_of(name)}}, f"Group {name}")["$id"]
        for name in ("one", "two")
    ]
    schema = aep.schema(*groups)
    full = aep.ok("GET", one_schema(schema), headers={"Accept": FULL})
    assert set(full["properties"]["_acmesandbox"]["properties"]["list"]["items"]["properties"]) == {
        "one",
        "two",
    }


@pytest.mark.parametrize(
    "field",
    [
        {"$ref": "#/definitions/amount"},
        {"$ref": "#/definitions/amount", "type": "object"},
        {"allOf": [{"$ref": "#/definitions/amount"}]},
    ],
)
def test_a_reference_to_a_scalar_is_a_scalar(aep: AepApp, field: dict[str, Any]) -> None:
    body = field_group({"total": field, "totals": {"type": "array", "items": field}})
    body["definitions"]["amount"] = {"type": "number", "minimum": 0}
    made = aep.ok("POST", f"{TENANT}/fieldgroups", json=body)
    schema = aep.schema(made["$id"])
    full = aep.ok("GET", one_schema(schema), headers={"Accept": FULL})["properties"]["_acmesandbox"][
        "properties"
    ]
    for found in (full["total"], full["totals"]["items"]):
        assert (found["type"], found["meta:xdmType"], found["minimum"]) == ("number", "number", 0)
        assert "properties" not in found
    dataset = aep.dataset(schema["$id"])
    rows = [row("1", total=1.5, totals=[2]), row("2", total={"a": 1}), row("3", total=-1)]
    aep.load(dataset, lines(*rows), partialIngestionPercent=100)
    assert aep.active(dataset) == ["id1"]


@pytest.mark.parametrize("name", ["1st", "_first", "-first", "n" * 129])
def test_names_with_a_wrong_first_character_or_too_long_are_refused(aep: AepApp, name: str) -> None:
    fields = {name: {"type": "string"}}
    assert name[:9] in refused(aep, "fieldgroups", field_group(fields))
    assert name[:9] in refused(
        aep, "fieldgroups", field_group({"a": {"type": "object", "properties": fields}})
    )
    assert name[:9] in refused(aep, "datatypes", {"title": "T", "type": "object", "properties": fields})


def test_the_maximal_length_of_a_name_is_a_setting(aep: AepApp) -> None:
    assert aep.http.post("/_sandbox/aep/settings", json={"longest_field_name": 300}).status_code == 200
    aep.field_group({"n" * 300: {"type": "string"}})
