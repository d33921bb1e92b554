"""Data Access reports why rows were rejected, and returns the accepted rows."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from mixpanel_aep_sandbox.aep.core.constants import EXPORT
from tests.support.sandbox.aep_app import AepApp, aep_app, lines, row

pytestmark = pytest.mark.sandbox


@pytest.fixture
def aep(tmp_path: Path) -> Iterator[AepApp]:
    with aep_app(tmp_path) as caller:
        yield caller


BAD = [
    b"{nope",
    *(lines(each).strip() for each in ({"_id": "a"}, row("2", count="x"), row("3", plan="gold"))),
]


def broken(aep: AepApp, **more: Any) -> str:
    """Create a batch with one row of each kind of error."""
    batch = aep.load(aep.ready(), b"\n".join([*BAD, lines(row("good"))]), **more)
    return str(batch["id"])


def meta(aep: AepApp, batch: str, path: str = "") -> Any:
    return aep.request("GET", f"{EXPORT}/batches/{batch}/meta", params={"path": path} if path else {})


def names(response: Any) -> list[str]:
    assert response.status_code == 200, response.text
    body = response.json()
    assert body["_page"] == {"limit": 100, "count": len(body["data"])}
    return [entry["name"] for entry in body["data"]]


def json_lines(response: Any) -> list[dict[str, Any]]:
    assert response.status_code == 200, response.text
    return [json.loads(line) for line in response.text.split("\n")[:-1]]


def test_row_errors(aep: AepApp) -> None:
    batch = broken(aep)
    listed = meta(aep, batch, "row_errors")
    wanted = ["conversion_errors_0.json", "parsing_errors_0.json", "validation_errors_0.json"]
    assert names(listed) == wanted
    content = {name: meta(aep, batch, f"row_errors/{name}") for name in wanted}
    (parsing,) = json_lines(content["parsing_errors_0.json"])
    assert parsing["_corrupt_record"] == "{nope" and parsing["_filename"] == "a.json"
    assert parsing["_errors"] == [
        {"code": "1401", "message": "Row is corrupted and cannot be read, please fix and resend."}
    ]
    (conversion,) = json_lines(content["conversion_errors_0.json"])
    assert (conversion["_id"], conversion["_errors"][0]["column"]) == ("id2", "_acmesandbox.count")
    missing, enum = json_lines(content["validation_errors_0.json"])
    assert (missing["_errors"][0]["code"], missing["_errors"][0]["column"]) == ("1555", "timestamp")
    assert (enum["_errors"][0]["code"], enum["_errors"][0]["column"]) == ("1554", "_acmesandbox.plan")
    entry = listed.json()["data"][1]
    assert entry["length"] == str(len(content["parsing_errors_0.json"].content))
    assert "row_errors%2Fparsing_errors_0.json" in entry["_links"]["self"]["href"]
    followed = aep.request("GET", entry["_links"]["self"]["href"])
    assert followed.content == content["parsing_errors_0.json"].content


def test_the_rest_of_meta(aep: AepApp) -> None:
    batch = broken(aep)
    assert names(meta(aep, batch)) == ["row_errors", "input_files", "row_error_samples.json"]
    assert names(meta(aep, batch, "input_files")) == ["fileMetaData1.json"]
    assert json_lines(meta(aep, batch, "input_files/fileMetaData1.json")) == [{"path": "a.json"}]
    for name in ("row_error_samples.json", "row_errors_sample.json"):
        assert len(json_lines(meta(aep, batch, name))) == 4
    for path in ("nothing", "row_errors/none.json", "row_errors/../ids", "input_files/x"):
        assert meta(aep, batch, path).status_code == 404
    assert meta(aep, "none").status_code == 404


def test_diagnostics_exist_only_where_requested(aep: AepApp) -> None:
    batch = broken(aep, enableErrorDiagnostics=False)
    assert meta(aep, batch, "row_errors").status_code == 404
    assert names(meta(aep, batch)) == ["input_files"]


def test_diagnostics_are_kept_for_30_days(aep: AepApp) -> None:
    batch = broken(aep)
    aep.state.clock.advance(30 * 86400 - 60)
    aep.headers["Authorization"] = f"Bearer {aep.token()}"
    assert meta(aep, batch, "row_errors").status_code == 200
    aep.state.clock.advance(61)
    assert meta(aep, batch, "row_errors").status_code == 404


def test_failed_rows(aep: AepApp) -> None:
    batch = broken(aep)
    url = f"{EXPORT}/batches/{batch}/failed"
    marker, part = names(aep.request("GET", url))
    assert marker == "_SUCCESS" and part.startswith("part-") and part.endswith(".json")
    rows = json_lines(aep.request("GET", url, params={"path": part}))
    assert len(rows) == 4
    (violation,) = rows[3]["_validationErrors"]
    assert set(violation) == {
        "causingExceptions",
        "keyword",
        "message",
        "pointerToViolation",
        "schemaLocation",
    }
    assert (violation["keyword"], violation["pointerToViolation"]) == ("enum", "#/_acmesandbox/plan")
    assert aep.request("GET", url, params={"path": "none"}).status_code == 404
    good = aep.load(aep.dataset(aep.schema(title="S")["$id"], "D"), lines(row()))["id"]
    assert names(aep.request("GET", f"{EXPORT}/batches/{good}/failed")) == []
    assert meta(aep, good, "row_errors").status_code == 404


def test_rows_with_numbers_outside_json_are_reported_in_json(aep: AepApp) -> None:
    dataset = aep.ready()
    line = b'{"_id": "1", "timestamp": "2024-05-01T00:00:00Z", "_acmesandbox": {"price": %s}}'
    batch = aep.load(dataset, line % b"1e400" + b"\n" + line % b"-1e400", enableErrorDiagnostics=True)["id"]
    url = f"{EXPORT}/batches/{batch}/failed"
    _, part = names(aep.request("GET", url))
    for reported in (
        meta(aep, batch, "row_errors/conversion_errors_0.json"),
        meta(aep, batch, "row_error_samples.json"),
        aep.request("GET", url, params={"path": part}),
    ):
        assert "Infinity" in reported.text
        rows = [json.loads(each, parse_constant=pytest.fail) for each in reported.text.splitlines()]
        assert [row["_acmesandbox"]["price"] for row in rows] == ["Infinity", "-Infinity"]


def test_files_of_a_batch(aep: AepApp) -> None:
    dataset = aep.ready()
    sent = [
        row("1", distinctId="x", count="7", price=1, paid=True, seen=1714557600123, day="2024-05-01"),
        row("2", tags=["a"], labels={"k": "v"}, place={"city": "Rome"}),
        {"_id": "bad"},
    ]
    batch = aep.load(dataset, lines(*sent), partialIngestionPercent=50)["id"]
    (entry,) = aep.ok("GET", f"{EXPORT}/batches/{batch}/files")["data"]
    assert (entry["records"], entry["isValid"]) == ("2", True)
    (file,) = aep.ok("GET", entry["_links"]["self"]["href"])["data"]
    assert file["length"] == entry["size"]
    href = file["_links"]["self"]["href"]
    whole = aep.request("GET", href)
    assert (whole.status_code, str(len(whole.content))) == (200, file["length"])
    rows = pq.read_table(io.BytesIO(whole.content)).to_pylist(maps_as_pydicts="strict")
    assert [each["_id"] for each in rows] == ["id1", "id2"]
    first = rows[0]["_acmesandbox"]
    assert (first["count"], first["price"], first["seen"].timestamp()) == (7, 1.0, 1714557600.123)
    assert rows[1]["_acmesandbox"]["labels"] == {"k": "v"}
    head = aep.request("HEAD", href)
    assert (head.headers["content-length"], head.headers["accept-ranges"]) == (file["length"], "bytes")
    part = aep.request("GET", href, headers={"Range": "bytes=0-3"})
    assert (part.status_code, part.content) == (206, b"PAR1")
    assert part.headers["content-range"] == f"bytes 0-3/{file['length']}"
    for wrong in (f"{EXPORT}/files/none", f"{EXPORT}/files/{batch}", href + "x"):
        assert aep.request("GET", wrong).status_code == 404
    assert aep.request("GET", f"{EXPORT}/files/none").json()["detail"] == "File none not found."


def test_preview_and_pages(aep: AepApp) -> None:
    dataset = aep.ready()
    batch = aep.load(dataset, lines(*(row(str(n)) for n in range(150))))["id"]
    rows = aep.ok("GET", f"{EXPORT}/datasets/{dataset}/preview")["data"]
    assert [each["_id"] for each in rows] == [f"id{n}" for n in range(100)]
    assert aep.request("GET", f"{EXPORT}/datasets/none/preview").status_code == 404
    url = f"{EXPORT}/batches/{batch}/files"
    assert aep.ok("GET", url, params={"start": 1})["data"] == []
    for wrong in ({"limit": 0}, {"limit": 101}, {"start": "x"}):
        assert aep.request("GET", url, params=wrong).status_code == 400
    aep.act(batch, "REVERT")
    assert aep.ok("GET", url)["data"] == []
    assert aep.request("GET", f"{EXPORT}/files/{batch}-1").status_code == 404
    assert aep.ok("GET", f"{EXPORT}/datasets/{dataset}/preview")["data"] == []
