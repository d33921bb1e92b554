"""IMS issues tokens only for a client id with one of its secrets and its scopes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from httpx import Response

from mixpanel_aep_sandbox.aep.core.constants import DEMO_SCOPE, DEMO_SECRET_SCOPE, REGISTRY
from tests.support.sandbox.aep_app import FORM, AepApp, aep_app
from tests.support.sandbox.http_client import Sandbox

pytestmark = pytest.mark.sandbox


@pytest.fixture
def aep(tmp_path: Path) -> Iterator[AepApp]:
    with aep_app(tmp_path) as caller:
        yield caller


def test_token_as_documented(aep: AepApp) -> None:
    response = aep.http.post("/ims/token/v3", data=FORM)
    body = response.json()
    assert (response.status_code, body["token_type"], body["expires_in"]) == (200, "bearer", 86399)
    assert aep.http.post("/ims/token/v2", data=FORM).status_code == 200


def test_every_token_is_new_and_valid(aep: AepApp) -> None:
    first, second = aep.token(), aep.token()
    assert first != second
    for token in (first, second):
        aep.ok("GET", f"{REGISTRY}/stats", headers={"Authorization": f"Bearer {token}"})


@pytest.mark.parametrize(
    ("change", "status", "error"),
    [
        ({"grant_type": ""}, 400, "invalid_request"),
        ({"client_id": ""}, 400, "invalid_request"),
        ({"client_secret": ""}, 400, "invalid_request"),
        ({"scope": ""}, 400, "invalid_request"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"client_id": "unknown"}, 400, "invalid_client"),
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"scope": "openid,everything"}, 400, "invalid_scope"),
    ],
)
def test_refusals(aep: AepApp, change: dict[str, str], status: int, error: str) -> None:
    response = aep.http.post("/ims/token/v3", data={**FORM, **change})
    assert (response.status_code, response.json()["error"]) == (status, error)


def test_json_body_is_refused(aep: AepApp) -> None:
    response = aep.http.post("/ims/token/v3", json=FORM)
    assert response.status_code == 400
    assert "application/x-www-form-urlencoded" in response.text


def test_a_token_expires_by_the_sandbox_clock(aep: AepApp) -> None:
    aep.ok("GET", f"{REGISTRY}/stats")
    aep.state.clock.advance(86398)
    aep.ok("GET", f"{REGISTRY}/stats")
    aep.state.clock.advance(2)
    response = aep.request("GET", f"{REGISTRY}/stats")
    assert (response.status_code, response.json()["error_code"]) == (401, "401013")


def test_a_token_that_is_expired_when_issued(aep: AepApp) -> None:
    aep.http.post("/_sandbox/aep/settings", json={"token_seconds": 0})
    answer = aep.http.post("/ims/token/v3", data=FORM).json()
    assert answer["expires_in"] == 0
    ended = {"Authorization": f"Bearer {answer['access_token']}"}
    assert aep.request("GET", f"{REGISTRY}/stats", headers=ended).status_code == 401


def test_tokens_can_be_revoked(aep: AepApp) -> None:
    assert aep.http.delete("/_sandbox/ims/tokens").json() == {"forgotten": 1}
    assert aep.request("GET", f"{REGISTRY}/stats").status_code == 401
    aep.ok("GET", f"{REGISTRY}/stats", headers={"Authorization": f"Bearer {aep.token()}"})


@pytest.mark.parametrize("change", [{"client_id": "unknown"}, {"client_secret": "wrong"}])
@pytest.mark.parametrize("status", [400, 401])
def test_the_status_for_a_rejected_client_is_a_switch(
    aep: AepApp, change: dict[str, str], status: int
) -> None:
    assert aep.http.post("/_sandbox/aep/settings", json={"refusal_status": 500}).status_code == 400
    aep.http.post("/_sandbox/aep/settings", json={"refusal_status": status})
    assert aep.http.post("/ims/token/v3", data={**FORM, **change}).status_code == status


def test_exchange_of_a_jwt_is_refused_with_a_sentence(aep: AepApp) -> None:
    answer = aep.http.post("/ims/exchange/jwt", data={"client_id": "x", "jwt_token": "y"})
    assert answer.status_code == 400 and "deprecated" in answer.json()["error_description"]


def test_too_many_parameters(aep: AepApp) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert aep.http.post("/ims/token/v3", content=b"a=1;b=%ff&\x00=&\xff", headers=form).status_code == 400


def console(aep: AepApp, method: str, uuid: str = "", path: str = "23294/credentials/436084") -> Response:
    return aep.request(method, f"/console/organizations/{path}/secrets{uuid and '/' + uuid}")


def test_secrets_are_rotated_through_the_console(aep: AepApp) -> None:
    assert console(aep, "GET").status_code == 403
    wide = f"{DEMO_SCOPE},{DEMO_SECRET_SCOPE}"
    aep.headers["Authorization"] = f"Bearer {aep.token(scope=wide)}"
    (old,) = console(aep, "GET").json()["client_secrets"]
    assert old["expires_at"] == "PERMANENT" and old["secret_usages"][0]["grant_type"] == "client_credentials"
    assert FORM["client_secret"] not in console(aep, "GET").text
    added = console(aep, "POST")
    new = added.json()
    assert added.status_code == 201 and new["secret_usages"] is None
    assert console(aep, "POST").status_code == 400
    assert aep.http.post("/ims/token/v3", data={**FORM, "client_secret": new["client_secret"]}).is_success
    removed = console(aep, "DELETE", old["uuid"])
    assert (removed.status_code, removed.content) == (204, b"")
    assert console(aep, "DELETE", old["uuid"]).status_code == 404
    assert aep.http.post("/ims/token/v3", data=FORM).status_code == 401
    (left,) = console(aep, "GET").json()["client_secrets"]
    assert left["uuid"] == new["uuid"] and "client_secret" not in left


def test_the_console_knows_only_the_callers_credential(aep: AepApp) -> None:
    assert console(aep, "GET", path="23294/credentials/1").status_code == 404
    assert console(aep, "GET", path="1/credentials/436084").status_code == 404
    assert aep.http.get("/console/organizations/23294/credentials/436084/secrets").status_code == 403


def test_another_client_of_another_organization(aep: AepApp) -> None:
    body = {"client_id": "other", "org": "OTHER@AdobeOrg", "scope": "openid", "secrets": ["made-up"]}
    made = aep.http.post("/_sandbox/ims/credentials", json=body)
    assert made.status_code == 200 and "made-up" not in made.text
    form = {**FORM, "client_id": "other", "client_secret": "made-up", "scope": "openid"}
    token = aep.http.post("/ims/token/v3", data=form).json()["access_token"]
    own = {"Authorization": f"Bearer {token}", "x-api-key": "other", "x-gw-ims-org-id": "OTHER@AdobeOrg"}
    assert aep.ok("GET", f"{REGISTRY}/stats", headers=own)["imsOrg"] == "OTHER@AdobeOrg"
    strange = {**own, "x-gw-ims-org-id": FORM["client_id"]}
    assert aep.request("GET", f"{REGISTRY}/stats", headers=strange).json()["error_code"] == "403025"
    mixed = {**own, "x-api-key": FORM["client_id"]}
    assert aep.request("GET", f"{REGISTRY}/stats", headers=mixed).json()["error_code"] == "403003"
    assert [
        each["client_id"] for each in aep.http.get("/_sandbox/ims/credentials").json()["credentials"]
    ] == [
        FORM["client_id"],
        "other",
    ]


@pytest.mark.parametrize(
    "body", [{}, {"client_id": ""}, {"client_id": "a", "secrets": []}, {"client_id": "a", "more": 1}, [], 3]
)
def test_invalid_credentials_are_refused(aep: AepApp, body: Any) -> None:
    assert aep.http.post("/_sandbox/ims/credentials", json=body).status_code == 422


def test_ims_that_answers_with_a_page_or_late(sandbox: Sandbox) -> None:
    """What a proxy or an outage makes of a token request."""
    sandbox.fault({"do": "answer", "status": 200, "body": "<html>Sign in</html>"}, match={"service": "ims"})
    sandbox.fault({"do": "delay", "delay_seconds": 0.05}, match={"service": "ims"})
    page, late = (
        sandbox.session.post(f"{sandbox.url}/ims/token/v3", data=FORM, timeout=20) for _ in range(2)
    )
    assert page.headers["content-type"].startswith("text/html") and "Sign in" in page.text
    assert late.status_code == 200 and late.elapsed.total_seconds() > 0.05


def test_two_secrets_are_valid_during_a_rotation(aep: AepApp) -> None:
    old, new = FORM["client_secret"], "demo-secret-not-real-0002"
    aep.http.post("/_sandbox/aep/settings", json={"secrets": [old, new]})
    assert [
        aep.http.post("/ims/token/v3", data={**FORM, "client_secret": s}).status_code for s in (old, new)
    ] == [200, 200]
    aep.http.post("/_sandbox/aep/settings", json={"secrets": [new]})
    assert [
        aep.http.post("/ims/token/v3", data={**FORM, "client_secret": s}).status_code for s in (old, new)
    ] == [401, 200]
    assert aep.http.post("/_sandbox/aep/settings", json={"secrets": ["a", "b", "c"]}).status_code == 400


def test_throttling(aep: AepApp) -> None:
    aep.http.post("/_sandbox/aep/settings", json={"throttle_tokens": 2})
    answers = [aep.http.post("/ims/token/v3", data=FORM) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [429, 429, 200]
    assert answers[0].headers["Retry-After"]
    aep.http.post("/_sandbox/aep/settings", json={"tokens_per_minute": 3})
    assert [aep.http.post("/ims/token/v3", data=FORM).status_code for _ in range(3)] == [200, 429, 429]
    aep.state.clock.advance(61)
    assert aep.http.post("/ims/token/v3", data=FORM).status_code == 200


def test_a_token_is_valid_after_a_restart_and_stored_nowhere(tmp_path: Path) -> None:
    with aep_app(tmp_path) as first:
        token = first.headers["Authorization"]
    kept = b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    assert token.removeprefix("Bearer ").encode() not in kept
    with aep_app(tmp_path) as second:
        second.ok("GET", f"{REGISTRY}/stats", headers={"Authorization": token})
