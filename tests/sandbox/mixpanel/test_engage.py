"""Profiles: pages and sessions, filters, cohorts, and the properties of profiles."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests

from mixpanel_aep_sandbox import demo_data as data
from tests.support.sandbox.http_client import ACCOUNT, Sandbox

pytestmark = pytest.mark.sandbox

SHOP, NEW = data.SHOP_PROJECT_ID, 4000001
ENGAGE = "/api/query/engage"
SHELF = f"/mixpanel/projects/{NEW}"


@pytest.fixture
def new(sandbox: Sandbox) -> Sandbox:
    """A project with three users, one of them with a number for an id, a group, and two cohorts."""
    account = {"username": ACCOUNT[0], "secret": ACCOUNT[1]}
    sandbox.project(NEW, accounts=[account], query_limits={"enabled": False})
    profiles = [
        {"distinct_id": "ann", "properties": {"$email": "ann@a.example", "n": 5, "$last_seen": "2026-06-02T10:00:00"}},
        {"distinct_id": "Ö\u2028", "properties": {"n": 7.5, "tags": ["a"], "yes": True}},
        {"distinct_id": 4, "properties": {"$email": "four@b.example", "n": 9, "deep": {"x": None}}},
        {"distinct_id": "acme", "properties": {"size": 3}, "data_group_id": "-1405123841946871899"},
    ]  # fmt: skip
    sandbox.control(SHELF + "/profiles", {"items": profiles})
    cohorts = [
        {"id": 1, "name": "Big", "where": 'properties["n"] > 6', "created": "2019-03-19 23:49:51"},
        {"id": 2, "name": "Named", "distinct_ids": ["ann", "ghost"], "is_visible": 0},
    ]
    sandbox.control(SHELF + "/cohorts", {"items": cohorts})
    return sandbox


def ask(sandbox: Sandbox, project: int = NEW, **form: Any) -> requests.Response:
    return sandbox.session.post(
        sandbox.url + ENGAGE, params={"project_id": project}, data=form, auth=ACCOUNT, timeout=20
    )


def ids(sandbox: Sandbox, **form: Any) -> list[Any]:
    answer = ask(sandbox, **form)
    assert answer.status_code == 200, answer.text
    return [row["$distinct_id"] for row in answer.json()["results"]]


def test_the_documented_shape(new: Sandbox) -> None:
    body = ask(new).json()
    session_id = body.pop("session_id")
    assert session_id and isinstance(session_id, str)
    assert body.pop("results")[2] == {
        "$distinct_id": 4,
        "$properties": {"$email": "four@b.example", "n": 9, "deep": {"x": None}},
    }
    assert body == {"page": 0, "page_size": 1000, "status": "ok", "total": 3}


class TestPages:
    def test_all_profiles_are_returned_once_over_all_pages(self, sandbox: Sandbox) -> None:
        """The demo shop's customers; only the first page has the total."""
        sandbox.control("/clock", {"set": "2026-07-03"})
        first = ask(sandbox, SHOP).json()
        found = [row["$distinct_id"] for row in first["results"]]
        assert len(found) == 1000
        for page in range(1, first["total"] // 1000 + 2):
            more = ask(sandbox, SHOP, session_id=first["session_id"], page=page).json()
            assert (more["page"], more["session_id"], more["page_size"]) == (page, first["session_id"], 1000)
            assert "total" not in more
            found += [row["$distinct_id"] for row in more["results"]]
        assert more["results"] == [] or len(more["results"]) < 1000
        assert len(found) == len(set(found)) == first["total"] > 2000

    def test_the_page_size_is_a_setting_of_the_project(self, new: Sandbox) -> None:
        new.project(NEW, engage_page_size=2)
        first = ask(new, page_size=1).json()
        assert (first["page_size"], len(first["results"]), first["total"]) == (2, 2, 3)
        last = ask(new, page_size=1, session_id=first["session_id"], page=1).json()
        assert [row["$distinct_id"] for row in last["results"]] == [4]
        new.project(NEW, switches={"engage_page_size": "honoured"})
        assert len(ask(new, page_size=1).json()["results"]) == 1

    def test_a_session_keeps_the_result_of_its_first_page(self, new: Sandbox) -> None:
        new.project(NEW, engage_page_size=1)
        session_id = ask(new).json()["session_id"]
        new.control(SHELF + "/profiles", method="DELETE")
        assert ids(new, session_id=session_id, page=2) == [4]
        assert ids(new) == []
        assert ask(new, session_id=session_id, page=0).json()["total"] == 3

    def test_a_page_with_another_query_is_refused(self, new: Sandbox) -> None:
        session_id = ask(new, where='properties["n"] > 1').json()["session_id"]
        for form in ({"session_id": session_id, "page": 1}, {"session_id": "1-UNKNOWN", "page": 1}):
            answer = ask(new, **form)
            assert answer.status_code == 400
            assert answer.json()["error"] == "request for page in uncached query for params"
        assert ask(new, where='properties["n"] > 1', session_id=session_id, page=1).status_code == 200
        assert "session_id" in ask(new, page=1).json()["error"]


class TestFilters:
    @pytest.mark.parametrize(
        ("form", "found"),
        [
            ({"where": 'properties["n"] >= 7'}, ["Ö\u2028", 4]),
            ({"where": 'user["$email"] == "ann@a.example"'}, ["ann"]),
            ({"where": 'defined(properties["$email"])'}, ["ann", 4]),
            ({"where": 'properties["$last_seen"] >= "2026-06-01T00:00:00"'}, ["ann"]),
            ({"where": 'properties["$last_seen"] > datetime("2026-06-02T09:00:00")'}, ["ann"]),
            ({"where": 'datetime(1780400000) > properties["$last_seen"]'}, ["ann"]),
            ({"distinct_id": "ann"}, ["ann"]),
            ({"distinct_id": "4"}, [4]),
            ({"distinct_id": "unknown"}, []),
            ({"distinct_ids": '["ann", 4, "unknown"]'}, ["ann", 4]),
            ({"distinct_ids": "[]"}, []),
            ({"filter_by_cohort": '{"id":1}'}, ["Ö\u2028", 4]),
            ({"filter_by_cohort": '{"id":1}', "where": 'properties["n"] == 9'}, [4]),
            ({"filter_by_cohort": '{"id":2}'}, ["ann", "ghost"]),
            ({"filter_by_cohort": '{"id":2}', "include_all_users": "false"}, ["ann"]),
            ({"data_group_id": "-1405123841946871899"}, ["acme"]),
            ({"data_group_id": "1"}, []),
            ({"as_of_timestamp": "1780000000"}, ["ann", "Ö\u2028", 4]),
        ],
    )
    def test_which_profiles_match(self, new: Sandbox, form: dict[str, str], found: list[Any]) -> None:
        assert ids(new, **form) == found

    def test_a_member_without_a_profile_has_no_properties(self, new: Sandbox) -> None:
        rows = ask(new, filter_by_cohort='{"id":2}').json()["results"]
        assert rows[1] == {"$distinct_id": "ghost", "$properties": {}}

    def test_output_properties(self, new: Sandbox) -> None:
        rows = ask(new, output_properties='["n", "missing"]').json()["results"]
        assert [row["$properties"] for row in rows] == [{"n": 5}, {"n": 7.5}, {"n": 9}]

    def test_a_client_may_send_json_in_addition_to_the_query(self, new: Sandbox) -> None:
        """The filter in the body, other parameters in the query."""
        params = {"project_id": NEW, "page_size": 1000}
        for cohort in ('{"id":1}', {"id": 1}):
            body = {"filter_by_cohort": cohort, "output_properties": ["n"]}
            answer = new.session.post(
                new.url + "/api/2.0/engage", params=params, json=body, auth=ACCOUNT, timeout=20
            )
            assert [row["$properties"] for row in answer.json()["results"]] == [{"n": 7.5}, {"n": 9}]

    @pytest.mark.parametrize(
        "form",
        [
            {"where": "("},
            {"page": "-1"},
            {"page": "x"},
            {"output_properties": "n"},
            {"output_properties": "[1]"},
            {"distinct_ids": "ann"},
            {"distinct_ids": '{"a":1}'},
            {"filter_by_cohort": "1"},
            {"filter_by_cohort": '{"id":3}'},
            {"filter_by_cohort": '{"id":"1"}'},
            {"filter_by_cohort": '{"id":true}'},
            {"filter_by_cohort": "[" * 50_000},
            {"include_all_users": "maybe"},
            {"as_of_timestamp": "now"},
            {"behaviors": "1", "filter_by_cohort": '{"id":1}'},
        ],
    )
    def test_invalid_parameters_are_400(self, new: Sandbox, form: dict[str, str]) -> None:
        answer = ask(new, **form)
        assert answer.status_code == 400
        assert answer.json()["error"]

    def test_behaviors_are_not_known(self, new: Sandbox) -> None:
        assert ask(new, behaviors="[]").status_code == 501


def test_the_properties_of_profiles(new: Sandbox) -> None:
    answer = new.get(ENGAGE + "/properties", params={"project_id": NEW, "limit": 2000}, auth=ACCOUNT).json()
    assert answer["status"] == "ok"
    assert answer["results"] == {
        "n": {"count": 3, "type": "number"},
        "$email": {"count": 2, "type": "string"},
        "$last_seen": {"count": 1, "type": "datetime"},
        "tags": {"count": 1, "type": "list"},
        "yes": {"count": 1, "type": "boolean"},
        "deep": {"count": 1, "type": "object"},
    }
    few = new.get(ENGAGE + "/properties", params={"project_id": NEW, "limit": 1}, auth=ACCOUNT).json()
    assert list(few["results"]) == ["n"]


def test_cohorts_with_their_counts(new: Sandbox) -> None:
    found = new.get("/api/2.0/cohorts/list", params={"project_id": NEW}, auth=ACCOUNT).json()
    assert found[0] == {
        "count": 2,
        "is_visible": 1,
        "description": "",
        "created": "2019-03-19 23:49:51",
        "project_id": NEW,
        "id": 1,
        "name": "Big",
    }
    assert [(cohort["id"], cohort["count"], cohort["is_visible"]) for cohort in found] == [
        (1, 2, 1),
        (2, 2, 0),
    ]


def test_a_customer_has_a_profile_from_the_sign_up_on(sandbox: Sandbox) -> None:
    sandbox.control("/clock", {"set": "2026-06-10T00:00:00Z", "freeze": True})
    before = ask(sandbox, SHOP).json()["total"]
    sandbox.control("/clock", {"set": "2026-06-20T00:00:00Z", "freeze": True})
    after = ask(sandbox, SHOP)
    assert before < after.json()["total"]
    created = [row["$properties"]["$created"] for row in after.json()["results"]]
    assert max(created) < "2026-06-20"


class TestControl:
    def test_the_same_id_replaces_and_all_can_be_deleted(self, new: Sandbox) -> None:
        new.control(SHELF + "/profiles", {"items": [{"distinct_id": "ann", "properties": {"n": 1}}]})
        shown = {str(p["distinct_id"]): p for p in new.control(SHELF + "/profiles", method="GET")}
        assert shown["ann"]["properties"] == {"n": 1}
        assert new.control(SHELF + "/cohorts", method="DELETE") == {"deleted": 2}
        assert new.control(SHELF + "/cohorts", method="GET") == []

    @pytest.mark.parametrize(
        ("path", "item"),
        [
            ("profiles", {}),
            ("profiles", {"distinct_id": None}),
            ("profiles", {"distinct_id": "a", "x": 1}),
            ("profiles", {"distinct_id": "\ud800"}),
            ("cohorts", {"id": 0, "name": "x"}),
            ("cohorts", {"id": 1, "name": "x", "where": "("}),
            ("cohorts", {"id": 1, "name": "x", "created": "yesterday"}),
            ("funnels", {"id": 1, "name": "x", "steps": []}),
            ("annotations", {"date": "2026-06-01", "description": "x"}),
            ("schemas", {"entityType": "group", "name": "x", "schemaJson": {}}),
        ],
    )
    def test_invalid_profiles_change_nothing(self, new: Sandbox, path: str, item: dict[str, Any]) -> None:
        before = new.control(f"{SHELF}/{path}", method="GET")
        body = json.dumps({"items": [item]})
        answer = new.session.post(f"{new.url}/_sandbox{SHELF}/{path}", data=body, timeout=9)
        assert answer.status_code == 422
        assert answer.json()["error"].endswith((".", "end'"))
        assert new.control(f"{SHELF}/{path}", method="GET") == before

    def test_an_unknown_project_is_404(self, sandbox: Sandbox) -> None:
        for number in ("99", "x", "9" * 40):
            answer = sandbox.get(f"/_sandbox/mixpanel/projects/{number}/profiles")
            assert answer.status_code == 404
