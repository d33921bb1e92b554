"""What all parts of the Query API share: both families of paths, permissions, the plan, and the limits."""

from __future__ import annotations

import base64
import json
import threading
from typing import Any

import pytest
import requests

from mixpanel_aep_sandbox import demo_data as data
from tests.support.sandbox.http_client import ACCOUNT, Sandbox

pytestmark = pytest.mark.sandbox

ADOBE, HOSTILE, SHOP = data.ADOBE_PROJECT_ID, data.HOSTILE_PROJECT_ID, data.SHOP_PROJECT_ID
NEW = 4000001
FAMILIES = ("/api/query", "/api/2.0")
ROUTES = {
    "/events/names": {"type": "general"},
    "/events/properties/top": {},
    "/events/properties/values": {"name": "x"},
    "/engage": {},
    "/engage/properties": {},
    "/cohorts/list": {},
    "/funnels/list": {},
    "/funnels": {"funnel_id": "7509", "from_date": "2026-06-01", "to_date": "2026-06-01"},
    "/annotations": {},
}
LIST = "/api/query/cohorts/list"


def ask(
    sandbox: Sandbox, path: str, method: str = "GET", project: int | None = SHOP, **options: Any
) -> requests.Response:
    options = {"auth": ACCOUNT, "params": {"project_id": project}, **options}
    return sandbox.session.request(method, sandbox.url + path, timeout=20, **options)


@pytest.mark.parametrize("path", ROUTES)
def test_both_families_and_both_methods_agree(sandbox: Sandbox, path: str) -> None:
    """In a project with few events: the shop's funnel reads two weeks of events each time."""
    account = {"username": ACCOUNT[0], "secret": ACCOUNT[1]}
    sandbox.project(NEW, query_limits={"enabled": False}, accounts=[account])
    shelf = f"/mixpanel/projects/{NEW}"
    sandbox.control(shelf + "/funnels", {"items": [{"id": 7509, "name": "F", "steps": ["A"]}]})
    sandbox.control(shelf + "/profiles", {"items": [{"distinct_id": "u", "properties": {"a": 1}}]})
    answers = []
    for family in FAMILIES:
        for twin in ("", "/"):
            asked = {"project_id": str(NEW), **ROUTES[path]}
            url = family + path + twin
            answers.append(ask(sandbox, url, params=asked))
            answers.append(ask(sandbox, url, "POST", params={}, data=asked))
            answers.append(ask(sandbox, url, "POST", params={}, json=asked))
    assert {answer.status_code for answer in answers} == {200}
    assert {answer.headers["content-type"] for answer in answers} == {"application/json"}
    changing = ("session_id", "computed_at")
    reported = [answer.json() for answer in answers]
    bodies = {
        json.dumps({k: v for k, v in body.items() if k not in changing} if isinstance(body, dict) else body)
        for body in reported
    }
    assert len(bodies) == 1


def test_the_body_has_precedence_over_the_query(sandbox: Sandbox) -> None:
    both = {"params": {"project_id": 99}, "data": {"project_id": SHOP}}
    assert ask(sandbox, LIST, "POST", **both).status_code == 200
    assert ask(sandbox, LIST, "POST", params={"project_id": SHOP}, json={"project_id": 99}).status_code == 403


@pytest.mark.parametrize("body", [b"[1]", b'"x"', b"\xff\xfe", b"{", b"[" * 100_000, b"null", b"7"])
def test_a_body_that_is_neither_json_nor_a_form_is_ignored(sandbox: Sandbox, body: bytes) -> None:
    assert ask(sandbox, LIST, "POST", data=body).status_code == 200


class TestAccess:
    def test_no_credentials_are_401(self, sandbox: Sandbox) -> None:
        assert ask(sandbox, LIST, auth=None).status_code == 401
        assert ask(sandbox, LIST, auth=("a", "b")).json() == {"error": "Unauthorized"}

    def test_a_project_secret_is_accepted_with_and_without_project_id(self, sandbox: Sandbox) -> None:
        sandbox.control("/clock", {"set": "2026-07-05"})
        sandbox.project(SHOP, secret="0123456789abcdef0123456789abcdef")
        basic = base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
        for project in (SHOP, None):
            headers = {"authorization": f"Basic {basic}"}
            assert ask(sandbox, LIST, project=project, auth=None, headers=headers).status_code == 200

    def test_a_project_secret_is_refused_from_its_retirement_on(self, sandbox: Sandbox) -> None:
        sandbox.project(SHOP, secret="abc")
        sandbox.control("/clock", {"set": "2027-03-02T23:59:59Z", "freeze": True})
        assert ask(sandbox, LIST, auth=("abc", "")).status_code == 200
        sandbox.control("/clock", {"advance_seconds": 1})
        assert ask(sandbox, LIST, auth=("abc", "")).status_code == 401
        sandbox.project(SHOP, secret_until=None)
        assert ask(sandbox, LIST, auth=("abc", "")).status_code == 200

    def test_a_service_account_without_project_id_gets_an_error_about_its_secret(
        self, sandbox: Sandbox
    ) -> None:
        answer = ask(sandbox, LIST, project=None)
        assert answer.status_code == 401
        assert "invalid project secret" in answer.json()["error"]

    @pytest.mark.parametrize("project", ["x", "-1", "1.5", "٣", "9" * 5000])
    def test_an_invalid_id_is_400(self, sandbox: Sandbox, project: Any) -> None:
        assert ask(sandbox, LIST, project=project).status_code == 400

    def test_another_project_is_403(self, sandbox: Sandbox) -> None:
        sandbox.project(99)
        assert [ask(sandbox, LIST, project=number).status_code for number in (99, 98)] == [403, 403]

    @pytest.mark.parametrize(("host", "status"), [("eu.mixpanel.com", 400), ("mixpanel.com", 200)])
    def test_another_region_is_the_cluster_error(self, sandbox: Sandbox, host: str, status: int) -> None:
        answer = ask(sandbox, LIST, headers={"x-original-host": host})
        assert answer.status_code == status
        if status == 400:
            assert answer.json() == {
                "request": f"{LIST}?project_id={SHOP}",
                "error": "request failed with error: invalid project id for cluster.",
            }

    @pytest.mark.parametrize(("given", "status"), [(None, 400), (401, 401), (400, 400)])
    def test_an_expired_account(self, sandbox: Sandbox, given: int | None, status: int) -> None:
        account = {"username": "old", "secret": "s", "expires": "2026-01-01", "expired_status": given}
        sandbox.project(SHOP, accounts=[account])
        answer = ask(sandbox, LIST, auth=("old", "s"))
        assert (answer.status_code, answer.json()) == (status, {"error": "Unable to authenticate request"})

    @pytest.mark.parametrize("path", ROUTES)
    def test_a_plan_without_the_query_api_still_exports(self, sandbox: Sandbox, path: str) -> None:
        sandbox.project(SHOP, query_api=False)
        for family in FAMILIES:
            answer = ask(sandbox, family + path)
            assert answer.status_code == 402
            assert answer.json()["error"].startswith("Your plan does not allow API calls.")
        assert sandbox.export(SHOP, "2026-06-01").status_code == 200

    @pytest.mark.parametrize("workspace", ["x", "1.5", "0", "9" * 30])
    def test_a_data_view_is_a_number(self, sandbox: Sandbox, workspace: str) -> None:
        params = {"project_id": SHOP, "workspace_id": workspace}
        assert ask(sandbox, LIST, params=params).status_code == 400
        assert ask(sandbox, LIST, params={**params, "workspace_id": 3500002}).status_code == 200


class TestLimits:
    def test_sixty_an_hour_in_addition_to_exports(self, sandbox: Sandbox) -> None:
        sandbox.control("/clock", {"set": "2026-07-05T00:00:00Z", "freeze": True})
        assert {ask(sandbox, LIST).status_code for _ in range(60)} == {200}
        refused = [ask(sandbox, LIST) for _ in range(2)]
        assert [answer.status_code for answer in refused] == [429, 429]
        assert refused[1].json() == {
            "request": f"{LIST}?project_id={SHOP}",
            "error": f"Query rate limit exceeded for project_id: {SHOP}. 0/5 queries running concurrently"
            " and 61/60 queries running in the last hour.",
        }
        assert not {"retry-after", "ratelimit", "ratelimit-policy"} & refused[0].headers.keys()
        assert sandbox.export(SHOP, "2020-01-01").status_code == 200
        assert ask(sandbox, LIST, project=HOSTILE).status_code == 200
        sandbox.control("/clock", {"advance_seconds": 3600})
        assert ask(sandbox, LIST).status_code == 200

    def test_which_requests_count(self, sandbox: Sandbox) -> None:
        """401, 402 and 429 do not; requests that fail while they run do; further pages of profiles do not."""
        sandbox.control("/clock", {"set": "2026-07-05T00:00:00Z", "freeze": True})
        sandbox.project(SHOP, query_limits={"per_hour": 3})
        first = ask(sandbox, "/api/query/engage").json()
        for page in range(3):
            session = {"project_id": SHOP, "session_id": first["session_id"], "page": page}
            assert ask(sandbox, "/api/query/engage", params=session).status_code == 200
        assert ask(sandbox, LIST, auth=("a", "b")).status_code == 401
        sandbox.project(SHOP, query_api=False)
        assert ask(sandbox, LIST).status_code == 402
        sandbox.project(SHOP, query_api=True)
        assert ask(sandbox, "/api/query/events/names").status_code == 400
        assert ask(sandbox, "/api/query/annotations").status_code == 200
        assert [ask(sandbox, LIST).status_code for _ in range(3)] == [200, 429, 429]

    def test_the_headers_of_a_429_are_switches(self, sandbox: Sandbox) -> None:
        sandbox.control("/clock", {"set": "2026-07-05T00:00:00Z", "freeze": True})
        sandbox.project(SHOP, query_limits={"per_hour": 1, "retry_after": True, "rate_limit_headers": True})
        ask(sandbox, LIST)
        sandbox.control("/clock", {"advance_seconds": 600})
        headers = ask(sandbox, LIST).headers
        assert headers["retry-after"] == "3001"
        assert headers["ratelimit-policy"] == (
            '"project";q=1;w=3600, "project-concurrency";q=5;qu="concurrent-requests"'
        )
        assert headers["ratelimit"] == '"project";r=0;t=3001, "project-concurrency";r=5'

    def test_five_at_a_time(self, sandbox: Sandbox) -> None:
        sandbox.project(SHOP, query_limits={"concurrent": 1, "rate_limit_headers": True})
        slow = {"do": "drip", "bytes_at_a_time": 60, "every_seconds": 0.05}
        sandbox.fault(slow, match={"query": "slow"})
        done = threading.Event()

        def read() -> None:
            other = requests.Session()
            url = f"{sandbox.url}{LIST}?project_id={SHOP}&slow=1"
            with other.get(url, auth=ACCOUNT, stream=True, timeout=20) as answer:
                started.set()
                answer.content  # noqa: B018 - read to its end
            done.set()

        started = threading.Event()
        thread = threading.Thread(target=read)
        thread.start()
        assert started.wait(10)
        refused = ask(sandbox, LIST)
        thread.join()
        assert refused.status_code == 429
        assert "2/1 queries running concurrently" in refused.json()["error"]
        assert refused.headers["ratelimit"] == '"project";r=59, "project-concurrency";r=0;t=10'
        assert done.is_set()
        assert ask(sandbox, LIST).status_code == 200
