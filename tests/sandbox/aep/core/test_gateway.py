"""No AEP service answers a request that the gateway would reject."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mixpanel_aep_sandbox.aep.core.constants import (
    AEP_SANDBOXES,
    CATALOG,
    EXPORT,
    IMPORT,
    NAMESPACES,
    REGISTRY,
)
from tests.support.sandbox.aep_app import RAW, AepApp, aep_app

pytestmark = pytest.mark.sandbox


@pytest.fixture(scope="module")
def aep(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AepApp]:
    with aep_app(tmp_path_factory.mktemp("sandbox")) as caller:
        yield caller


SERVICES = [f"{REGISTRY}/stats", f"{CATALOG}/dataSets", f"{EXPORT}/batches/x/meta", NAMESPACES]


@pytest.mark.parametrize("path", SERVICES)
@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"Authorization": ""}, 403, "403010"),
        ({"Authorization": "Bearer wrong"}, 401, "401013"),
        ({"Authorization": "Basic abc"}, 401, "401013"),
        ({"x-api-key": ""}, 403, "403000"),
        ({"x-api-key": "other"}, 403, "403003"),
        ({"x-gw-ims-org-id": ""}, 400, "400003"),
        ({"x-gw-ims-org-id": "OTHER@AdobeOrg"}, 403, "403025"),
    ],
)
def test_gateway(aep: AepApp, path: str, change: dict[str, str], status: int, code: str) -> None:
    response = aep.request("GET", path, headers=change)
    assert (response.status_code, response.json()["error_code"]) == (status, code)


def test_the_header_of_the_aep_sandbox(aep: AepApp) -> None:
    assert aep.request("GET", f"{CATALOG}/dataSets", headers={"x-sandbox-name": "nowhere"}).status_code == 403
    assert aep.request("GET", f"{CATALOG}/dataSets", headers={"x-sandbox-name": ""}).status_code == 400
    bare = {name: value for name, value in aep.headers.items() if name != "x-sandbox-name"}
    assert aep.http.get(f"{CATALOG}/dataSets", headers=bare).status_code == 400
    # The documented example of namespaces has no such header; the id replaces the name.
    assert aep.http.get(NAMESPACES, headers=bare).status_code == 200
    by_id = {**bare, "x-sandbox-id": AEP_SANDBOXES["prod"]}
    assert aep.http.get(f"{CATALOG}/dataSets", headers=by_id).status_code == 200


@pytest.mark.parametrize(
    "path", [f"{REGISTRY}/tenant/schemas", f"{CATALOG}/dataSets", f"{IMPORT}/batches", NAMESPACES]
)
def test_content_type(aep: AepApp, path: str) -> None:
    response = aep.request("POST", path, content=b"{}", headers={"Content-Type": "text/plain"})
    assert (response.status_code, response.json()["detail"]) == (
        400,
        "A valid content-type must be specified",
    )


def test_a_body_that_is_not_json_is_refused(aep: AepApp) -> None:
    for body in (b"{", b"[" * 100_000, b'{"a": NaN}', b'{"a": "\\ud800"}', b'"\xff"'):
        response = aep.request(
            "POST", f"{IMPORT}/batches", content=body, headers={"Content-Type": "application/json"}
        )
        assert response.status_code == 400
    assert aep.request("POST", f"{IMPORT}/batches", json=[]).status_code == 400


def test_a_url_that_is_too_long(aep: AepApp) -> None:
    assert aep.request("GET", f"{CATALOG}/dataSets?name={'x' * 2000}").status_code == 414


def test_resources_of_one_aep_sandbox_are_not_in_another(tmp_path: Path) -> None:
    with aep_app(tmp_path) as aep:
        _is_elsewhere(aep)


def _is_elsewhere(aep: AepApp) -> None:
    dataset = aep.ready()
    batch = aep.create(dataset)
    schema = aep.ok("GET", f"{CATALOG}/dataSets/{dataset}")[dataset]["schemaRef"]["id"]
    aep.headers["x-sandbox-name"] = "dev"
    assert aep.ok("GET", f"{CATALOG}/dataSets") == {}
    for path in (f"{CATALOG}/dataSets/{dataset}", f"{CATALOG}/batches/{batch}"):
        assert aep.request("GET", path).status_code == 404
    schema = schema.replace("/", "%2F").replace(":", "%3A")
    assert (
        aep.request("GET", f"{REGISTRY}/tenant/schemas/{schema}", headers={"Accept": RAW}).status_code == 404
    )
    assert aep.act(batch, "COMPLETE").status_code == 404
    aep.field_group(title="Fields")  # The same title is free here.


def test_every_answer_has_a_request_id(aep: AepApp) -> None:
    assert (
        aep.request("GET", f"{REGISTRY}/stats", headers={"x-request-id": "mine"}).headers["x-request-id"]
        == "mine"
    )
    assert aep.request("GET", f"{REGISTRY}/stats", headers={"x-api-key": ""}).headers["x-request-id"]
