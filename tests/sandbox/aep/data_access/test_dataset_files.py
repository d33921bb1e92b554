"""Data Access: one dataset file for each uploaded file, in pages, whole or in ranges."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pyarrow.parquet as pq
import pytest

from mixpanel_aep_sandbox.aep.core.constants import EXPORT
from tests.support.sandbox.aep_app import AepApp, aep_app, lines, row

pytestmark = pytest.mark.sandbox


@pytest.fixture(scope="module")
def aep(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AepApp]:
    with aep_app(tmp_path_factory.mktemp("sandbox")) as caller:
        yield caller


def loaded(aep: AepApp, *files: bytes, **more: Any) -> str:
    dataset = aep.ready()
    batch = aep.create(dataset, partialIngestionPercent=50, **more)
    for number, content in enumerate(files):
        assert aep.put(batch, dataset, content, f"{number}.json").status_code == 201
    aep.act(batch, "COMPLETE")
    assert aep.ended(batch)["status"] == "success"
    return batch


def rows_of(aep: AepApp, file: dict[str, Any]) -> list[dict[str, Any]]:
    (entry,) = aep.ok("GET", file["_links"]["self"]["href"])["data"]
    content = aep.request("GET", entry["_links"]["self"]["href"]).content
    return list(pq.read_table(io.BytesIO(content)).to_pylist(maps_as_pydicts="strict"))


def test_each_file_has_its_own_good_rows(aep: AepApp) -> None:
    first = lines(row("1"), {"_id": "bad"}, row("2"))
    batch = loaded(aep, first, lines({"_id": "bad"}), lines(row("3"), row("4")))
    files = aep.ok("GET", f"{EXPORT}/batches/{batch}/files")["data"]
    assert [file["dataSetFileId"] for file in files] == [f"{batch}-{n}" for n in (1, 2, 3)]
    assert [file["records"] for file in files] == ["2", "0", "2"]
    assert [[each["_id"] for each in rows_of(aep, file)] for file in files] == [
        ["id1", "id2"],
        [],
        ["id3", "id4"],
    ]


def test_pages_link_to_the_next_one(aep: AepApp) -> None:
    batch = loaded(aep, *(lines(row(str(n))) for n in range(3)))
    url = f"{EXPORT}/batches/{batch}/files"
    assert "_links" not in aep.ok("GET", url)
    page = aep.ok("GET", url, params={"limit": 1})
    assert page["_page"] == {"limit": 1, "count": 3}
    seen = [page["data"][0]["dataSetFileId"]]
    while "next" in page["_links"]:
        page = aep.ok("GET", page["_links"]["next"]["href"])
        seen += [file["dataSetFileId"] for file in page["data"]]
    assert seen == [f"{batch}-{n}" for n in (1, 2, 3)]
    assert page["_links"]["page"]["href"].endswith("start=2&limit=1")
    for wrong in ({"limit": "²"}, {"start": "9" * 30}, {"limit": "0"}):
        assert aep.request("GET", url, params=wrong).status_code == 400


def test_a_range_of_a_file(aep: AepApp) -> None:
    batch = loaded(aep, lines(row("1")))
    (entry,) = aep.ok("GET", f"{EXPORT}/files/{batch}-1")["data"]
    url, size = entry["_links"]["self"]["href"], int(entry["length"])
    whole = aep.request("GET", url)
    assert whole.headers["content-type"] == "application/parquet" and len(whole.content) == size
    for span, expected in (("0-3", whole.content[:4]), (f"{size - 4}-", b"PAR1"), ("-4", b"PAR1")):
        part = aep.request("GET", url, headers={"Range": f"bytes={span}"})
        assert (part.status_code, part.content) == (206, expected)
    assert aep.request("GET", url, headers={"Range": f"bytes={size}-"}).status_code == 416
    assert aep.request("GET", url, headers={"Range": "lines=0-3"}).status_code in (200, 400)
    head = aep.request("HEAD", url)
    assert (head.status_code, head.headers["content-length"], head.content) == (200, str(size), b"")
    assert aep.request("HEAD", f"{EXPORT}/files/{batch}-2").status_code == 404


@pytest.mark.parametrize("suffix", ["", "-", "-0", "-2", "-1-1", "-x", "-²"])
def test_unknown_files_are_not_found(aep: AepApp, suffix: str) -> None:
    batch = loaded(aep, lines(row("1")))
    assert aep.request("GET", f"{EXPORT}/files/{batch}{suffix}").status_code == 404


def test_boundary_values_can_be_downloaded(aep: AepApp) -> None:
    """XDM's own bounds are one more than an integer of that size holds; Python's dates begin in the year 1."""
    fields = {
        "byte": {"type": "integer", "minimum": -128, "maximum": 128},
        "short": {"type": "integer", "minimum": -32768, "maximum": 32768},
        "int": {"type": "integer", "minimum": -2147483648, "maximum": 2147483648},
        "long": {"type": "integer", "minimum": -9007199254740992, "maximum": 9007199254740992},
        "seen": {"type": "string", "format": "date-time"},
        "price": {"type": "number"},
    }
    schema = aep.schema(aep.field_group(fields, "Edges")["$id"], title="Edge values")["$id"]
    dataset = aep.dataset(schema, "Edges")
    most = {"byte": 128, "short": 32768, "int": 2147483648, "long": 9007199254740992}
    rows = [
        row("1", **most),
        row("2", seen="9999-12-31T23:59:59.999999999-14:00"),
        row("3", seen="0001-01-01T00:00:00+14:00", price=10**300),
        row("4", seen=-62135596800000),
    ]
    batch = aep.load(dataset, lines(*rows))
    assert batch["status"] == "success"
    (file,) = aep.ok("GET", f"{EXPORT}/batches/{batch['id']}/files")["data"]
    (entry,) = aep.ok("GET", file["_links"]["self"]["href"])["data"]
    content = aep.request("GET", entry["_links"]["self"]["href"]).content
    table = pq.read_table(io.BytesIO(content))
    tenant = table.column("_acmesandbox").combine_chunks()
    for name, value in most.items():
        assert tenant.field(name)[0].as_py() == value
    assert tenant.field("seen").cast("int64").to_pylist()[1:] == [
        253402351199999,
        -62135647200000,
        -62135596800000,
    ]


def test_a_failed_batch_has_no_files(aep: AepApp) -> None:
    dataset = aep.ready()
    batch = aep.load(dataset, b"{")["id"]
    assert aep.ok("GET", f"{EXPORT}/batches/{batch}/files")["data"] == []
    assert aep.request("GET", f"{EXPORT}/files/{batch}-1").status_code == 404
