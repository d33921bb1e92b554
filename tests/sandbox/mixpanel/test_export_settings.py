"""The export where a project's plan, roles, classified data, or gaps in Mixpanel's documents decide."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mixpanel_aep_sandbox import demo_data as data
from tests.support.sandbox.http_client import ACCOUNT, Sandbox

pytestmark = pytest.mark.sandbox

SHOP, HOSTILE, NEW = data.SHOP_PROJECT_ID, data.HOSTILE_PROJECT_ID, 4000001
DAY = "2026-06-01"


@pytest.fixture
def new(sandbox: Sandbox) -> Sandbox:
    sandbox.control("/clock", {"set": "2026-07-01T12:00:00Z", "freeze": True})
    account = {"username": ACCOUNT[0], "secret": ACCOUNT[1]}
    sandbox.project(NEW, accounts=[account], limits={"enabled": False})
    return sandbox


def properties(lines: list[bytes]) -> list[dict[str, Any]]:
    return [json.loads(line)["properties"] for line in lines]


class TestRoles:
    @pytest.mark.parametrize("role", ["owner", "admin", "analyst", "consumer", "classified"])
    def test_every_role_but_one_exports(self, new: Sandbox, role: str) -> None:
        new.project(NEW, accounts=[{"username": "x", "secret": "s", "role": role}])
        assert new.export(NEW, DAY, auth=("x", "s")).status_code == 200

    def test_a_custom_role_without_exports_is_403(self, new: Sandbox) -> None:
        new.project(NEW, accounts=[{"username": "x", "secret": "s", "role": "no_export"}])
        answer = new.export(NEW, DAY, auth=("x", "s"))
        assert answer.status_code == 403
        assert "does not allow exports" in answer.json()["error"]
        me = new.get("/api/app/me", auth=("x", "s"))
        assert str(NEW) in me.json()["results"]["projects"]

    def test_an_unknown_role_is_refused(self, new: Sandbox) -> None:
        body = {"id": NEW, "accounts": [{"username": "x", "secret": "s", "role": "king"}]}
        assert new.session.post(new.url + "/_sandbox/mixpanel/projects", json=body).status_code == 422

    @pytest.mark.parametrize("role", ["owner", "analyst"])
    def test_classified_data_are_403_or_omitted(self, new: Sandbox, role: str) -> None:
        """Mixpanel's behaviour is unknown; no default role has access, not even the owner's."""
        accounts = [{"username": "x", "secret": "s", "role": role}]
        accounts += [{"username": "may", "secret": "s", "role": "classified"}]
        new.project(NEW, accounts=accounts, classified_properties=["email", "a"])
        new.add(NEW, {"event": "E", "at": DAY, "properties": {"a": 1, "b": 1.50, "email": "é"}})
        new.add(NEW, {"line": "no json", "at": DAY})
        assert new.export(NEW, DAY, auth=("x", "s")).status_code == 403
        [whole] = properties([line for line in new.lines(NEW, DAY, auth=("may", "s")) if line[:1] == b"{"])
        new.project(NEW, switches={"classified": "reduced"})
        reduced = new.lines(NEW, DAY, auth=("x", "s"))
        assert b"no json" in reduced
        [less] = properties([line for line in reduced if line[:1] == b"{"])
        assert less == {name: value for name, value in whole.items() if name not in ("email", "a")}


class TestPlan:
    def test_days_before_the_plans_history_are_403(self, new: Sandbox) -> None:
        new.project(NEW, history_days=30)
        assert new.export(NEW, DAY, "2026-07-01").status_code == 200
        answer = new.export(NEW, "2026-05-31", "2026-07-01")
        assert (answer.status_code, answer.json()) == (
            403,
            {"error": "Date range exceeds 30 days into the past"},
        )

    def test_the_longest_range_is_a_switch(self, new: Sandbox) -> None:
        assert new.export(NEW, "2020-01-01", "2026-07-01").status_code == 200
        new.project(NEW, switches={"max_export_days": 2})
        assert new.export(NEW, DAY, "2026-06-02").status_code == 200
        answer = new.export(NEW, DAY, "2026-06-03")
        assert answer.status_code == 400
        assert "longer than 2 days" in answer.json()["error"]


class TestForm:
    @pytest.mark.parametrize("first", ["2026-7-1", "2026-07-02"])
    def test_errors_can_be_the_sentence_alone(self, new: Sandbox, first: str) -> None:
        as_json = new.export(NEW, first)
        new.project(NEW, switches={"export_errors": "text"})
        as_text = new.export(NEW, first)
        assert as_text.status_code == as_json.status_code == 400
        assert as_text.headers["content-type"].startswith("text/plain")
        assert as_text.text == as_json.json()["error"]

    def test_a_429_can_be_text_too(self, new: Sandbox) -> None:
        new.project(NEW, limits={"enabled": True, "concurrent": 0}, switches={"export_errors": "text"})
        answer = new.export(NEW, DAY)
        assert answer.status_code == 429
        assert answer.text == "too many export requests in progress for this project"

    def test_both_429_bodies_with_their_headers(self, new: Sandbox) -> None:
        limits = {"enabled": True, "per_hour": 1, "retry_after": True, "rate_limit_headers": True}
        new.project(NEW, limits=limits)
        assert new.export(NEW, DAY).status_code == 200
        hourly = new.export(NEW, DAY)
        assert hourly.json()["error"].startswith(f"Query rate limit exceeded for project_id: {NEW}. 0/100")
        assert hourly.headers["retry-after"] == "3601"
        assert hourly.headers["ratelimit"] == '"project";r=0;t=3601, "project-concurrency";r=100'
        new.project(NEW, limits={"per_hour": 60, "concurrent": 0})
        busy = new.export(NEW, DAY)
        assert busy.json() == {"error": "too many export requests in progress for this project"}
        assert busy.headers["retry-after"] == "10"

    def test_a_data_view_and_the_old_parameters_change_nothing(self, sandbox: Sandbox) -> None:
        plain = sandbox.lines(HOSTILE, "2026-07-01")
        old = {"bucket": "x", "format": "json", "expire": "1", "api_key": "k", "sig": "s"}
        assert sandbox.lines(HOSTILE, "2026-07-01", workspace_id="77", **old) == plain
        assert sandbox.get("/api/2.0/export", params={**old, "from_date": DAY}).status_code == 401

    def test_a_trailing_slash_changes_nothing(self, sandbox: Sandbox) -> None:
        params = {"project_id": HOSTILE, "from_date": "2026-07-01", "to_date": "2026-07-01"}
        assert (
            sandbox.get("/api/2.0/export/", params=params, auth=ACCOUNT).content
            == sandbox.export(HOSTILE, "2026-07-01").content
        )


class TestWhere:
    def test_time_in_an_expression_is_the_stored_value_or_the_instant(self, new: Sandbox) -> None:
        """For an old project it is unknown which."""
        new.project(NEW, time_is="project_local", timezone="America/Los_Angeles")
        new.add(NEW, {"event": "noon UTC", "at": "2026-06-01T12:00:00Z"})
        early = 'properties["$time"] < datetime("2026-06-01T06:00:00")'
        assert len(new.lines(NEW, DAY, where=early)) == 1
        new.project(NEW, switches={"where_time": "utc"})
        assert new.lines(NEW, DAY, where=early) == []
        exact = 'properties["$time"] == datetime("2026-06-01T12:00:00Z")'
        [line] = new.lines(NEW, DAY, where=exact)
        assert b'"time":1780290000,' in line, "what is exported stays the stored reading"

    def test_processing_time_may_be_seen_in_whole_seconds(self, new: Sandbox) -> None:
        new.add(NEW, {"event": "E", "at": DAY, "processed_at": 1780300000999})
        where = 'number(properties["mp_processing_time_ms"]) < 1780300000999'
        assert new.lines(NEW, DAY, where=where) == []
        new.project(NEW, switches={"where_processing_ms": 1000})
        assert len(new.lines(NEW, DAY, where=where)) == 1

    def test_the_profile_of_the_events_user(self, new: Sandbox) -> None:
        shelf = f"/mixpanel/projects/{NEW}/profiles"
        new.control(shelf, {"items": [{"distinct_id": "ann", "properties": {"$email": "ann@a.example"}}]})
        for who in ("ann", "bob"):
            new.add(NEW, {"event": who, "at": DAY, "properties": {"distinct_id": who}})
        found = new.lines(NEW, DAY, where='user["$email"] == "ann@a.example"')
        assert [json.loads(line)["event"] for line in found] == ["ann"]
        others = new.lines(NEW, DAY, where='not defined(user["$email"])')
        assert [json.loads(line)["event"] for line in others] == ["bob"]


class TestHistory:
    def test_rows_may_become_visible_later_than_they_were_processed(self, new: Sandbox) -> None:
        """One probe saw all of them after 45 minutes; Mixpanel promises nothing."""
        new.project(NEW, switches={"visibility_delay_seconds": 2700})
        new.add(NEW, {"event": "E", "at": "2026-07-01T11:00Z", "processed_at": "2026-07-01T11:30:00Z"})
        assert new.lines(NEW, "2026-07-01") == []
        new.control("/clock", {"advance_seconds": 900})
        assert len(new.lines(NEW, "2026-07-01")) == 1

    @pytest.mark.parametrize("touches", [False, True])
    def test_a_merge_may_change_the_processing_time(self, new: Sandbox, touches: bool) -> None:
        new.add(
            NEW, {"event": "E", "at": DAY, "processed_at": DAY, "properties": {"distinct_id": "$device:1"}}
        )
        rule = {"from": "$device:1", "to": "u", "at": "2026-06-20", "touches_processing": touches}
        new.control(f"/mixpanel/projects/{NEW}/rewrites", rule)
        since = 'properties["mp_processing_time_ms"] > 1781900000000'
        assert len(new.lines(NEW, DAY, where=since)) == int(touches)
        [row] = properties(new.lines(NEW, DAY))
        assert row["distinct_id"] == "u"
        assert (row["mp_processing_time_ms"] == 1781913600000) is touches

    def test_a_deleted_row_is_exported_until_it_is_purged(self, new: Sandbox) -> None:
        new.add(NEW, {"event": "E", "at": DAY, "processed_at": DAY})
        rule = {"events": ["E"], "at": "2026-07-01", "purged_at": "2026-07-31"}
        new.control(f"/mixpanel/projects/{NEW}/deletions", rule)
        assert len(new.lines(NEW, DAY)) == 1
        new.control("/clock", {"set": "2026-07-31", "freeze": True})
        assert new.lines(NEW, DAY) == []


@pytest.mark.parametrize(
    "event",
    [
        b'{"event":"E","properties":{"time":1e300}}',
        b'{"event":"E","properties":{"mp_processing_time_ms":1e400}}',
        b'{"event":"E","at":1e308}',
        b'{"event":"E","at":"2026-06-01","copies":0}',
        b'{"event":"E","at":"2026-06-01","copies":1000000000}',
        b'{"event":"\\ud83d","at":"2026-06-01"}',
    ],
)
def test_values_that_no_export_could_contain_are_refused(new: Sandbox, event: bytes) -> None:
    """Times beyond any calendar, a billion copies, half a surrogate pair."""
    url = f"{new.url}/_sandbox/mixpanel/projects/{NEW}/events"
    answer = new.session.post(url, data=b'{"events":[' + event + b"]}", timeout=9)
    assert answer.status_code == 422, answer.text
    assert new.lines(NEW, DAY) == []
