"""Export and import, the audit log, and sample data of fields with limits."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixpanel_aep_sandbox.aep.core.constants import EXPERIENCE_EVENT, REGISTRY
from mixpanel_aep_sandbox.aep.registry.sample_data import sample
from tests.support.sandbox.aep_app import FULL, RAW, AepApp, aep_app, field_group

pytestmark = pytest.mark.sandbox


@pytest.fixture
def aep(tmp_path: Path) -> Iterator[AepApp]:
    with aep_app(tmp_path) as caller:
        yield caller


RPC = f"{REGISTRY}/rpc"


def composed(aep: AepApp) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Create a data type, a field group that uses it, and a schema of both."""
    body = {"title": "Money", "type": "object", "properties": {"amount": {"type": "number"}}}
    money = aep.ok("POST", f"{REGISTRY}/tenant/datatypes", json=body)
    group = aep.field_group({"total": {"$ref": money["$id"]}}, "Totals of _acmesandboxes")
    return money, group, aep.schema(group["$id"])


def exported(aep: AepApp, key: str) -> list[dict[str, Any]]:
    return list(aep.ok("GET", f"{RPC}/export/{quote(key, safe='')}"))


def test_an_export_is_complete_and_contains_no_tenant(aep: AepApp) -> None:
    money, group, schema = composed(aep)
    for key in (schema["$id"], schema["meta:altId"]):
        payload = exported(aep, key)
        assert [body["title"] for body in payload] == [each["title"] for each in (money, group, schema)]
    name = "<XDM_TENANTID_PLACEHOLDER>"
    assert payload[0]["$id"] == money["$id"].replace("acmesandbox", name)
    assert payload[0]["meta:altId"].startswith(f"_{name}.datatypes.")
    assert f"_{name}" in payload[1]["definitions"]["customFields"]["properties"]
    assert payload[1]["title"] == "Totals of _acmesandboxes"
    assert not payload[0].keys() & {"imsOrg", "meta:registryMetadata", "meta:tenantNamespace"}
    assert aep.request("GET", f"{RPC}/export/nope").status_code == 404
    assert exported(aep, EXPERIENCE_EVENT)[0]["$id"] == EXPERIENCE_EVENT


def test_an_exported_schema_is_equal_in_another_aep_sandbox(aep: AepApp) -> None:
    _, _, schema = composed(aep)
    payload = exported(aep, schema["$id"])
    at = f"{REGISTRY}/tenant/schemas/{schema['meta:altId']}"
    before = aep.ok("GET", at, headers={"Accept": FULL})
    assert "already exists" in aep.request("POST", f"{RPC}/import", json=payload).json()["detail"]
    aep.headers["x-sandbox-name"] = "dev"
    answer = aep.request("POST", f"{RPC}/import", json=payload[::-1])  # In any order.
    assert answer.status_code == 200 and len(answer.json()) == 3
    after = aep.ok("GET", at, headers={"Accept": FULL})
    assert after["properties"] == before["properties"] and after["meta:sandboxType"] == "development"
    # "RPC endpoints do not require additional headers like Accept or Content-Type."
    plain = aep.request("POST", f"{RPC}/import", content=b"[]", headers={"Content-Type": "text/plain"})
    assert "non-empty array" in plain.json()["detail"]


@pytest.mark.parametrize(
    "change",
    [
        {"$id": None},
        {"$id": "https://ns.adobe.com/other/mixins/1"},
        {"$id": "https://ns.adobe.com/<XDM_TENANTID_PLACEHOLDER>/schemas/1"},
        {"meta:resourceType": "unions"},
        {"meta:resourceType": []},
        {"title": 3},
        {"definitions": []},
        {"allOf": [{"$ref": "https://ns.adobe.com/nowhere"}]},
    ],
)
def test_a_refused_import_imports_nothing(aep: AepApp, change: dict[str, Any]) -> None:
    money, group, _ = composed(aep)
    payload = exported(aep, group["$id"])
    aep.headers["x-sandbox-name"] = "dev"
    bad = [payload[0], {**payload[1], **change}]
    for body in (bad, {}, [], [3], [[]]):
        assert aep.request("POST", f"{RPC}/import", json=body).status_code == 400
    at = f"{REGISTRY}/tenant/datatypes/{money['meta:altId']}"
    assert aep.request("GET", at, headers={"Accept": RAW}).status_code == 404


def test_the_audit_log_has_changes_of_a_resource_and_its_references(aep: AepApp) -> None:
    _, group, schema = composed(aep)
    log = f"{RPC}/auditlog/{quote(schema['$id'], safe='')}"
    (created,) = aep.ok("GET", log)
    assert {update["action"] for update in created["updates"]} == {"add"}
    at = "/definitions/customFields/properties/_acmesandbox/properties/more"
    field = {"type": "string", "meta:xdmType": "string"}
    add = [{"op": "add", "path": at, "value": {"type": "string"}}]
    request_id = {"x-request-id": "mine"}
    url = f"{REGISTRY}/tenant/fieldgroups/{group['meta:altId']}"
    aep.ok("PATCH", url, json=add, headers=request_id)
    aep.ok(
        "PATCH", url, json=[{"op": "remove", "path": at}, {"op": "replace", "path": "/title", "value": "T"}]
    )
    last, first, oldest = aep.ok("GET", log)
    assert oldest == created
    assert first["id"] == schema["$id"] and first["requestId"] == "mine"
    assert re.fullmatch(r"\d\d-\d\d-\d{4} \d\d:\d\d:\d\d", first["updatedTime"])
    assert first["updates"] == [
        {"id": group["$id"], "xdmType": "mixins", "action": "add", "path": at, "value": field}
    ]
    assert {(each["action"], each["path"], str(each["value"])) for each in last["updates"]} == {
        ("remove", at, str(field)),
        ("replace", "/title", "T"),
    }
    own = aep.ok("GET", f"{RPC}/auditlog/{group['meta:altId']}")
    assert [entry["id"] for entry in own] == [group["$id"]] * 3
    assert aep.request("GET", f"{RPC}/auditlog/nope").status_code == 404


def test_a_sample_exists_only_for_a_schema(aep: AepApp) -> None:
    group = aep.field_group()["$id"]
    assert aep.request("GET", f"{RPC}/sampledata/{quote(group, safe='')}").status_code == 404


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ({"type": "string", "maxLength": 3}, "str"),
        ({"type": "string", "minLength": 8}, "stringxx"),
        ({"type": "string", "pattern": "^[A-Z]{2}$", "maxLength": 2}, "AA"),
        ({"type": "string", "pattern": r"^\d{5}(-\d{4})?$"}, "00000"),
        ({"type": "string", "pattern": "[0-1][0-9]-[0-9][0-9]"}, "00-00"),
        ({"type": "string", "pattern": "^(a|b)+[^a]$", "minLength": 4}, "aaa0"),
        ({"type": "string", "pattern": "^x", "examples": ["xyz"]}, "xyz"),
        ({"type": "string", "enum": ["one", "two"], "default": "two"}, "two"),
        ({"type": "string", "format": "uri"}, "https://example.com/uri"),
        ({"type": "integer"}, 42),
        ({"type": "integer", "maximum": 7}, 7),
        ({"type": "integer", "minimum": 100}, 100),
        ({"type": "integer", "exclusiveMinimum": 42}, 43),
        ({"type": "number", "minimum": 0, "maximum": 1}, 0.5),
        ({"type": "boolean"}, False),
        ({"type": "array", "items": {"type": "integer"}, "minItems": 2}, [42, 42]),
        ({"type": "object", "additionalProperties": {"type": "string"}}, {"key": "string"}),
    ],
)
def test_samples_of_every_type(field: dict[str, Any], value: Any) -> None:
    assert sample(field) == value


@given(
    low=st.integers(-(2**40), 2**40),
    width=st.integers(0, 100),
    kind=st.sampled_from(["integer", "number"]),
)
def test_sampled_numbers_are_within_their_limits(low: int, width: int, kind: str) -> None:
    assert low <= sample({"type": kind, "minimum": low, "maximum": low + width}) <= low + width


def test_a_pattern_without_a_matching_text_gets_any_text() -> None:
    assert sample({"type": "string", "pattern": "^(?!.*)$"}) == "string"


def test_a_field_group_without_classes_fits_all(aep: AepApp) -> None:
    body = {**field_group({"a": {"type": "string"}}, "For all"), "meta:intendedToExtend": []}
    group = aep.ok("POST", f"{REGISTRY}/tenant/fieldgroups", json=body)["$id"]
    aep.schema(group, title="P", of="https://ns.adobe.com/xdm/context/profile")
    aep.schema(group, title="E")
