"""Requests that a document shows or a public client sends, and the documented responses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from mixpanel_aep_sandbox.aep.core.constants import (
    CATALOG,
    CONVERSION,
    EXPERIENCE_EVENT,
    EXPORT,
    HYGIENE,
    IMPORT,
    NAMESPACES,
    REGISTRY,
    TIME_SERIES,
)
from tests.support.sandbox.aep_app import FORM, FULL, RAW, AepApp, aep_app, field_group, lines, row

pytestmark = pytest.mark.sandbox
OCTETS = {"Content-Type": "application/octet-stream"}


@pytest.fixture
def aep(tmp_path: Path) -> Iterator[AepApp]:
    with aep_app(tmp_path) as caller:
        yield caller


def settings(aep: AepApp, **wanted: Any) -> None:
    assert aep.http.post("/_sandbox/aep/settings", json=wanted).status_code == 200


class TestCatalogRoot:
    def test_it_lists_its_resources(self, aep: AepApp) -> None:
        for path in (CATALOG, f"{CATALOG}/"):
            assert aep.ok("GET", path)["dataSets"] == "@/dataSets"

    def many(self, aep: AepApp, *requests: dict[str, Any]) -> list[dict[str, Any]]:
        return list(aep.ok("POST", f"{CATALOG}/", json=list(requests)))

    def test_requests_are_executed_in_order_and_may_use_earlier_responses(self, aep: AepApp) -> None:
        schema = {"id": aep.schema()["$id"], "contentType": "application/vnd.adobe.xed+json;version=1"}
        answers = self.many(
            aep,
            {
                "id": "first",
                "resource": "/dataSets",
                "method": "post",
                "body": {"name": "First", "schemaRef": schema},
            },
            {
                "id": "second",
                "resource": "/datasetViews",
                "method": "post",
                "body": {"dataSetId": "<<first.id>>"},
            },
            {"id": "third", "resource": "/dataSets/<<first.id>>?properties=name", "method": "get"},
            {
                "id": "fourth",
                "resource": "/dataSets/<<first.id>>",
                "method": "PATCH",
                "body": {"name": "<<third.name>> again"},
            },
        )
        assert [(answer["id"], answer["code"]) for answer in answers] == [
            ("first", 200),
            ("second", 200),
            ("third", 200),
            ("fourth", 200),
        ]
        key = answers[0]["body"][0].removeprefix("@/dataSets/")
        made = aep.ok("GET", f"{CATALOG}/dataSets/{key}")[key]
        assert answers[1]["body"] == [f"@/dataSetViews/{made['viewId']}"]
        assert answers[2]["body"] == {key: {"name": "First"}} and made["name"] == "First again"

    def test_a_failed_change_reverts_all_and_a_failed_read_nothing(self, aep: AepApp) -> None:
        dataset = aep.ready()
        rename = {"id": "a", "resource": f"/dataSets/{dataset}", "method": "PATCH", "body": {"name": "New"}}
        wrong = {"id": "b", "resource": "/dataSets", "method": "POST", "body": {"name": "No schema"}}
        look = {"id": "b", "resource": "/dataSets/none", "method": "GET"}
        assert [answer["code"] for answer in self.many(aep, rename, wrong, rename)] == [200, 400]
        assert aep.ok("GET", f"{CATALOG}/dataSets/{dataset}")[dataset]["name"] == "Events"
        assert [answer["code"] for answer in self.many(aep, rename, look)] == [200, 404]
        assert aep.ok("GET", f"{CATALOG}/dataSets/{dataset}")[dataset]["name"] == "New"

    def test_headers_belong_to_one_request(self, aep: AepApp) -> None:
        path = f"/dataSets/{aep.ready()}"
        stale = {
            "id": "a",
            "resource": path,
            "method": "PATCH",
            "body": {"name": "x"},
            "headers": {"if-match": "9.9.9"},
        }
        assert [answer["code"] for answer in self.many(aep, stale)] == [412]

    @pytest.mark.parametrize(
        "body",
        [
            {},
            [],
            [{"resource": "/dataSets", "method": "LOOK"}],
            [{"resource": "dataSets", "method": "GET"}],
            [{"resource": "/", "method": "POST"}],
            [{"id": "a", "method": "GET"}],
            ["x"],
            [{"resource": "/dataSets", "method": "GET", "headers": 1}],
            [{"resource": "/dataSets", "method": "GET"}] * 101,
        ],
    )
    def test_a_body_that_is_not_a_list_of_requests_is_refused(self, aep: AepApp, body: Any) -> None:
        assert aep.request("POST", f"{CATALOG}/", json=body).status_code == 400

    def test_unknown_resources_are_not_found(self, aep: AepApp) -> None:
        unknown = {"id": "a", "resource": "/../import/batches", "method": "GET"}
        template = {"id": "b", "resource": "/dataSets/<<a.id>>", "method": "GET"}
        assert [answer["code"] for answer in self.many(aep, unknown, template)] == [404, 400]


def test_a_dataset_has_the_documented_members(aep: AepApp) -> None:
    dataset = aep.ready()
    body = aep.ok("GET", f"{CATALOG}/dataSets/{dataset}")[dataset]
    assert (body["dule"], body["statsCache"], body["tags"]["adobe/pqs/table"]) == ({}, {}, ["events"])
    remove = [{"op": "remove", "path": "/tags/adobe~1pqs~1table"}]
    aep.ok("PATCH", f"{CATALOG}/dataSets/{dataset}", json=remove)
    assert aep.ok("GET", f"{CATALOG}/dataSets/{dataset}")[dataset]["tags"] == body["tags"]


def test_an_empty_list_of_expirations_has_one_page(aep: AepApp) -> None:
    found = aep.ok("GET", f"{HYGIENE}/ttl")
    assert found == {"results": [], "current_page": 0, "total_pages": 1, "total_count": 0}


class TestBatches:
    def test_a_preview_needs_no_format(self, aep: AepApp) -> None:
        dataset = aep.ready()
        batch = aep.create(dataset)
        aep.put(batch, dataset, lines(row()))
        url = f"{IMPORT}/batches/{batch}/datasets/{dataset}/preview"
        named, plain = aep.ok("GET", url, params={"format": "json"}), aep.ok("GET", url, params={"nrow": "5"})
        assert plain == named and plain["preview"]["rows"][0]["0"] == "id1"
        aepp = {
            "delimiter": ",",
            "quote": '"',
            "escape": "\\",
            "charset": "utf-8",
            "header": "True",
            "nrow": "5",
        }
        assert aep.ok("GET", url, params=aepp)["preview"] == named["preview"]

    def test_a_replay_by_patch_makes_a_batch_that_replaces(self, aep: AepApp) -> None:
        dataset = aep.ready()
        old = aep.load(dataset, lines(row("old")))["id"]
        replay = {"predecessors": [f"${old}"], "reason": "replace"}
        body = {"datasetId": dataset, "inputFormat": {"format": "json"}}
        assert aep.request("PATCH", f"{IMPORT}/batches", json=body).status_code == 400
        made = aep.request("PATCH", f"{IMPORT}/batches", json={**body, "replay": replay})
        assert (made.status_code, made.json()["replay"]["predecessors"]) == (201, [old])
        self.finish(aep, dataset, made.json()["id"])
        assert aep.active(dataset) == ["idnew"]

    def test_predecessors_can_be_set_until_completion(self, aep: AepApp) -> None:
        dataset = aep.ready()
        old = aep.load(dataset, lines(row("old")))["id"]
        batch = aep.create(dataset)
        change = {"replay": {"predecessors": [old], "reason": "replace"}}
        aep.ok("PATCH", f"{CATALOG}/batches/{batch}", json=change)
        assert aep.request("PATCH", f"{CATALOG}/batches/{batch}", json={"replay": {}}).status_code == 400
        self.finish(aep, dataset, batch)
        assert aep.active(dataset) == ["idnew"]
        aep.ok("PATCH", f"{CATALOG}/batches/{batch}", json={"tags": {"a": ["b"]}})
        change["replay"]["reason"] = "other"
        assert aep.request("PATCH", f"{CATALOG}/batches/{batch}", json=change).status_code == 400

    def finish(self, aep: AepApp, dataset: str, batch: str) -> None:
        assert aep.put(batch, dataset, lines(row("new"))).status_code == 201
        aep.act(batch, "COMPLETE")
        assert aep.ended(batch)["status"] == "success"

    def test_the_headers_of_a_dataset_file(self, aep: AepApp) -> None:
        batch = aep.load(aep.ready(), lines(row()))["id"]
        (file,) = aep.ok("GET", f"{EXPORT}/batches/{batch}/files")["data"]
        url = f"{EXPORT}/files/{file['dataSetFileId']}"
        name = aep.ok("GET", url)["data"][0]["name"]
        for params in ({"path": name}, {}):
            head = aep.request("HEAD", url, params=params)
            assert (head.status_code, head.headers["content-length"]) == (200, file["size"])
            assert head.headers["accept-ranges"] == "bytes" and not head.content
        assert aep.request("HEAD", url, params={"path": "none"}).status_code == 404

    @pytest.mark.parametrize("status", [201, 200])
    def test_a_new_file_has_the_response_of_either_document(self, aep: AepApp, status: int) -> None:
        settings(aep, file_status=status)
        dataset = aep.ready()
        batch = aep.create(dataset)
        assert [aep.put(batch, dataset, b"{}").status_code for _ in range(2)] == [status, 200]

    def test_errors_are_listed_for_a_successful_batch(self, aep: AepApp) -> None:
        warning = {"code": "MAPPER-3700-400", "description": "One column was nullified.", "recordCount": 1}
        settings(aep, next_batches=[{"outcome": "success", "errors": [warning], "times": 2}])
        dataset = aep.ready()
        body = aep.load(dataset, lines(row("1")))
        assert (body["status"], body["errors"]) == ("success", [warning])
        body = aep.load(dataset, lines(row("2"), {"_id": "3"}), partialIngestionPercent=50)
        assert [error["code"] for error in body["errors"]] == [
            "INGEST-1212-400",
            "INGEST-1555-400",
            "MAPPER-3700-400",
        ]
        assert (body["status"], aep.active(dataset)) == ("success", ["id1", "id2"])


class TestChunks:
    def chunk(self, aep: AepApp, url: str, span: str, size: int = 10) -> int:
        headers = {**OCTETS, "Content-Range": span}
        return aep.request("PATCH", url, content=b"x" * size, headers=headers).status_code

    @pytest.fixture
    def url(self, aep: AepApp) -> str:
        dataset = aep.ready()
        url = aep.files(aep.create(dataset), dataset, "big.json")
        assert aep.request("POST", url, params={"action": "INITIALIZE"}).status_code == 201
        return url

    @pytest.mark.parametrize("span", ["bytes 0-9/*", "bytes 0-9/20", "bytes=0-9"])
    def test_other_forms_of_a_range_are_a_switch(self, aep: AepApp, url: str, span: str) -> None:
        assert self.chunk(aep, url, span) == 400
        settings(aep, content_range="any")
        assert self.chunk(aep, url, span) == 200

    @pytest.mark.parametrize("span", ["bytes 5-14", "bytes 11-20"])
    def test_gaps_and_overlaps_are_detected_at_upload_by_a_switch(
        self, aep: AepApp, url: str, span: str
    ) -> None:
        assert self.chunk(aep, url, "bytes 0-9") == 200
        settings(aep, chunk_ranges="at upload")
        assert [self.chunk(aep, url, each) for each in (span, "bytes 0-9", "bytes 10-19")] == [400, 200, 200]
        settings(aep, chunk_ranges="at completion")
        assert self.chunk(aep, url, span) == 200
        assert aep.request("POST", url, params={"action": "COMPLETE"}).status_code == 400


class TestIms:
    @pytest.mark.parametrize("path", ["/ims/token/v3", "/ims/token/v2"])
    def test_parameters_in_the_query_are_a_switch(self, aep: AepApp, path: str) -> None:
        assert aep.http.post(path, params=FORM).status_code == 200
        settings(aep, ims_parameters="body")
        assert aep.http.post(path, params=FORM).status_code == 400
        assert aep.http.post(path, params=FORM, data={"scope": FORM["scope"]}).status_code == 400
        assert aep.http.post(path, data=FORM).status_code == 200

    def test_space_separated_scopes_are_a_switch(self, aep: AepApp) -> None:
        form = {**FORM, "scope": FORM["scope"].replace(",", " ")}
        assert aep.http.post("/ims/token/v3", data=form).json()["error"] == "invalid_scope"
        commas = {**FORM, "scope": FORM["scope"].replace(",", ", ")}
        assert aep.http.post("/ims/token/v3", data=commas).status_code == 200
        settings(aep, ims_scopes="comma or space")
        assert aep.http.post("/ims/token/v3", data=form).status_code == 200


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
