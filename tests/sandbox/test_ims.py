"""IMS gives tokens to whoever has a client id, one of its secrets and its scopes, and to nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from include.sandbox.aep.constants import REGISTRY
from tests.sandbox.adobe import FORM, Adobe, adobe

pytestmark = pytest.mark.sandbox


@pytest.fixture
def aep(tmp_path: Path) -> Iterator[Adobe]:
    with adobe(tmp_path) as caller:
        yield caller


def test_token_as_documented(aep: Adobe) -> None:
    response = aep.http.post("/ims/token/v3", data=FORM)
    body = response.json()
    assert (response.status_code, body["token_type"], body["expires_in"]) == (200, "bearer", 86399)
    assert aep.http.post("/ims/token/v2", params=FORM).status_code == 200


def test_every_token_is_new_and_good(aep: Adobe) -> None:
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
        ({"client_id": "nobody"}, 400, "invalid_client"),
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"scope": "openid,everything"}, 400, "invalid_scope"),
    ],
)
def test_refusals(aep: Adobe, change: dict[str, str], status: int, error: str) -> None:
    response = aep.http.post("/ims/token/v3", data={**FORM, **change})
    assert (response.status_code, response.json()["error"]) == (status, error)


def test_json_body_is_refused(aep: Adobe) -> None:
    assert aep.http.post("/ims/token/v3", json=FORM).status_code == 400


def test_token_ends_by_the_sandbox_clock(aep: Adobe) -> None:
    aep.ok("GET", f"{REGISTRY}/stats")
    aep.world.clock.advance(86398)
    aep.ok("GET", f"{REGISTRY}/stats")
    aep.world.clock.advance(2)
    response = aep.request("GET", f"{REGISTRY}/stats")
    assert (response.status_code, response.json()["error_code"]) == (401, "401013")


def test_two_secrets_are_good_while_one_is_changed(aep: Adobe) -> None:
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


def test_throttling(aep: Adobe) -> None:
    aep.http.post("/_sandbox/aep/settings", json={"throttle_tokens": 2})
    answers = [aep.http.post("/ims/token/v3", data=FORM) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [429, 429, 200]
    assert answers[0].headers["Retry-After"]
    aep.http.post("/_sandbox/aep/settings", json={"tokens_per_minute": 3})
    assert [aep.http.post("/ims/token/v3", data=FORM).status_code for _ in range(3)] == [200, 429, 429]
    aep.world.clock.advance(61)
    assert aep.http.post("/ims/token/v3", data=FORM).status_code == 200


def test_a_token_is_good_after_a_restart_and_is_kept_nowhere(tmp_path: Path) -> None:
    with adobe(tmp_path) as first:
        token = first.headers["Authorization"]
    kept = b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    assert token.removeprefix("Bearer ").encode() not in kept
    with adobe(tmp_path) as second:
        second.ok("GET", f"{REGISTRY}/stats", headers={"Authorization": token})
