"""A schema that a dataset uses only grows: valid data stays valid."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from mixpanel_aep_sandbox.aep.core.constants import CATALOG, REGISTRY
from tests.support.sandbox.aep_app import RAW, AepApp, aep_app, lines, row

pytestmark = pytest.mark.sandbox


@pytest.fixture
def aep(tmp_path: Path) -> Iterator[AepApp]:
    with aep_app(tmp_path) as caller:
        yield caller


ROOT = "/definitions/customFields/properties/_acmesandbox"
AT = f"{ROOT}/properties"
CHANGES = {
    "remove a field": {"op": "remove", "path": f"{AT}/distinctId"},
    "rename a field": {"op": "move", "from": f"{AT}/distinctId", "path": f"{AT}/other"},
    "another type": {"op": "replace", "path": f"{AT}/distinctId/type", "value": "number"},
    "another format": {"op": "add", "path": f"{AT}/distinctId/format", "value": "date"},
    "a smaller number": {"op": "replace", "path": f"{AT}/count", "value": {"type": "integer"}},
    "fewer values": {"op": "replace", "path": f"{AT}/plan/enum", "value": ["free"]},
    "an enum": {"op": "add", "path": f"{AT}/distinctId/enum", "value": ["a"]},
    "a pattern": {"op": "replace", "path": f"{AT}/code/pattern", "value": "^X"},
    "a length": {"op": "replace", "path": f"{AT}/code/maxLength", "value": 1},
    "a minimum": {"op": "add", "path": f"{AT}/price/minimum", "value": 0},
    "items of another type": {"op": "replace", "path": f"{AT}/tags/items/type", "value": "number"},
    "items that differ": {"op": "add", "path": f"{AT}/tags/uniqueItems", "value": True},
    "a nested field less": {"op": "remove", "path": f"{AT}/place/properties/city"},
    "a field elsewhere": {"op": "move", "from": f"{AT}/plan", "path": f"{AT}/place/properties/plan"},
    "another class of values": {
        "op": "replace",
        "path": f"{AT}/labels/additionalProperties/type",
        "value": "integer",
    },
    "a field of a data type's": {
        "op": "replace",
        "path": f"{AT}/place",
        "value": {"$ref": "https://ns.adobe.com/xdm/common/geo"},
    },
}
ADDITIONS = {
    "a field": {"op": "add", "path": f"{AT}/more", "value": {"type": "string"}},
    "a nested field": {"op": "add", "path": f"{AT}/place/properties/street", "value": {"type": "string"}},
    "a title": {"op": "add", "path": f"{AT}/plan/title", "value": "Plan"},
    "no longer required": {"op": "remove", "path": f"{AT}/place/required"},
    "more values": {"op": "add", "path": f"{AT}/plan/enum/-", "value": "trial"},
    "more length": {"op": "replace", "path": f"{AT}/code/maxLength", "value": 9},
}


def setup(aep: AepApp) -> tuple[str, str]:
    """Return the addresses of a field group and of the schema that contains it."""
    group = aep.field_group()["$id"]
    schema = aep.schema(group)["$id"]
    return (
        f"{REGISTRY}/tenant/fieldgroups/{quote(group, safe='')}",
        f"{REGISTRY}/tenant/schemas/{quote(schema, safe='')}",
    )


def use(aep: AepApp, schema_url: str) -> str:
    return aep.dataset(aep.ok("GET", schema_url, headers={"Accept": RAW})["$id"])


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_breaking_changes_only_while_no_dataset_uses_the_schema(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    with aep_app(tmp_path / "free") as aep:
        aep.ok("PATCH", setup(aep)[0], json=[change])
    with aep_app(tmp_path / "used") as aep:
        group, schema = setup(aep)
        use(aep, schema)
        before = aep.ok("GET", group, headers={"Accept": RAW})
        assert aep.request("PATCH", group, json=[change]).status_code == 400
        assert aep.ok("GET", group, headers={"Accept": RAW}) == before


@pytest.mark.parametrize("change", ADDITIONS.values(), ids=ADDITIONS.keys())
def test_additions_always(aep: AepApp, change: dict[str, Any]) -> None:
    group, schema = setup(aep)
    use(aep, schema)
    assert aep.ok("PATCH", group, json=[change])["version"] == "1.1"


def test_a_new_field_may_be_required_and_future_rows_need_it(aep: AepApp) -> None:
    group, schema = setup(aep)
    dataset = use(aep, schema)
    assert aep.load(dataset, lines(row(plan="free")))["status"] == "success"
    changes = [
        {"op": "add", "path": f"{AT}/more", "value": {"type": "string"}},
        {"op": "add", "path": f"{ROOT}/required", "value": ["more"]},
    ]
    aep.ok("PATCH", group, json=changes)
    assert aep.load(dataset, lines(row(plan="free")))["status"] == "failed"
    assert aep.load(dataset, lines(row(plan="free", more="x")))["status"] == "success"


def test_schema_in_use_keeps_its_field_groups_and_cannot_be_deleted(aep: AepApp) -> None:
    group, schema = setup(aep)
    use(aep, schema)
    assert aep.request("PATCH", schema, json=[{"op": "remove", "path": "/allOf/1"}]).status_code == 400
    assert aep.request("DELETE", schema).status_code == 400
    assert aep.request("DELETE", group).status_code == 400
    body = aep.ok("GET", group, headers={"Accept": RAW})
    body["definitions"]["customFields"]["properties"]["_acmesandbox"]["properties"].pop("plan")
    assert aep.request("PUT", group, json=body).status_code == 400


def test_profile_needs_a_primary_identity_and_is_permanent(aep: AepApp) -> None:
    _, url = setup(aep)
    schema = aep.ok("GET", url, headers={"Accept": RAW})["$id"]
    enable = [{"op": "add", "path": "/meta:immutableTags", "value": ["union"]}]
    profile = {"tags": {"unifiedProfile": ["enabled:true"], "unifiedIdentity": ["enabled:true"]}}
    dataset = aep.dataset(schema)
    answer = aep.request("PATCH", f"{CATALOG}/dataSets/{dataset}", json=profile)
    assert (answer.status_code, answer.json()["detail"]) == (
        400,
        "To enable profile datasets the schema should be valid",
    )
    assert aep.request("PATCH", url, json=enable).status_code == 400
    assert aep.identity(schema, primary=False).status_code == 201
    assert aep.request("PATCH", url, json=enable).status_code == 400
    assert aep.identity(schema, "/_acmesandbox/plan").status_code == 201
    assert aep.ok("PATCH", url, json=enable)["meta:immutableTags"] == ["union"]
    aep.ok("PATCH", f"{CATALOG}/dataSets/{dataset}", json=profile)
    assert (
        aep.request("PATCH", url, json=[{"op": "remove", "path": "/meta:immutableTags"}]).status_code == 400
    )
    put = {"title": "Events", "type": "object", "allOf": aep.ok("GET", url, headers={"Accept": RAW})["allOf"]}
    assert aep.ok("PUT", url, json=put)["meta:immutableTags"] == ["union"]


def test_a_field_may_become_required_and_future_rows_need_it(aep: AepApp) -> None:
    """EP:xdm/schema/composition.md#post-ingestion-required-fields."""
    group, schema = setup(aep)
    dataset = use(aep, schema)
    assert aep.load(dataset, lines(row(count=1)))["status"] == "success"
    aep.ok("PATCH", group, json=[{"op": "add", "path": f"{ROOT}/required", "value": ["plan"]}])
    assert aep.load(dataset, lines(row(count=1)))["status"] == "failed"
    assert aep.load(dataset, lines(row(count=1, plan="free")))["status"] == "success"


def test_the_class_of_a_schema_in_use_stays(aep: AepApp) -> None:
    profile = "https://ns.adobe.com/xdm/context/profile"
    schema = aep.schema(title="Empty")
    url = f"{REGISTRY}/tenant/schemas/{schema['meta:altId']}"
    body = {"title": "Empty", "type": "object", "allOf": [{"$ref": profile}]}
    assert aep.ok("PUT", url, json=body)["meta:class"] == profile
    aep.dataset(schema["$id"])
    body["allOf"] = schema["allOf"]
    answer = aep.request("PUT", url, json=body)
    assert answer.status_code == 400 and "class" in answer.json()["detail"]


def test_an_error_names_the_field_and_the_reason(aep: AepApp) -> None:
    group, schema = setup(aep)
    use(aep, schema)
    answer = aep.request("PATCH", group, json=[CHANGES["remove a field"]])
    assert answer.json()["detail"] == (
        "Only additive changes are allowed once a schema is in use:"
        " field /_acmesandbox/distinctId cannot be removed, renamed or moved."
    )


def test_a_data_type_in_use_keeps_its_fields(aep: AepApp) -> None:
    body = {"title": "Money", "type": "object", "properties": {"a": {"type": "string"}}}
    money = aep.ok("POST", f"{REGISTRY}/tenant/datatypes", json=body)
    group = aep.field_group({"total": {"type": "array", "items": {"$ref": money["$id"]}}})
    aep.dataset(aep.schema(group["$id"])["$id"])
    url = f"{REGISTRY}/tenant/datatypes/{money['meta:altId']}"
    narrow = [{"op": "add", "path": "/properties/a/maxLength", "value": 3}]
    assert aep.request("PATCH", url, json=narrow).status_code == 400
    aep.ok("PATCH", url, json=[{"op": "add", "path": "/properties/b", "value": {"type": "string"}}])


def test_resources_of_another_schema_are_not_protected(aep: AepApp) -> None:
    """A dataset of one schema does not protect the field groups of another."""
    _, schema = setup(aep)
    use(aep, schema)
    other = aep.field_group({"a": {"type": "string"}}, "Other")
    at = "/definitions/customFields/properties/_acmesandbox/properties/a"
    aep.ok(
        "PATCH",
        f"{REGISTRY}/tenant/fieldgroups/{other['meta:altId']}",
        json=[{"op": "remove", "path": at}, {"op": "add", "path": at + "2", "value": {"type": "string"}}],
    )


def test_a_schema_that_was_ever_used_is_protected(aep: AepApp) -> None:
    """EP:xdm/troubleshooting-guide.md: "never been used in the creation of a dataset"."""
    group, schema = setup(aep)
    dataset = use(aep, schema)
    aep.ok("DELETE", f"{CATALOG}/dataSets/{dataset}")
    assert aep.request("PATCH", group, json=[CHANGES["remove a field"]]).status_code == 400
    assert aep.request("DELETE", schema).status_code == 204
    aep.ok("PATCH", group, json=[CHANGES["remove a field"]])
