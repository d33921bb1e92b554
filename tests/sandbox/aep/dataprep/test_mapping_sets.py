"""``/mappingSets`` over HTTP."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mixpanel_aep_sandbox.aep.core.constants import CONVERSION
from tests.support.sandbox.aep_app import AepApp

pytestmark = pytest.mark.sandbox

SETS = f"{CONVERSION}/mappingSets"


def body_for(schema: str, **more: Any) -> dict[str, Any]:
    return {
        "outputSchema": {
            "schemaRef": {"id": schema, "contentType": "application/vnd.adobe.xed-full+json;version=1"}
        },
        "mappings": [
            {"sourceType": "ATTRIBUTE", "source": "id", "destination": "_id", "name": "id"},
            {"sourceType": "EXPRESSION", "source": "upper(plan)", "destination": "_acmesandbox.plan"},
        ],
        **more,
    }


def test_a_set_is_created_read_changed_and_deleted(aep: AepApp, schema: str) -> None:
    aep.state.clock.set(1_614_901_254, frozen=True)
    made = aep.ok("POST", SETS, json=body_for(schema))
    assert made.keys() == {"id", "version", "createdDate", "modifiedDate", "createdBy", "modifiedBy"}
    assert (made["version"], made["createdDate"]) == (0, 1_614_901_254_000)
    url = f"{SETS}/{made['id']}"
    read = aep.ok("GET", url)
    assert read["xdmSchema"] == read["outputSchema"]["schemaRef"]["id"] == schema
    assert (read["status"], read["strictMapping"], read["allowNullValues"]) == ("DRAFT", False, False)
    assert [m["sourceType"] for m in read["mappings"]] == ["text/x.schema-path", "text/x.aep-xl"]
    assert "jsonSchema" not in read["outputSchema"]
    expanded = aep.ok("GET", url, params={"expandSchema": "true"})
    assert "_id" in expanded["outputSchema"]["jsonSchema"]["properties"]

    aep.state.clock.advance(10)
    changed = aep.ok("PUT", url, json=body_for(schema, name="second", status="PUBLISHED"))
    assert (changed["version"], changed["status"], changed["name"]) == (1, "PUBLISHED", "second")
    assert changed["modifiedDate"] - changed["createdDate"] == 10_000
    assert aep.ok("GET", url, params={"version": 0}) == read
    assert aep.ok("GET", url) == aep.ok("GET", url, params={"version": 1}) == changed

    listed = aep.ok("GET", f"{url}/mappings")
    assert [m["destination"] for m in listed] == ["_id", "_acmesandbox.plan"]
    assert aep.ok("GET", f"{url}/mappings/{listed[1]['id']}") == listed[1]
    assert listed[0]["sourceAttribute"] == "id" and listed[0]["destinationXdmPath"] == "_id"

    assert aep.request("DELETE", url).status_code == 204
    for gone in (url, f"{url}/mappings", f"{url}/mappings/x"):
        assert aep.request("GET", gone).status_code == 404
    assert aep.request("PUT", url, json=body_for(schema)).status_code == 404
    assert aep.request("DELETE", url).status_code == 404


def test_the_mixpanel_tutorials_payload_is_accepted(aep: AepApp, schema: str) -> None:
    tutorial = {
        "version": 0,
        "xdmSchema": schema,
        "xdmVersion": "1.0",
        "id": None,
        "mappings": [
            {
                "sourceType": "ATTRIBUTE",
                "source": "data.distinct_id",
                "destination": "_acmesandbox.distinctId",
                "name": "distinct_id",
                "description": "Mixpanel",
            }
        ],
    }
    made = aep.ok("POST", SETS, json=tutorial)
    assert len(made["id"]) == 32 and made["version"] == 0
    read = aep.ok("GET", f"{SETS}/{made['id']}")
    assert read["xdmVersion"] == "1.0" and read["mappings"][0]["description"] == "Mixpanel"


def test_lists_need_start_and_limit(aep: AepApp, schema: str) -> None:
    ids = []
    aep.state.clock.set(1_614_901_254, frozen=True)
    for name in ("a", "b", "a"):
        ids.append(aep.ok("POST", SETS, json=body_for(schema, name=name))["id"])
        aep.state.clock.advance(1)

    def found(**params: Any) -> list[str]:
        return [
            body["id"] for body in aep.ok("GET", SETS, params={"start": 0, "limit": 10, **params})["data"]
        ]

    assert found() == ids[::-1]
    assert found(orderBy="+createdDate") == ids and found(orderBy="-createdDate") == ids[::-1]
    assert found(name="a") == [ids[2], ids[0]] and found(name="none") == []
    page = aep.ok("GET", SETS, params={"start": 1, "limit": 1})
    assert [body["id"] for body in page["data"]] == [ids[1]] and page["_page"] == {"count": 1, "limit": 1}
    assert page["_links"]["next"]["href"].endswith("start=2&limit=1")
    for wrong in (
        {},
        {"start": 0},
        {"limit": 1},
        {"start": 0, "limit": 0},
        {"start": -1, "limit": 1},
        {"start": "x", "limit": 1},
        {"start": 0, "limit": 10**30},
        {"start": 0, "limit": 1, "orderBy": "name"},
        {"start": 0, "limit": 1, "expandSchema": "maybe"},
    ):
        assert aep.request("GET", SETS, params=wrong).status_code == 400, wrong


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        "text",
        None,
        {},
        {"mappings": 5},
        {"outputSchema": {"schemaRef": {"id": "https://ns.adobe.com/none"}}},
        {"outputSchema": {"schemaRef": {"id": 5}}},
        {"name": "\ud800"},
        {"name": float("nan")},
    ],
)
def test_invalid_mapping_sets_are_refused(aep: AepApp, schema: str, wrong: Any) -> None:
    body = json.dumps({**body_for(schema), **wrong} if isinstance(wrong, dict) and wrong else wrong)
    answer = aep.request("POST", SETS, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400, answer.text
    assert answer.json()["status"] == 400
