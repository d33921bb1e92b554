"""Catalog: views, dataset files, and queries over several batches."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mixpanel_aep_sandbox.aep.core.constants import CATALOG, IMPORT
from tests.support.sandbox.aep_app import AepApp, aep_app, lines, row

pytestmark = pytest.mark.sandbox
BATCHES = f"{CATALOG}/batches"


@pytest.fixture
def aep(tmp_path: Path) -> Iterator[AepApp]:
    with aep_app(tmp_path) as caller:
        yield caller


def test_a_dataset_has_a_view_and_files(aep: AepApp) -> None:
    dataset, other = aep.ready(), aep.ready()
    batch = aep.create(dataset)
    for name in ("a.json", "b.json"):
        aep.put(batch, dataset, lines(row(name[0])), name)
    aep.act(batch, "COMPLETE")
    aep.load(other, lines(row("c")))
    body = aep.ok("GET", f"{CATALOG}/dataSets/{dataset}")[dataset]
    views = aep.ok("GET", f"{CATALOG}/dataSets/{dataset}/views")
    assert list(views) == [body["viewId"]]
    assert views[body["viewId"]]["dataSetId"] == dataset
    for address in (f"dataSets/{dataset}/views/{body['viewId']}", f"dataSetViews/{body['viewId']}"):
        assert aep.ok("GET", f"{CATALOG}/{address}") == views
    files = aep.ok("GET", f"{CATALOG}/{body['files'].removeprefix('@/')}")
    assert list(files) == [f"{batch}-1", f"{batch}-2"]
    assert {file["records"] for file in files.values()} == {1}
    assert aep.ok("GET", f"{CATALOG}/dataSetFiles", params={"dataSetId": dataset}) == files
    assert aep.ok("GET", f"{CATALOG}/datasetFiles", params={"batchId": batch}) == files
    assert len(aep.ok("GET", f"{CATALOG}/dataSetFiles")) == 3
    one = aep.ok("GET", f"{CATALOG}/dataSetFiles/{batch}-2", params={"properties": "batchId"})
    assert one == {f"{batch}-2": {"batchId": batch}}
    aep.act(batch, "REVERT")
    assert aep.ok("GET", f"{CATALOG}/dataSetFiles", params={"dataSetId": dataset}) == {}
    for wrong in (
        f"dataSets/{dataset}/views/none",
        "dataSets/none/views",
        "dataSetViews/none",
        "dataSetFiles/x",
    ):
        assert aep.request("GET", f"{CATALOG}/{wrong}").status_code == 404


def test_the_distinct_values_of_a_field(aep: AepApp) -> None:
    one, two = aep.ready(), aep.ready()
    first, second, third = aep.create(one, externalId="mine"), aep.create(one), aep.create(two)
    aep.act(second, "ABORT")

    def values(field: str, **params: Any) -> list[str]:
        return list(aep.ok("GET", f"{BATCHES}/uniques/{field}", params=params))

    assert values("status") == ["loading", "aborted"]
    assert values("externalId", dataSet=one) == ["mine", second]
    assert values("id", status="loading", limit=1, start=1) == [third]
    assert values("nothing") == []
    assert first


def test_the_last_batches_of_each_dataset(aep: AepApp) -> None:
    one, two = aep.ready(), aep.ready()
    good, bad = aep.load(one, lines(row()))["id"], aep.load(one, b"{")["id"]
    waiting = aep.create(two)
    last = aep.ok("GET", f"{CATALOG}/lastBatches")
    assert list(last) == [one, two]
    assert last[one]["lastSuccessfulBatchId"] == good and last[one]["lastFailedBatchId"] == bad
    assert (last[two]["lastBatchId"], last[two]["lastBatchStatus"]) == (waiting, "loading")
    assert "lastSuccessfulBatchId" not in last[two]
    assert list(aep.ok("GET", f"{CATALOG}/lastBatches", params={"dataSetId": f"{two},none"})) == [two]
    assert list(aep.ok("GET", f"{CATALOG}/lastBatches", params={"lastBatchStatus": "failed"})) == [one]


def test_batches_by_their_outcome(aep: AepApp) -> None:
    dataset = aep.ready()
    early = aep.load(dataset, lines(row("1")), partialIngestionPercent=50)["id"]
    rows = [{"_id": "2", "timestamp": "2025-01-01T00:00:00+01:00"}, {"_id": "3"}]
    late = aep.load(dataset, lines(*rows), partialIngestionPercent=50)["id"]
    body = aep.batch(late)
    assert (body["recordCount"], body["failedRecordCount"]) == (2, 1)
    assert body["size"] == body["metrics"]["inputByteSize"]
    second = 1_735_686_000
    assert body["availableDates"] == {"startDate": second, "endDate": second}

    def found(**params: Any) -> list[str]:
        return list(aep.ok("GET", BATCHES, params=params))

    assert found(failedRecordCount=1) == [late] and found(recordCount=1) == [early]
    assert found(startAfter=second - 1) == [late] and found(startAfter=second) == []
    assert found(startBefore=second) == [early] and found(endBefore=second + 1) == [early, late]
    assert found(endAfter=second) == [] and found(started=body["started"], batch=late) == [late]
    for wrong in ("x", "-1", "1.5", "9" * 30):
        assert aep.request("GET", BATCHES, params={"startAfter": wrong}).status_code == 400


def test_several_batches_are_looked_up_by_a_list_of_ids(aep: AepApp) -> None:
    dataset = aep.ready()
    first, second = aep.create(dataset), aep.create(dataset)
    assert list(aep.ok("GET", f"{BATCHES}/{second},{first},none")) == [first, second]
    assert aep.request("GET", f"{BATCHES}/none,neither").status_code == 404


def test_only_the_tags_of_a_batch_can_be_changed(aep: AepApp) -> None:
    batch = aep.create(aep.ready(), tags={"a": ["1"]})
    url = f"{BATCHES}/{batch}"
    tag = aep.request("GET", url).headers["ETag"]
    assert aep.ok("PATCH", url, json={"tags": {"b": ["2"]}}) == [f"@/batches/{batch}"]
    assert {"a": ["1"], "b": ["2"]}.items() <= aep.batch(batch)["tags"].items()
    assert aep.request("PATCH", url, json={"tags": {}}, headers={"If-Match": tag}).status_code == 412
    aep.ok("PATCH", url, json=[{"op": "remove", "path": "/tags/a"}])
    assert "a" not in aep.batch(batch)["tags"]
    for wrong in (
        {"status": "success"},
        {"tags": {"a": "b"}},
        [{"op": "add", "path": "/status", "value": "x"}],
        5,
    ):
        assert aep.request("PATCH", url, json=wrong).status_code == 400
    assert aep.request("PATCH", f"{BATCHES}/none", json={"tags": {}}).status_code == 404
    assert aep.request("GET", url, headers={"If-None-Match": "*"}).status_code == 304


def test_a_batch_inherits_the_diagnostics_setting_of_its_dataset(aep: AepApp) -> None:
    schema = aep.schema(aep.field_group()["$id"])["$id"]
    dataset = aep.dataset(schema, enableErrorDiagnostics=True)

    def tags(**more: Any) -> dict[str, Any]:
        body = {"datasetId": dataset, "inputFormat": {"format": "json"}, **more}
        return dict(aep.ok("POST", f"{IMPORT}/batches", json=body)["tags"])

    assert tags() == {"acp_enableErrorDiagnostics": True}
    assert tags(enableErrorDiagnostics=False) == {}
    assert tags(partialIngestionPercentage=5)["acp_partialIngestionPercent"] == 5
    body = {
        "datasetId": dataset,
        "inputFormat": {"format": "json"},
        "tags": {"unifiedProfile": ["enabled:true"]},
    }
    assert aep.request("POST", f"{IMPORT}/batches", json=body).status_code == 400
