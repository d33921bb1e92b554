"""Requests that a document shows or a public client sends, and the documented responses."""

from __future__ import annotations

from typing import Any

import pytest

from mixpanel_aep_sandbox.aep.core.constants import (
    CATALOG,
    EXPORT,
    HYGIENE,
    IMPORT,
)
from tests.support.sandbox.aep_app import FORM, AepApp, lines, row
from tests.support.sandbox.aep_settings import settings

pytestmark = pytest.mark.sandbox
OCTETS = {"Content-Type": "application/octet-stream"}


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
