"""Adobe's own resources are complete: every reference resolves, in both notations."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from mixpanel_aep_sandbox.aep.core.constants import EXPERIENCE_EVENT, REGISTRY
from mixpanel_aep_sandbox.aep.ingestion.row_validation.json_schema import row_schema, validator_of
from mixpanel_aep_sandbox.aep.registry.composition.references import references
from mixpanel_aep_sandbox.aep.registry.standard import standard_by_id
from tests.support.sandbox.aep_app import FIELDS, FULL, RAW, AepApp, aep_app, field_group, lines

pytestmark = pytest.mark.sandbox

SEGMENTS = {"mixins": "fieldgroups"}
STANDARD_FULL = "application/vnd.adobe.xdm-full+json; version=1"
PROFILE = "https://ns.adobe.com/xdm/context/profile"


@pytest.fixture(scope="module")
def aep(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AepApp]:
    with aep_app(tmp_path_factory.mktemp("sandbox")) as caller:
        yield caller


def looked_up(aep: AepApp, body: dict[str, Any], accept: str) -> dict[str, Any]:
    kind = body["meta:resourceType"]
    url = f"{REGISTRY}/global/{SEGMENTS.get(kind, kind)}/{quote(body['$id'], safe='')}"
    return dict(aep.ok("GET", url, headers={"Accept": accept}))


def nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield every field in a resolved resource, and the resource itself."""
    yield node
    for child in [*node.get("properties", {}).values(), node.get("items"), node.get("additionalProperties")]:
        if isinstance(child, dict):
            yield from nodes(child)


def groups_for(class_id: str) -> list[str]:
    found = standard_by_id().values()
    return [body["$id"] for body in found if class_id in body.get("meta:intendedToExtend", [])]


def test_the_container_has_the_common_resources_of_both_classes() -> None:
    names = {key.rpartition("/")[2] for key in standard_by_id()}
    assert {"record", "time-series", "adhoc", "experienceevent", "profile"} <= names
    assert {
        "identitymap",
        "identityitem",
        "person-name",
        "person",
        "emailaddress",
        "phonenumber",
        "address",
    } <= names
    assert {"geo", "device", "environment", "browserdetails", "placecontext", "commerce", "order"} <= names
    assert {
        "paymentitem",
        "productlistitem",
        "measure",
        "webinfo",
        "webpagedetails",
        "webinteraction",
    } <= names
    assert {
        "marketing",
        "application",
        "channel",
        "external-source-system-audit",
        "segmentmembership",
    } <= names
    assert {"profile-person-details", "profile-personal-details", "profile-work-details"} <= names
    assert {"profile-preferences-details", "profile-segmentation", "profile-loyalty-details"} <= names
    assert {"consents-and-preferences", "profile-consents"} <= names


def test_every_reference_exists() -> None:
    known = standard_by_id()
    assert set(references(list(known.values()))) <= set(known)


@pytest.mark.parametrize("body", standard_by_id().values(), ids=[*standard_by_id()])
def test_a_standard_resource_resolves_in_both_notations(aep: AepApp, body: dict[str, Any]) -> None:
    raw, full = looked_up(aep, body, RAW), looked_up(aep, body, FULL)
    assert raw["allOf"] and "allOf" not in full and "definitions" not in full
    for node in nodes(full):
        assert not node.keys() & {"$ref", "allOf"} and node["meta:xdmType"] and node["type"]
    validator_of(row_schema(full))
    standard = looked_up(aep, body, STANDARD_FULL)
    for node in nodes(standard):
        assert "meta:xdmField" not in node
        assert all(":" in name or name[0] == "@" for name in node.get("properties", {}))
    assert len([*nodes(standard)]) <= len([*nodes(full)])


def test_the_documented_difference_between_the_notations(aep: AepApp) -> None:
    """EP:xdm/api/appendix.md#compatibility, compared."""
    person = standard_by_id()["https://ns.adobe.com/xdm/context/person"]
    compatible = looked_up(aep, person, FULL)["properties"]
    assert compatible["birthYear"] == {
        "title": "Birth year",
        "type": "integer",
        "minimum": 1,
        "maximum": 32767,
        "meta:xdmField": "xdm:birthYear",
        "meta:xdmType": "short",
    }
    assert (compatible["birthDate"]["format"], compatible["birthDate"]["meta:xdmType"]) == ("date", "date")
    assert looked_up(aep, person, STANDARD_FULL)["properties"]["xdm:birthYear"]["minimum"] == 1


def test_fields_of_other_vocabularies_have_their_own_object(aep: AepApp) -> None:
    address = standard_by_id()["https://ns.adobe.com/xdm/common/address"]
    compatible = looked_up(aep, address, FULL)["properties"]
    assert set(compatible["_schema"]["properties"]) == {"latitude", "longitude", "elevation", "description"}
    assert set(compatible["_repo"]["properties"]) == {"createDate", "modifyDate"}
    standard = looked_up(aep, address, STANDARD_FULL)["properties"]
    assert {"schema:latitude", "repo:createDate", "@id", "xdm:city"} <= set(standard)
    assert not {"_schema", "_repo"} & set(standard)


@pytest.mark.parametrize(("of", "name"), [(EXPERIENCE_EVENT, "Every event"), (PROFILE, "Every profile")])
def test_a_sample_of_all_standard_fields_is_good_in_both_notations(aep: AepApp, of: str, name: str) -> None:
    fields = {**FIELDS, "money": {"$ref": "https://ns.adobe.com/xdm/datatypes/currency"}}
    custom = {**field_group(fields, f"{name}: fields"), "meta:intendedToExtend": [of]}
    group = aep.ok("POST", f"{REGISTRY}/tenant/fieldgroups", json=custom)["$id"]
    schema = aep.schema(*groups_for(of), group, title=name, of=of)["$id"]
    at = f"{REGISTRY}/tenant/schemas/{quote(schema, safe='')}"
    sample = f"{REGISTRY}/rpc/sampledata/{quote(schema, safe='')}"
    for resolved_as, asked in ((STANDARD_FULL, "*/*"), (FULL, "application/vnd.adobe.xed+json; version=1")):
        resolved = aep.ok("GET", at, headers={"Accept": resolved_as})
        row = aep.ok("GET", sample, headers={"Accept": asked})
        validator_of(row_schema(resolved)).validate(row)
        assert set(row) == set(resolved["properties"]) and row["_acmesandbox"]["money"]
    if of == EXPERIENCE_EVENT:
        assert aep.load(aep.dataset(schema, name), lines(row))["status"] == "success"


def test_the_loyalty_members_tutorial(tmp_path: Path) -> None:
    """EP:xdm/tutorials/create-schema-api.md, step by step; its data type has the title of its field group."""
    with aep_app(tmp_path) as aep:
        _loyalty_members(aep)


def _loyalty_members(aep: AepApp) -> None:
    aep.http.post("/_sandbox/aep/settings", json={"unique_titles": "type"})
    schema = aep.schema(title="Loyalty Members", of=PROFILE)
    at = f"{REGISTRY}/tenant/schemas/{schema['meta:altId']}"

    def add(*refs: str) -> dict[str, Any]:
        operations = [{"op": "add", "path": "/allOf/-", "value": {"$ref": ref}} for ref in refs]
        return dict(aep.ok("PATCH", at, json=operations))

    assert add("https://ns.adobe.com/xdm/context/profile-person-details")["version"] == "1.1"
    assert (
        add(
            "https://ns.adobe.com/xdm/context/profile-personal-details",
            "https://ns.adobe.com/xdm/mixins/profile/profile-loyalty-details",
        )["version"]
        == "1.2"
    )
    tier = {
        "id": {"title": "Loyalty Tier Identifier", "type": "string"},
        "effectiveDate": {"type": "string", "format": "date-time"},
        "currentThreshold": {"type": "integer"},
    }
    body = field_group({"loyaltyTier": {"type": "object", "properties": tier}}, "Loyalty Tier")
    group = aep.ok(
        "POST", f"{REGISTRY}/tenant/fieldgroups", json={**body, "meta:intendedToExtend": [PROFILE]}
    )
    patched = add(group["$id"])
    assert patched["allOf"][-1] == {"$ref": group["$id"], "type": "object", "meta:xdmType": "object"}
    assert {group["$id"], PROFILE, "https://ns.adobe.com/xdm/data/record"} <= set(patched["meta:extends"])
    kind = aep.ok(
        "POST",
        f"{REGISTRY}/tenant/datatypes",
        json={
            "title": "Loyalty Tier",
            "type": "object",
            "definitions": {"loyaltyTier": {"type": "object", "properties": tier}},
            "allOf": [{"$ref": "#/definitions/loyaltyTier"}],
        },
    )
    path = "/definitions/customFields/properties/_acmesandbox/properties"
    field = {"title": "Loyalty Tier", "$ref": kind["$id"], "description": "Loyalty tier info"}
    replace = [{"op": "replace", "path": path, "value": {"loyaltyTier": field}}]
    changed = aep.ok("PATCH", f"{REGISTRY}/tenant/fieldgroups/{group['meta:altId']}", json=replace)
    kept = changed["definitions"]["customFields"]["properties"]["_acmesandbox"]["properties"]["loyaltyTier"]
    assert kept == {**field, "type": "object", "meta:xdmType": "object"}
    full = aep.ok("GET", at, headers={"Accept": FULL})["properties"]
    resolved = full["_acmesandbox"]["properties"]["loyaltyTier"]
    assert resolved["meta:referencedFrom"] == kind["$id"]
    assert (resolved["title"], resolved["description"]) == ("Loyalty Tier", "Loyalty tier info")
    assert resolved["properties"]["effectiveDate"]["meta:xdmType"] == "date-time"
    assert full["loyalty"]["properties"]["points"]["meta:xdmType"] == "number"
    assert aep.identity(schema["$id"], "/personalEmail/address").status_code == 201
    union = [{"op": "add", "path": "/meta:immutableTags", "value": ["union"]}]
    assert aep.ok("PATCH", at, json=union)["meta:immutableTags"] == ["union"]
