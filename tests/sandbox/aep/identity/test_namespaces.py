"""Identity namespaces: Adobe's own and the organization's, which cannot be deleted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mixpanel_aep_sandbox.aep.core.constants import NAMESPACES
from tests.support.sandbox.aep_app import AepApp, aep_app

pytestmark = pytest.mark.sandbox
LOYALTY = {"name": "Loyalty Member", "code": "Loyalty", "description": "d", "idType": "Cross_device"}


@pytest.fixture(scope="module")
def aep(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AepApp]:
    with aep_app(tmp_path_factory.mktemp("sandbox")) as caller:
        yield caller


def test_the_documented_example(tmp_path: Path) -> None:
    with aep_app(tmp_path) as aep:
        response = aep.request("POST", NAMESPACES, json=LOYALTY)
        made = response.json()
        assert response.status_code == 200
        assert LOYALTY.items() <= made.items()
        assert (made["custom"], made["status"], type(made["id"])) == (True, "ACTIVE", int)
        assert aep.ok("GET", f"{NAMESPACES}/{made['id']}") == made
        listed = aep.ok("GET", NAMESPACES)
        assert [body for body in listed if body["custom"]] == [made]
        assert {"ECID", "Email", "Phone", "GAID", "IDFA"} <= {body["code"] for body in listed}


@pytest.mark.parametrize("id_type", ["COOKIE", "cookie", "Non_people", "PHONE", "Mobile", "email", "DEVICE"])
def test_an_id_type_is_case_insensitive_and_returned_as_written(aep: AepApp, id_type: str) -> None:
    code = id_type.encode().hex()
    made = aep.ok("POST", NAMESPACES, json={**LOYALTY, "code": code, "idType": id_type})
    assert made["idType"] == id_type


@pytest.mark.parametrize("code", ["Taken", "TAKEN", "email", "ECID"])
def test_an_existing_code_is_a_conflict(aep: AepApp, code: str) -> None:
    aep.request("POST", NAMESPACES, json={**LOYALTY, "code": "Taken"})
    response = aep.request("POST", NAMESPACES, json={**LOYALTY, "code": code})
    body = response.json()
    assert (response.status_code, body["status"], body["title"]) == (409, 409, "NAMESPACE_CODE_CONFLICT")
    assert body["report"] == {"code": "INTEGRATION_CODE_EXISTS"}


@pytest.mark.parametrize(
    "change",
    [
        {"code": "two words"},
        {"code": "a-b"},
        {"code": "é"},
        {"code": ""},
        {"code": 5},
        {"name": " "},
        {"name": None},
        {"idType": "PERSON"},
        {"idType": None},
        {"description": 5},
    ],
)
def test_namespaces_that_are_refused(aep: AepApp, change: dict[str, Any]) -> None:
    response = aep.request("POST", NAMESPACES, json={**LOYALTY, "code": "Refused", **change})
    body = response.json()
    assert (response.status_code, body["status"]) == (400, 400)
    assert body["report"] == {"code": "INVALID_REQUEST_PARAMS"} and body["description"] and body["timestamp"]
    assert aep.request("POST", NAMESPACES, json=[]).status_code == 400


def test_only_name_and_description_can_be_replaced(aep: AepApp) -> None:
    made = aep.ok("POST", NAMESPACES, json={**LOYALTY, "code": "Changing"})
    url = f"{NAMESPACES}/{made['id']}"
    changed = aep.ok("PUT", url, json={"name": "New", "code": "Changing", "idType": "CROSS_DEVICE"})
    assert (changed["name"], changed["description"], changed["id"]) == ("New", "", made["id"])
    assert aep.ok("GET", url) == changed
    for change in ({"code": "Other"}, {"idType": "Email"}, {"name": None}):
        response = aep.request("PUT", url, json={**LOYALTY, "code": "Changing", **change})
        assert response.status_code == 400
    assert "non editable" in aep.request("PUT", url, json={**LOYALTY, "code": "Other"}).json()["description"]
    assert aep.request("PUT", f"{NAMESPACES}/6", json={**LOYALTY, "code": "Email"}).status_code == 400
    aep.http.post("/_sandbox/aep/settings", json={"namespace_put_answer": "array"})
    answer = aep.ok("PUT", url, json={**LOYALTY, "code": "Changing"})
    assert [body["description"] for body in answer] == ["d"]


def test_a_namespace_cannot_be_deleted(aep: AepApp) -> None:
    made = aep.ok("POST", NAMESPACES, json={**LOYALTY, "code": "Staying"})
    assert aep.request("DELETE", f"{NAMESPACES}/{made['id']}").status_code == 405
    assert aep.ok("GET", f"{NAMESPACES}/{made['id']}") == made


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_an_unknown_namespace_is_not_found(aep: AepApp, method: str) -> None:
    body = {"json": LOYALTY} if method == "PUT" else {}
    response = aep.request(method, f"{NAMESPACES}/99", **body)
    assert (response.status_code, response.json()["error"]) == (404, "NAMESPACE_NOT_FOUND")


def test_an_invalid_token_is_rejected_in_the_words_of_gateway_and_service(aep: AepApp) -> None:
    response = aep.request("GET", NAMESPACES, headers={"Authorization": "Bearer none"})
    body = response.json()
    assert (response.status_code, body["error"], body["error_code"]) == (401, "INVALID_IMS_TOKEN", "401013")
    assert body["title"] == "Namespace Validation" and "Authorization failed" in body["report"]["message"]


def test_the_aep_sandbox_header_is_optional(aep: AepApp) -> None:
    headers = {name: value for name, value in aep.headers.items() if name != "x-sandbox-name"}
    assert aep.http.get(NAMESPACES, headers=headers).status_code == 200
