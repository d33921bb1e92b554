"""Documented requests about identities, schemas and mapping sets, and their responses."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from mixpanel_aep_sandbox.aep.core.constants import (
    CONVERSION,
    EXPERIENCE_EVENT,
    NAMESPACES,
    REGISTRY,
    TIME_SERIES,
)
from tests.support.sandbox.aep_app import FULL, RAW, AepApp, field_group, lines, row
from tests.support.sandbox.aep_settings import settings

pytestmark = pytest.mark.sandbox


class TestIdentities:
    URL = "/data/core/identity/identity"

    def test_an_identity_has_one_xid(self, aep: AepApp) -> None:
        one = aep.ok("GET", self.URL, params={"namespace": "email", "id": "a@example.com"})
        assert one == aep.ok("GET", self.URL, params={"nsid": "6", "id": "a@example.com"})
        other = aep.ok("GET", self.URL, params={"namespace": "Email", "id": "b@example.com"})
        assert set(one) == {"xid"} and one != other

    @pytest.mark.parametrize(
        "params",
        [
            {"namespace": "CRMID", "id": "a"},
            {"namespace": "Email"},
            {"id": "a"},
            {"nsid": "6", "id": "x" * 1025},
        ],
    )
    def test_an_invalid_identity_is_refused(self, aep: AepApp, params: dict[str, str]) -> None:
        answer = aep.request("GET", self.URL, params=params)
        assert (answer.status_code, answer.json()["title"]) == (400, "InvalidInput")

    def test_an_error_has_the_time_of_the_sandbox_clock(self, aep: AepApp) -> None:
        aep.state.clock.set(1_614_901_254, frozen=True)
        aep.headers["Authorization"] = f"Bearer {aep.token()}"
        aep.namespace("Crm")
        body = {"name": "Crm", "code": "crm", "idType": "Cross_device"}
        refused = aep.request("POST", NAMESPACES, json=body)
        assert (refused.status_code, refused.json()["timestamp"]) == (409, "2021-03-04T23:40:54.000Z")
        stranger = aep.request("GET", NAMESPACES, headers={"Authorization": "Bearer none"})
        assert (stranger.status_code, stranger.json()["timestamp"]) == (401, "2021-03-04T23:40:54.000Z")


class TestRegistry:
    def test_a_behavior_is_shown_in_full(self, aep: AepApp) -> None:
        body = aep.ok("GET", f"{REGISTRY}/global/behaviors/_xdm.data.record", headers={"Accept": RAW})
        assert body["$schema"] == "http://json-schema.org/draft-06/schema#"
        assert body["definitions"]["record"]["properties"]["_id"]["description"]

    def test_behaviors_of_the_tenant(self, aep: AepApp) -> None:
        url = f"{REGISTRY}/tenant/behaviors"
        listed = aep.ok("GET", url, headers={"Accept": "application/vnd.adobe.xed-id+json"})
        assert listed["results"] == []
        one = f"{url}/{quote(TIME_SERIES, safe='')}"
        assert aep.ok("GET", one, headers={"Accept": FULL})["$id"] == TIME_SERIES
        settings(aep, global_under_tenant="missing")
        assert aep.request("GET", one, headers={"Accept": FULL}).status_code == 404

    def test_a_schema_extends_its_class_first(self, aep: AepApp) -> None:
        group = aep.field_group()["$id"]
        extends = aep.schema(group)["meta:extends"]
        assert (extends[0], extends[-1]) == (EXPERIENCE_EVENT, group) and TIME_SERIES in extends

    def test_the_version_after_a_put_and_after_a_patch(self, aep: AepApp) -> None:
        made = aep.field_group()
        url = f"{REGISTRY}/tenant/fieldgroups/{made['meta:altId']}"

        def put(title: str) -> str:
            return str(aep.ok("PUT", url, json=field_group({"a": {"type": "string"}}, title))["version"])

        assert put("Other") == "1.0"
        rename = [{"op": "replace", "path": "/title", "value": "Patched"}]
        assert aep.ok("PATCH", url, json=rename)["version"] == "1.1"
        settings(aep, version_after_put="raised")
        assert put("Again") == "1.2"

    @pytest.mark.parametrize("names", ["lookup", "guide"])
    def test_user_names_are_in_the_metadata_of_written_resources(self, aep: AepApp, names: str) -> None:
        settings(aep, registry_write_names=names)
        made = aep.schema()
        shown = aep.ok("GET", f"{REGISTRY}/tenant/schemas/{made['meta:altId']}", headers={"Accept": RAW})
        guide = {"repo:createDate", "repo:lastModifiedDate", "xdm:createdClientId", "xdm:repositoryCreatedBy"}
        assert {"repo:createdDate", "xdm:createdUserId", "eTag"} <= set(shown["meta:registryMetadata"])
        found = set(made["meta:registryMetadata"])
        assert found == (guide if names == "guide" else set(shown["meta:registryMetadata"]))
        assert aep.field_group()["meta:registryMetadata"]["repo:createdDate"], "of schemas and classes only"

    def test_the_audit_log_begins_with_the_creation(self, aep: AepApp) -> None:
        made = aep.field_group()
        (entry,) = aep.ok("GET", f"{REGISTRY}/rpc/auditlog/{made['meta:altId']}")
        assert {"action": "add", "path": "/title"} in [
            {name: update[name] for name in ("action", "path")} for update in entry["updates"]
        ]

    def test_a_sample_of_a_union_and_of_a_field_with_any_pattern(self, aep: AepApp) -> None:
        odd = {"type": "string", "pattern": r"^(?!.)x$"}
        schema = aep.schema(aep.field_group({"odd": odd, "id": {"type": "string"}})["$id"])
        assert aep.identity(schema["$id"], "/_acmesandbox/id").status_code == 201
        url = f"{REGISTRY}/tenant/schemas/{schema['meta:altId']}"
        aep.ok("PATCH", url, json=[{"op": "add", "path": "/meta:immutableTags", "value": ["union"]}])
        for key in (schema["meta:altId"], "_xdm.context.experienceevent__union"):
            found = aep.ok("GET", f"{REGISTRY}/rpc/sampledata/{key}")
            assert found["_acmesandbox"]["odd"] == "string"


class TestMappingSets:
    def body(self, aep: AepApp, expression: str) -> dict[str, Any]:
        schema = {
            "id": aep.schema(title="Mapped")["$id"],
            "contentType": "application/vnd.adobe.xed-full+json;version=1",
        }
        mapping = {"sourceType": "EXPRESSION", "source": expression, "destination": "_id"}
        return {"outputSchema": {"schemaRef": schema}, "mappings": [mapping]}

    def test_a_set_has_an_input_schema(self, aep: AepApp) -> None:
        aep.ok("POST", f"{CONVERSION}/mappingSets", json=self.body(aep, "upper(id)"))
        (listed,) = aep.ok("GET", f"{CONVERSION}/mappingSets", params={"start": 0, "limit": 1})["data"]
        assert listed["inputSchema"] == {}

    def test_a_batch_is_converted_into_another_dataset(self, aep: AepApp) -> None:
        url = f"{CONVERSION}/xdmBatchConversions"
        source, target = aep.ready(), aep.ready()
        batch = aep.load(source, lines(row("1", plan="free"), row("2", plan="paid")))["id"]
        body = self.body(aep, "concat(_id, '-again')")
        body["mappings"].append(
            {"sourceType": "ATTRIBUTE", "source": "timestamp", "destination": "timestamp"}
        )
        mapping = aep.ok("POST", f"{CONVERSION}/mappingSets", json=body)["id"]
        wanted = {"destinationDataSetId": target, "sourceBatchId": batch, "mappingSetId": mapping}
        made = aep.request("POST", url, json=wanted)
        assert made.status_code == 201
        aep.ended(made.json()["destinationBatchId"])
        assert aep.active(target) == ["id1-again", "id2-again"] and len(aep.active(source)) == 2
        shown = aep.ok("GET", f"{url}/{made.json()['id']}")
        assert (shown["status"], shown["sourceBatchId"]) == ("success", batch)
        assert aep.ok("GET", url, params={"sourceBatchId": batch, "limit": 5})["data"] == [shown]
        assert aep.ok("GET", url, params={"destinationDataSetId": source})["data"] == []
        (activity,) = aep.ok("GET", f"{url}/{shown['id']}/activities")
        assert aep.ok("GET", f"{url}/{shown['id']}/activities/{activity['id']}") == activity
        for path in ("none", f"{shown['id']}/activities/none"):
            assert aep.request("GET", f"{url}/{path}").status_code == 404
        for wrong, status in (
            ({}, 400),
            ({**wanted, "mappingSetId": "none"}, 404),
            ({**wanted, "sourceBatchId": "none"}, 404),
        ):
            assert aep.request("POST", url, json=wrong).status_code == status

    @pytest.mark.parametrize("expression", ["epoch_to_date()", "upper(epoch_to_date(id))", "id.nothing()"])
    def test_an_unknown_function_is_refused_at_creation_or_at_validation(
        self, aep: AepApp, expression: str
    ) -> None:
        body = self.body(aep, expression)
        refused = aep.request("POST", f"{CONVERSION}/mappingSets", json=body)
        assert refused.status_code == 400 and "unknown function" in refused.json()["detail"]
        settings(aep, mapping_unknown_functions="accepted")
        aep.ok("POST", f"{CONVERSION}/mappingSets", json=body)
        (found,) = aep.ok("POST", f"{CONVERSION}/mappingSets/validate", json=body)["validationResponse"]
        assert found["status"] == "FAILED"
