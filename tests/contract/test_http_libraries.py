"""What four common client libraries do by themselves."""

from __future__ import annotations

import http.client
import json
import shutil
import subprocess
import urllib.request
from urllib.parse import quote, urlsplit

import httpx
import pytest
import requests

from mixpanel_aep_sandbox.client import AepSandbox, MixpanelSandbox
from tests.contract.aep_calls import CATALOG, IMPORT
from tests.contract.examples.mixpanel_export import event

pytestmark = pytest.mark.sandbox

REGISTRY = "/data/foundation/schemaregistry"
ACCEPT = {"Accept": "application/vnd.adobe.xed+json; version=1"}
DATE = "from_date=2026-07-01&to_date=2026-07-01"


def _requests(url: str, headers: dict[str, str]) -> bytes:
    return requests.get(url, headers=headers, timeout=60).content


def _httpx(url: str, headers: dict[str, str]) -> bytes:
    return httpx.get(url, headers=headers, timeout=60).content


def _urllib(url: str, headers: dict[str, str]) -> bytes:
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=60) as answer:
        return bytes(answer.read())


def _curl(url: str, headers: dict[str, str]) -> bytes:
    program = shutil.which("curl")
    if program is None:
        pytest.skip("curl is not installed")
    options = [part for name, value in headers.items() for part in ("-H", f"{name}: {value}")]
    return subprocess.run(
        [program, "-sSf", "--compressed", *options, url], check=True, capture_output=True
    ).stdout


CLIENTS = pytest.mark.parametrize("get", [_requests, _httpx, _urllib, _curl])


@CLIENTS
def test_every_client_gets_the_same_rows(get, mixpanel_sandbox: MixpanelSandbox) -> None:
    project = mixpanel_sandbox.add_project()
    mixpanel_sandbox.clock.set("2026-07-02T12:00:00Z")
    mixpanel_sandbox.add_events(project, *(event(f"event {n}") for n in range(40)))
    headers = {"Authorization": requests.auth._basic_auth_str(*mixpanel_sandbox.auth)}
    body = get(f"{mixpanel_sandbox.export_url}?project_id={project}&{DATE}", headers)
    assert len([json.loads(line) for line in body.split(b"\n")[:-1]]) == 40
    assert body.decode().splitlines() == mixpanel_sandbox.returned(project)


@CLIENTS
def test_every_client_looks_up_a_schema_by_its_encoded_id(get, aep_sandbox: AepSandbox) -> None:
    schema = aep_sandbox.add_schema()
    url = f"{aep_sandbox.url}{REGISTRY}/tenant/schemas/{quote(schema, safe='')}"
    assert json.loads(get(url, aep_sandbox.headers(**ACCEPT)))["$id"] == schema


@pytest.mark.parametrize("form", ["application/vnd.adobe.xed+json;version=1", "application/vnd.adobe.xed+json ;  version=1", "Application/vnd.adobe.XED+json; version=1", "application/vnd.adobe.xed+json; version=1, */*;q=0.1"])  # fmt: skip
def test_accept_follows_the_http_standard(form: str, aep_sandbox: AepSandbox) -> None:
    path = f"{REGISTRY}/tenant/schemas/{quote(aep_sandbox.add_schema(), safe='')}"
    assert aep_sandbox.request("GET", path, headers={"Accept": form}).status_code == 200


@pytest.mark.parametrize(
    "path",
    [f"{REGISTRY}/stats", f"{CATALOG}/dataSets", f"{CATALOG}/batches", "/data/core/idnamespace/identities", "/data/foundation/flowservice/flows", "/data/foundation/flowservice/connections"],
)  # fmt: skip
@pytest.mark.parametrize("more", ["", "/", "?", "/?"])
def test_a_trailing_slash_or_an_empty_query_makes_no_difference(
    path: str, more: str, aep_sandbox: AepSandbox
) -> None:
    assert aep_sandbox.request("GET", path + more, allow_redirects=False).status_code == 200


@pytest.mark.parametrize("action", ["COMPLETE", "complete", "Complete"])
def test_an_action_is_case_insensitive(action: str, aep_sandbox: AepSandbox) -> None:
    body = {"datasetId": aep_sandbox.add_dataset(), "inputFormat": {"format": "json"}}
    batch = aep_sandbox.request("POST", f"{IMPORT}/batches", json=body).json()["id"]
    assert aep_sandbox.request("POST", f"{IMPORT}/batches/{batch}?action={action}").content == b""


def test_additional_headers_do_no_harm(aep_sandbox: AepSandbox) -> None:
    extra = {
        "User-Agent": "stranger/1",
        "traceparent": "00-1-1-00",
        "Cookie": "a=b",
        "Cache-Control": "no-cache",
        "x-request-id": "1",
    }
    answer = aep_sandbox.request("GET", f"{REGISTRY}/stats", headers=extra)
    assert answer.json()["tenantId"] == "acmesandbox"


@pytest.mark.parametrize("changed", [str.upper, str.lower, str.title])
def test_header_names_are_case_insensitive(changed, aep_sandbox: AepSandbox) -> None:
    headers = {changed(name): value for name, value in aep_sandbox.headers().items()}
    assert requests.get(f"{aep_sandbox.url}{REGISTRY}/stats", headers=headers, timeout=60).status_code == 200


def test_a_connection_is_kept_for_many_requests(aep_sandbox: AepSandbox) -> None:
    connection = http.client.HTTPConnection(urlsplit(aep_sandbox.url).netloc, timeout=60)
    for path in (
        f"{REGISTRY}/stats",
        f"{CATALOG}/none",
        f"{CATALOG}/dataSets",
        f"{CATALOG}/dataSets?limit=0",
    ):
        connection.request("GET", path, headers=aep_sandbox.headers())
        first = connection.sock
        answer = connection.getresponse()
        answer.read()
        assert answer.version == 11
        assert connection.sock is first is not None
    connection.close()


@pytest.mark.parametrize("limit", ["many", "1.5", "-1", "1e3", "٣", "99999999999999999999"])
@pytest.mark.parametrize(
    "path", [f"{CATALOG}/dataSets", f"{CATALOG}/batches", "/data/foundation/flowservice/flows"]
)
def test_an_invalid_limit_is_refused(path: str, limit: str, aep_sandbox: AepSandbox) -> None:
    answer = requests.get(aep_sandbox.url + path, {"limit": limit}, headers=aep_sandbox.headers(), timeout=60)
    assert answer.status_code == 400
