"""Files are uploaded whole or in chunks, stored as they arrive, and refused when a batch is no longer loading."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from httpx import Response

from mixpanel_aep_sandbox.aep.core.constants import DEMO_ORG, IMPORT
from mixpanel_aep_sandbox.aep.core.scope import AepSandboxScope, files_kind
from tests.support.sandbox.aep_app import AepApp, aep_app, lines, row

pytestmark = pytest.mark.sandbox
OCTETS = {"Content-Type": "application/octet-stream"}


@pytest.fixture
def aep(tmp_path: Path) -> Iterator[AepApp]:
    with aep_app(tmp_path, small_file_bytes=1000) as caller:
        yield caller


class Upload:
    """Create one file of one new batch."""

    def __init__(self, aep: AepApp, name: str = "big.json") -> None:
        self.aep, self.name = aep, name
        self.dataset = aep.ready()
        self.batch = aep.create(self.dataset)
        self.url = aep.files(self.batch, self.dataset, name)

    def put(self, content: bytes, **headers: str) -> Response:
        return self.aep.request("PUT", self.url, content=content, headers={**OCTETS, **headers})

    def act(self, action: str) -> Response:
        return self.aep.request("POST", self.url, params={"action": action})

    def chunk(self, span: str | None, content: bytes) -> Response:
        headers = {**OCTETS, **({"Content-Range": span} if span is not None else {})}
        return self.aep.request("PATCH", self.url, content=content, headers=headers)

    def head(self) -> Response:
        return self.aep.request("HEAD", self.url)

    def loaded(self) -> list[str]:
        assert self.aep.act(self.batch, "COMPLETE").status_code == 200
        assert self.aep.ended(self.batch)["status"] == "success"
        return self.aep.active(self.dataset)


@pytest.fixture
def upload(aep: AepApp) -> Upload:
    return Upload(aep)


def stored(aep: AepApp) -> int:
    """Return the bytes of uploads on the disk."""
    return sum(
        file.stat().st_size for file in aep.state.store.folder.joinpath("files").rglob("*") if file.is_file()
    )


def test_create_answers_as_documented(aep: AepApp) -> None:
    dataset = aep.ready()
    body = {"datasetId": dataset, "inputFormat": {"format": "JSON"}, "tags": {"a": ["b"]}}
    response = aep.request("POST", f"{IMPORT}/batches/", json=body)
    made = response.json()
    assert (response.status_code, made["status"], made["version"]) == (201, "loading", "1.0.0")
    assert len(made["id"]) == 26 and made["externalId"] == made["id"]
    assert made["relatedObjects"] == [{"type": "dataSet", "id": dataset}]
    assert made["tags"] == {"a": ["b"]}


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"datasetId": None}, 400),
        ({"datasetId": "0" * 24}, 404),
        ({"inputFormat": None}, 400),
        ({"inputFormat": {}}, 400),
        ({"inputFormat": {"format": "avro"}}, 400),
        ({"inputFormat": {"format": "json", "isMultiLineJson": "yes"}}, 400),
        ({"externalId": ""}, 400),
        ({"externalId": 5}, 400),
        ({"enableErrorDiagnostics": "true"}, 400),
        ({"partialIngestionPercent": 101}, 400),
        ({"partialIngestionPercent": "5"}, 400),
        ({"tags": {"a": "b"}}, 400),
        ({"replay": []}, 400),
        ({"replay": {}}, 400),
        ({"replay": {"predecessors": ["none"]}}, 400),
        ({"replay": {"predecessors": "x"}}, 400),
    ],
)
def test_batches_that_are_refused(aep: AepApp, change: dict[str, Any], status: int) -> None:
    body = {"datasetId": aep.ready(), "inputFormat": {"format": "json"}, **change}
    body = {name: value for name, value in body.items() if value is not None}
    assert aep.request("POST", f"{IMPORT}/batches", json=body).status_code == status


def test_put_is_created_once_then_replaced(upload: Upload) -> None:
    first = upload.put(lines(row("1")))
    assert (first.status_code, first.content) == (201, b"")
    again = upload.put(lines(row("2")))
    assert (again.status_code, again.content) == (200, b"")
    assert stored(upload.aep) == len(lines(row("2")))
    assert upload.head().headers["Range"] == f"bytes=0-{len(lines(row('2'))) - 1}"
    assert upload.loaded() == ["id2"]


def test_paths_with_folders_are_kept(aep: AepApp) -> None:
    upload = Upload(aep, "part1=a/part2=b/x y.json")
    assert upload.put(lines(row())).status_code == 201
    assert upload.loaded() == ["id1"]
    for name in ("../../x.json", "a/../../x", "a//b"):
        bad = aep.files(upload.batch, upload.dataset, name).replace("..", "%2E%2E")
        assert aep.request("PUT", bad, content=b"x", headers=OCTETS).status_code in (400, 404)


@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data; boundary=x", "text/plain", ""])
def test_wrong_content_type(upload: Upload, kind: str) -> None:
    assert upload.put(b"x" * 10, **{"Content-Type": kind}).status_code == 415
    assert upload.put(b"x", **{"Content-Encoding": "gzip"}).status_code == 415
    assert upload.head().status_code == 404


def test_too_large_for_one_request(upload: Upload) -> None:
    assert upload.put(b"x" * 1001).status_code == 413

    def endless() -> Iterator[bytes]:
        for _ in range(11):
            yield b"x" * 100

    response = upload.aep.request("PUT", upload.url, content=endless(), headers=OCTETS)
    assert response.status_code == 413
    assert upload.head().status_code == 404 and stored(upload.aep) == 0
    assert upload.put(b"x" * 1000).status_code == 201


def test_an_unknown_target(aep: AepApp, upload: Upload) -> None:
    for batch, dataset in (("none", upload.dataset), (upload.batch, "0" * 24)):
        assert (
            aep.request("PUT", aep.files(batch, dataset, "a"), content=b"x", headers=OCTETS).status_code
            == 404
        )


@pytest.mark.parametrize("action", ["COMPLETE", "ABORT", "FAIL"])
def test_late_writes_are_refused(upload: Upload, action: str) -> None:
    upload.put(lines(row()))
    assert upload.aep.act(upload.batch, action).status_code == 200
    assert upload.put(lines(row("9"))).status_code == 400
    assert upload.act("INITIALIZE").status_code == 400
    assert upload.chunk("bytes 0-0", b"x").status_code in (400, 404)
    assert "id9" not in upload.aep.active(upload.dataset)


def test_chunks_in_any_order(upload: Upload) -> None:
    content = lines(*(row(str(number)) for number in range(50)))
    assert upload.act("initialize").status_code == 201
    assert upload.chunk(f"bytes 1000-{len(content) - 1}", content[1000:]).status_code == 200
    assert upload.head().headers["Range"] == f"bytes=1000-{len(content) - 1}"
    assert upload.act("COMPLETE").status_code == 400
    assert upload.aep.act(upload.batch, "COMPLETE").status_code == 400
    assert upload.chunk("bytes 0-999", content[:1000]).status_code == 200
    assert upload.head().headers["Range"] == f"bytes=0-{len(content) - 1}"
    response = upload.act("complete")
    assert response.status_code in (200, 201)
    assert response.json() == {"name": "big.json", "sizeInBytes": len(content)}
    assert upload.act("COMPLETE").status_code == 200
    assert len(upload.loaded()) == 50


def test_a_repeated_chunk_is_a_repetition(upload: Upload) -> None:
    content = lines(row())
    upload.act("INITIALIZE")
    for wrong in (b"x" * 10, content[:10]):
        assert upload.chunk("bytes 0-9", wrong).status_code == 200
    assert upload.chunk(f"bytes 10-{len(content) - 1}", content[10:]).status_code == 200
    assert upload.act("COMPLETE").status_code == 201
    assert upload.loaded() == ["id1"]


@pytest.mark.parametrize("spans", [["0-9", "5-14"], ["0-9", "20-29"], ["1-9"], []])
def test_gaps_and_overlaps(upload: Upload, spans: list[str]) -> None:
    upload.act("INITIALIZE")
    for span in spans:
        first, last = map(int, span.split("-"))
        assert upload.chunk(f"bytes {span}", b"x" * (last - first + 1)).status_code == 200
    assert upload.act("COMPLETE").status_code == 400


@pytest.mark.parametrize("span", [None, "", "0-9", "bytes 9-0", "bytes 0-", "bytes 0-8", "items 0-9"])
def test_content_ranges_that_are_refused(upload: Upload, span: str | None) -> None:
    upload.act("INITIALIZE")
    assert upload.chunk(span, b"x" * 10).status_code == 400


def test_chunks_need_an_initialization(upload: Upload) -> None:
    assert upload.chunk("bytes 0-9", b"x" * 10).status_code == 404
    assert upload.act("COMPLETE").status_code == 404
    assert upload.act("WHATEVER").status_code == 400
    upload.put(b"x")
    assert upload.chunk("bytes 0-9", b"x" * 10).status_code == 404


def test_initializing_again_discards_the_chunks(upload: Upload) -> None:
    upload.act("INITIALIZE")
    upload.chunk("bytes 0-9", b"x" * 10)
    upload.act("INITIALIZE")
    assert stored(upload.aep) == 0
    content = lines(row())
    upload.chunk(f"bytes 0-{len(content) - 1}", content)
    upload.act("COMPLETE")
    assert upload.loaded() == ["id1"]


def test_the_number_of_files_is_checked_at_upload_or_at_ingestion(upload: Upload) -> None:
    wanted = {"most_files": 1500, "batch_limits": "at upload"}
    assert upload.aep.http.post("/_sandbox/aep/settings", json=wanted).status_code == 200
    scope = AepSandboxScope(upload.aep.state, DEMO_ORG, "prod")
    held = {"batch": upload.batch, "name": None, "size": 0, "open": True, "chunks": [], "at": 0}
    for number in range(1499):
        scope.put(files_kind(upload.batch), f"{number}.json", {**held, "path": f"{number}.json"})
    assert upload.put(b"x").status_code == 201
    other = upload.aep.files(upload.batch, upload.dataset, "other.json")
    assert upload.aep.request("PUT", other, content=b"x", headers=OCTETS).status_code == 400
    assert upload.put(b"y").status_code == 200
