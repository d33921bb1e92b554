"""CSV, Adobe's legacy path: promoted unchanged, with preliminary checks only and without metrics."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from mixpanel_aep_sandbox.aep.core.constants import EXPORT
from tests.support.sandbox.aep_app import AepApp, aep_app

pytestmark = pytest.mark.sandbox


@pytest.fixture(scope="module")
def aep(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AepApp]:
    with aep_app(tmp_path_factory.mktemp("sandbox")) as caller:
        yield caller


@pytest.fixture
def dataset(aep: AepApp) -> str:
    return aep.ready()


def load(aep: AepApp, dataset: str, content: bytes, **options: Any) -> dict[str, Any]:
    return aep.load(dataset, content, inputFormat={"format": "csv", **options})


def test_rows_are_promoted_unchanged(aep: AepApp, dataset: str) -> None:
    content = b'_id,timestamp,eventType\r\n1,not checked,"a,""b"""\r\n2,,\r\n\r\n'
    body = load(aep, dataset, content)
    assert (body["status"], body["errors"]) == ("success", [])
    assert "metrics" not in body
    assert aep.rows(dataset) == [
        {"_id": "1", "timestamp": "not checked", "eventType": 'a,"b"'},
        {"_id": "2"},
    ]
    assert aep.active(dataset) == ["1", "2"]
    (file,) = aep.ok("GET", f"{EXPORT}/batches/{body['id']}/files")["data"]
    (entry,) = aep.ok("GET", file["_links"]["self"]["href"])["data"]
    download = aep.request("GET", entry["_links"]["self"]["href"])
    assert (download.content, download.headers["content-type"]) == (content, "application/csv")


def test_separators_charset_and_null_marker_are_configurable(aep: AepApp, dataset: str) -> None:
    options = {"delimiter": ";", "quote": "'", "nullMarker": "NULL", "charset": "ISO-8859-1"}
    body = load(aep, dataset, "_id;eventType\n'a;b';É\nc;NULL\n".encode("latin-1"), **options)
    assert body["status"] == "success"
    assert aep.rows(dataset) == [{"_id": "a;b", "eventType": "É"}, {"_id": "c"}]


def test_without_a_header_columns_have_numbers(aep: AepApp, dataset: str) -> None:
    body = load(aep, dataset, b"1,2\n", header="false")
    assert (body["status"], body["errors"][0]["code"]) == ("failed", "INGEST-1554-400")
    assert "_c0" in body["errors"][0]["description"]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "106"),
        (b"_id,timestamp\n", "106"),
        (b"\n1,2\n", "118"),
        (b",\n1,2\n", "118"),
        (b"_id\n1,2\n", "INGEST-1401-400"),
        (b"_id\n\xff\xfe\n", "INGEST-1401-400"),
        (b'_id\n"open\n', "INGEST-1401-400"),
        (b"_acmesandbox\n1\n", "INGEST-1554-400"),
        (b"nowhere\n1\n", "INGEST-1554-400"),
    ],
)
def test_files_that_fail(aep: AepApp, dataset: str, content: bytes, code: str) -> None:
    body = load(aep, dataset, content)
    assert (body["status"], body["errors"][0]["code"]) == ("failed", code)
    assert aep.active(dataset) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"delimiter": ""},
        {"delimiter": ",,"},
        {"quote": 5},
        {"charset": "UTF-16"},
        {"header": "perhaps"},
        {"isMultiLineJson": True},
    ],
)
def test_formats_that_are_refused(aep: AepApp, dataset: str, wrong: dict[str, Any]) -> None:
    body = {"datasetId": dataset, "inputFormat": {"format": "CSV", **wrong}}
    assert aep.request("POST", "/data/foundation/import/batches", json=body).status_code == 400


def test_a_delimiter_equal_to_the_quote_breaks_nothing(aep: AepApp, dataset: str) -> None:
    body = load(aep, dataset, b'_id\n"1"\n', delimiter='"', quote='"')
    assert [error["code"] for error in body["errors"]] in ([], ["INGEST-1401-400"])
