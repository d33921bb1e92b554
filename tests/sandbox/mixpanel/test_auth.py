"""Who may export: notations of credentials, projects, regions, limits, and the response of ``/me``."""

from __future__ import annotations

import base64
import threading
import time

import pytest
import requests

from mixpanel_aep_sandbox import demo_data as data
from tests.support.sandbox.http_client import ACCOUNT, Sandbox

pytestmark = pytest.mark.sandbox

ADOBE, HOSTILE, SHOP = data.ADOBE_PROJECT_ID, data.HOSTILE_PROJECT_ID, data.SHOP_PROJECT_ID
USER, SECRET = ACCOUNT
DAY = "2020-01-01"


def ask(
    sandbox: Sandbox, authorization: str | None, project: int | None = SHOP, **headers: str
) -> requests.Response:
    if authorization is not None:
        headers["authorization"] = authorization
    return sandbox.export(project, DAY, auth=None, headers=headers)


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    "authorization",
    [
        f"Basic {encoded(f'{USER}:{SECRET}')}",
        f"Basic {USER}:{SECRET}",
        f"basic {encoded(f'{USER}:{SECRET}')}",
    ],
)
def test_a_service_account_is_accepted_in_base64_and_as_plain_text(
    sandbox: Sandbox, authorization: str
) -> None:
    assert ask(sandbox, authorization).status_code == 200


@pytest.mark.parametrize("spelling", ["{b64}", "{b64colon}", "{plain}", "{plain}:"])
@pytest.mark.parametrize("project", [None, SHOP])
@pytest.mark.parametrize("secret", ["0123456789abcdef0123456789abcdef", "bm90IHdoYXQgaXQgc2VlbXM="])
def test_a_project_secret_is_accepted_with_and_without_colon(
    sandbox: Sandbox, spelling: str, project: int | None, secret: str
) -> None:
    """Also if the plain text happens to be base64 of something else."""
    sandbox.project(SHOP, secret=secret)
    text = spelling.format(b64=encoded(secret), b64colon=encoded(f"{secret}:"), plain=secret)
    assert ask(sandbox, f"Basic {text}", project).status_code == 200
    assert ask(sandbox, f"Basic {text}", ADOBE).status_code == 401


def test_a_bearer_token_is_accepted(sandbox: Sandbox) -> None:
    account = {"username": "b", "secret": "s", "bearer": "made-up-token"}
    sandbox.project(SHOP, accounts=[account])
    assert ask(sandbox, "Bearer made-up-token").status_code == 200
    assert ask(sandbox, "Bearer other").status_code == 401


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Basic",
        "Basic !!!",
        "Digest x",
        "Bearer None",
        f"Basic {encoded(f'{USER}:wrong')}",
        f"Basic {encoded('unknown:' + SECRET)}",
        f"Basic {encoded(USER)}",
        f"Basic {encoded(':')}",
    ],
)
def test_other_credentials_are_401(sandbox: Sandbox, authorization: str | None) -> None:
    answer = ask(sandbox, authorization)
    assert answer.status_code == 401
    assert "Unauthorized" in answer.json()["error"]
    assert SECRET not in answer.text


def test_a_service_account_without_project_id_gets_an_error_about_its_secret(sandbox: Sandbox) -> None:
    answer = sandbox.export(None, DAY)
    assert answer.status_code == 401
    assert "invalid project secret" in answer.json()["error"]


def test_another_project_is_403(sandbox: Sandbox) -> None:
    assert sandbox.export(99, DAY).status_code == 403
    sandbox.project(99)
    assert sandbox.export(99, DAY).status_code == 403
    sandbox.project(99, accounts=[{"username": USER, "secret": SECRET, "role": "no_export"}])
    assert sandbox.export(99, DAY).status_code == 403


def test_an_expired_account_is_400(sandbox: Sandbox) -> None:
    sandbox.control("/clock", {"set": "2026-06-30T23:59:59Z", "freeze": True})
    account = {"username": "old", "secret": "s", "expires": "2026-07-01T00:00:00Z"}
    sandbox.project(SHOP, accounts=[account])
    assert sandbox.export(SHOP, DAY, auth=("old", "s")).status_code == 200
    sandbox.control("/clock", {"advance_seconds": 1})
    answer = sandbox.export(SHOP, DAY, auth=("old", "s"))
    assert (answer.status_code, answer.json()) == (400, {"error": "Unable to authenticate request"})


HOSTS = {"us": "data.mixpanel.com", "eu": "data-eu.mixpanel.com", "in": "data-in.mixpanel.com"}


@pytest.mark.parametrize("header", ["host", "x-original-host"])
@pytest.mark.parametrize("region", ["us", "eu", "in"])
@pytest.mark.parametrize("asked", ["us", "eu", "in"])
def test_a_project_answers_only_in_its_region(sandbox: Sandbox, region: str, asked: str, header: str) -> None:
    sandbox.project(SHOP, region=region)
    answer = sandbox.export(SHOP, DAY, headers={header: HOSTS[asked]})
    if asked == region:
        assert answer.status_code == 200
    else:
        assert answer.status_code == 400
        assert answer.json()["error"] == "request failed with error: invalid project id for cluster."
        assert answer.json()["request"].startswith(f"/api/2.0/export?project_id={SHOP}&")


class TestLimits:
    def test_three_a_second(self, sandbox: Sandbox) -> None:
        sandbox.project(SHOP, limits={"enabled": True})
        sandbox.control("/clock", {"set": "2026-07-05T00:00:00Z", "freeze": True})
        assert [sandbox.export(SHOP, DAY).status_code for _ in range(5)] == [200, 200, 200, 429, 429]
        assert sandbox.export(ADOBE, DAY).status_code == 200
        sandbox.control("/clock", {"advance_seconds": 1})
        assert [sandbox.export(SHOP, DAY).status_code for _ in range(4)] == [200, 200, 200, 429]

    def test_sixty_an_hour_and_rejected_requests_do_not_count(self, sandbox: Sandbox) -> None:
        sandbox.project(SHOP, limits={"enabled": True, "retry_after": True})
        sandbox.control("/clock", {"set": "2026-07-05T00:00:00Z", "freeze": True})
        for _ in range(60):
            assert sandbox.export(SHOP, DAY).status_code == 200
            assert sandbox.export(SHOP, "nonsense").status_code == 400
            sandbox.control("/clock", {"advance_seconds": 10})
        answers = [sandbox.export(SHOP, DAY) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [429, 429]
        assert answers[1].json()["error"] == (
            f"Query rate limit exceeded for project_id: {SHOP}. 0/100 queries running concurrently"
            " and 61/60 queries running in the last hour."
        )
        assert 2990 < int(answers[0].headers["retry-after"]) <= 3001
        sandbox.control("/clock", {"advance_seconds": 3000})
        assert sandbox.export(SHOP, DAY).status_code == 200

    def test_the_limit_of_concurrent_exports(self, sandbox: Sandbox) -> None:
        sandbox.project(SHOP, limits={"enabled": True, "concurrent": 1})
        sandbox.add(SHOP, *[{"line": "x", "at": "2026-08-01"}] * 10)
        sandbox.fault(
            {"do": "drip", "bytes_at_a_time": 1, "every_seconds": 0.05}, match={"query": "limit=10"}
        )
        answers: list[int] = []
        slow = threading.Thread(
            target=lambda: answers.append(_another(sandbox).export(SHOP, "2026-08-01", limit=10).status_code)
        )
        slow.start()
        while not sandbox.control("/faults", method="GET")[0]["happened"]:
            time.sleep(0.01)
        time.sleep(0.2)
        refused = sandbox.export(SHOP, DAY)
        slow.join()
        assert refused.status_code == 429
        assert refused.json() == {"error": "too many export requests in progress for this project"}
        assert "retry-after" not in refused.headers
        assert answers == [200]

    def test_a_hanging_export_counts(self, sandbox: Sandbox) -> None:
        sandbox.project(SHOP, limits={"enabled": True, "concurrent": 1})
        sandbox.fault({"do": "hang", "after_lines": 1}, match={"query": "limit=2"})
        hanging = _another(sandbox).export(SHOP, "2026-06-01", limit=2, stream=True)
        pieces = hanging.iter_content(1)
        assert next(pieces)
        assert sandbox.export(SHOP, DAY).status_code == 429
        hanging.close()
        freed = time.monotonic() + 10
        while sandbox.export(SHOP, DAY, limit=1).status_code == 429:
            assert time.monotonic() < freed
            time.sleep(0.05)

    def test_limits_can_be_switched_off(self, sandbox: Sandbox) -> None:
        assert {sandbox.export(SHOP, DAY).status_code for _ in range(9)} == {200}


class TestMe:
    def test_me_lists_projects_with_their_zones(self, sandbox: Sandbox) -> None:
        results = sandbox.get("/api/app/me", auth=ACCOUNT).json()["results"]
        assert results["projects"][str(ADOBE)] == {
            "name": "Adobe tutorial",
            "organization_id": data.ORGANIZATION_ID,
            "timezone": "America/Los_Angeles",
            "has_workspaces": True,
            "domain": "mixpanel.com",
            "type": "PROJECT",
        }
        assert set(results["projects"]) == {str(ADOBE), str(HOSTILE), str(SHOP)}
        assert results["organizations"][str(data.ORGANIZATION_ID)]["role"] == "member"
        assert {workspace["project_id"] for workspace in results["workspaces"].values()} == {
            ADOBE,
            HOSTILE,
            SHOP,
        }

    @pytest.mark.parametrize(
        ("host", "projects"), [("mixpanel.com", {ADOBE, SHOP}), ("eu.mixpanel.com", {HOSTILE})]
    )
    def test_each_region_knows_its_own(self, sandbox: Sandbox, host: str, projects: set[int]) -> None:
        answer = sandbox.get("/api/app/me", auth=ACCOUNT, headers={"host": host})
        assert set(answer.json()["results"]["projects"]) == {str(project) for project in projects}

    def test_a_region_without_projects_does_not_know_the_account(self, sandbox: Sandbox) -> None:
        answer = sandbox.get("/api/app/me", auth=ACCOUNT, headers={"host": "in.mixpanel.com"})
        assert answer.status_code == 401

    def test_wrong_credentials(self, sandbox: Sandbox) -> None:
        assert sandbox.get("/api/app/me", auth=("a", "b")).status_code == 401
        assert sandbox.get("/api/app/me").status_code == 401


def _another(sandbox: Sandbox) -> Sandbox:
    other = Sandbox.__new__(Sandbox)
    other.url, other.state, other.session = sandbox.url, sandbox.state, requests.Session()
    return other
