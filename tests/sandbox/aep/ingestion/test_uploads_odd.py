"""Uploads that are interrupted, repeated, concurrent, or continued after a restart; and many at a time."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from httpx import Response

from mixpanel_aep_sandbox.aep.core.constants import CATALOG, IMPORT
from mixpanel_aep_sandbox.core.server import SandboxServer
from tests.support.sandbox.aep_app import FORM, AepApp, aep_app, lines, row

pytestmark = pytest.mark.sandbox
CONTENT = lines(*(row(str(number)) for number in range(40)))


@pytest.fixture
def aep(tmp_path: Path) -> Iterator[AepApp]:
    with aep_app(tmp_path) as caller:
        yield caller


def started(aep: AepApp) -> tuple[str, str, str]:
    """Return dataset, batch, and the address of a large file whose upload has begun."""
    dataset = aep.ready()
    batch = aep.create(dataset)
    url = aep.files(batch, dataset, "a/big.json")
    assert aep.request("POST", url, params={"action": "INITIALIZE"}).status_code == 201
    return dataset, batch, url


def chunk(aep: AepApp, url: str, first: int, last: int) -> Response:
    headers = {"Content-Type": "application/octet-stream", "Content-Range": f"bytes {first}-{last}"}
    return aep.request("PATCH", url, content=CONTENT[first : last + 1], headers=headers)


def complete(aep: AepApp, url: str) -> Response:
    return aep.request(
        "POST", url, params={"action": "COMPLETE"}, headers={"Content-Type": "application/json"}
    )


def disk(aep: AepApp) -> int:
    """Return the bytes of uploads."""
    files = aep.state.store.folder.joinpath("files").rglob("*")
    return sum(file.stat().st_size for file in files if file.is_file())


def test_every_chunk_is_answered_with_the_received_ranges(aep: AepApp) -> None:
    _, batch, url = started(aep)
    assert chunk(aep, url, 0, 9).headers["Range"] == "bytes=0-9"
    assert chunk(aep, url, 20, 29).headers["Range"] == "bytes=0-9,20-29"
    assert chunk(aep, url, 10, 19).headers["Range"] == "bytes=0-29"
    assert aep.request("HEAD", url).headers["Range"] == "bytes=0-29"
    elsewhere = url.replace("/datasets/", "/datasets/0")
    assert aep.request("HEAD", elsewhere).status_code == 404
    assert aep.request("HEAD", url.replace(batch, "none")).status_code == 404


def test_a_repeated_chunk_takes_no_more_space(aep: AepApp) -> None:
    _, _, url = started(aep)
    for _ in range(3):
        assert chunk(aep, url, 0, 9).status_code == 200
    assert disk(aep) == 10


@pytest.mark.parametrize("status", [201, 200])
def test_a_large_file_is_completed_with_either_documented_status(aep: AepApp, status: int) -> None:
    aep.http.post("/_sandbox/aep/settings", json={"complete_file_status": status})
    _, _, url = started(aep)
    chunk(aep, url, 0, len(CONTENT) - 1)
    response = complete(aep, url)
    assert (response.status_code, response.json()) == (
        status,
        {"name": "a/big.json", "sizeInBytes": len(CONTENT)},
    )
    assert complete(aep, url).status_code == 200
    assert disk(aep) == len(CONTENT)


def test_completing_a_file_many_times_concurrently_is_completing_it_once(aep: AepApp) -> None:
    dataset, batch, url = started(aep)
    half = len(CONTENT) // 2
    chunk(aep, url, half, len(CONTENT) - 1)
    chunk(aep, url, 0, half - 1)
    with ThreadPoolExecutor(8) as pool:
        statuses = [answer.status_code for answer in pool.map(lambda _: complete(aep, url), range(8))]
    assert sorted(statuses) == [200] * 7 + [201]
    aep.act(batch, "COMPLETE")
    assert aep.ended(batch)["status"] == "success" and len(aep.active(dataset)) == 40


def test_overlaps_are_detected_at_the_end_and_can_be_repaired(aep: AepApp) -> None:
    dataset, batch, url = started(aep)
    for first, last in ((0, 99), (50, 199), (200, len(CONTENT) - 1)):
        assert chunk(aep, url, first, last).status_code == 200
    refused = complete(aep, url)
    assert refused.status_code == 400 and "overlap" in refused.json()["detail"]
    assert aep.act(batch, "COMPLETE").status_code == 400
    assert aep.request("POST", url, params={"action": "INITIALIZE"}).status_code == 201
    chunk(aep, url, 0, len(CONTENT) - 1)
    assert complete(aep, url).status_code == 201
    aep.act(batch, "COMPLETE")
    assert aep.ended(batch)["status"] == "success" and len(aep.active(dataset)) == 40


def test_an_unfinished_upload_continues_after_a_restart(tmp_path: Path) -> None:
    with aep_app(tmp_path) as first:
        dataset, batch, url = started(first)
        chunk(first, url, 0, 99)
    with aep_app(tmp_path) as second:
        assert second.request("HEAD", url).headers["Range"] == "bytes=0-99"
        chunk(second, url, 100, len(CONTENT) - 1)
        assert complete(second, url).status_code == 201
        second.act(batch, "COMPLETE")
        assert second.ended(batch)["status"] == "success" and len(second.active(dataset)) == 40


@pytest.mark.parametrize("name", ["a/%00", "a//b", "%2E%2E/x", "a/%2E", "x" * 256, "é" * 128])
def test_paths_that_are_refused(aep: AepApp, name: str) -> None:
    dataset = aep.ready()
    url = f"{IMPORT}/batches/{aep.create(dataset)}/datasets/{dataset}/files/{name}"
    headers = {"Content-Type": "application/octet-stream"}
    assert aep.request("PUT", url, content=b"x", headers=headers).status_code in (400, 404)
    assert disk(aep) == 0


def test_a_url_of_more_than_2000_characters(aep: AepApp) -> None:
    dataset = aep.ready()
    url = aep.files(aep.create(dataset), dataset, "/".join(["x" * 200] * 10))
    headers = {"Content-Type": "application/octet-stream"}
    assert aep.request("PUT", url, content=b"x", headers=headers).status_code == 414


class Client:
    """Send plain requests to a running sandbox."""

    def __init__(self, server: SandboxServer) -> None:
        self.url = server.url
        token = requests.post(f"{self.url}/ims/token/v3", data=FORM, timeout=20).json()["access_token"]
        self.headers = {
            "Authorization": f"Bearer {token}",
            "x-api-key": FORM["client_id"],
            "x-gw-ims-org-id": "DEMO0000@AdobeOrg",
            "x-sandbox-name": "prod",
        }

    def ask(self, method: str, path: str, **options: Any) -> requests.Response:
        headers = {**self.headers, **options.pop("headers", {})}
        answer = requests.request(method, self.url + path, headers=headers, timeout=60, **options)
        assert answer.status_code < 300, answer.text
        return answer

    def load(self, dataset: str, content: bytes) -> str:
        body = {"datasetId": dataset, "inputFormat": {"format": "json"}}
        batch = str(self.ask("POST", f"{IMPORT}/batches", json=body).json()["id"])
        url = f"{IMPORT}/batches/{batch}/datasets/{dataset}/files/a.json"
        self.ask("PUT", url, data=content, headers={"Content-Type": "application/octet-stream"})
        self.ask("POST", f"{IMPORT}/batches/{batch}?action=COMPLETE")
        return batch


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SandboxServer]:
    with aep_app(tmp_path) as caller:
        caller.ready()
    with SandboxServer(tmp_path) as running:
        requests.post(f"{running.url}/_sandbox/aep/settings", json={"batch_seconds": 0}, timeout=20)
        yield running


def dataset_of(client: Client) -> str:
    return str(next(iter(client.ask("GET", f"{CATALOG}/dataSets").json())))


def test_a_hundred_batches_at_a_time(server: SandboxServer) -> None:
    client = Client(server)
    dataset = dataset_of(client)
    with ThreadPoolExecutor(100) as pool:
        batches = list(pool.map(lambda n: client.load(dataset, lines(row(str(n)))), range(100)))
    found: set[str] = set()
    while len(found) < 100:
        params = {"status": "success", "dataSet": dataset, "limit": 100}
        found = set(client.ask("GET", f"{CATALOG}/batches", params=params).json())
    assert found == set(batches)
    text = requests.get(f"{server.url}/_sandbox/aep/active", params={"dataset": dataset}, timeout=20).text
    assert sorted(text.splitlines()) == sorted(set(text.splitlines())) and text.count("\n") == 100


def test_an_interrupted_upload_leaves_nothing(server: SandboxServer) -> None:
    client = Client(server)
    dataset = dataset_of(client)
    body = {"datasetId": dataset, "inputFormat": {"format": "json"}}
    batch = client.ask("POST", f"{IMPORT}/batches", json=body).json()["id"]
    parts = urlsplit(server.url)
    path = f"{IMPORT}/batches/{batch}/datasets/{dataset}/files/a.json"
    headers = {
        **client.headers,
        "Content-Type": "application/octet-stream",
        "Content-Length": "1000000",
        "Host": "x",
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    folder = server.state.store.folder / "files" / "aep" / batch
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=10) as wire:
        wire.sendall(f"PUT {path} HTTP/1.1\r\n{head}\r\n".encode() + b"x" * 1000)
        wait_until(lambda: folder.exists() and any(folder.iterdir()))
    wait_until(lambda: not any(folder.iterdir()))
    answer = requests.head(server.url + path, headers=client.headers, timeout=20)
    assert answer.status_code == 404


def wait_until(condition: Any) -> None:
    done = threading.Event()
    for _ in range(1000):
        if condition():
            return
        done.wait(0.01)
    raise AssertionError("It did not happen.")
