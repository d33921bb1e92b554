"""The control plane, the transcript, and how the sandbox starts and stops."""

from __future__ import annotations

import time
from typing import Any

import pytest

from mixpanel_aep_sandbox import demo_data as data
from tests.support.sandbox.http_client import ACCOUNT, Sandbox

pytestmark = pytest.mark.sandbox
SHOP, HOSTILE = data.SHOP_PROJECT_ID, data.HOSTILE_PROJECT_ID


def test_health(sandbox: Sandbox) -> None:
    assert sandbox.control("/health", method="GET")["status"] == "ok"


class TestClock:
    def epoch(self, sandbox: Sandbox, **change: Any) -> float:
        return float(sandbox.control("/clock", change)["epoch_ms"]) / 1000

    def test_set_freeze_advance_reset(self, sandbox: Sandbox) -> None:
        assert self.epoch(sandbox, set="2026-07-01T00:00:00Z", freeze=True) == 1782864000
        assert self.epoch(sandbox, advance_seconds=90.5) == 1782864090.5
        assert sandbox.control("/clock", method="GET")["frozen"] is True
        assert 1782864090.5 <= self.epoch(sandbox, freeze=False) < 1782864100
        assert sandbox.control("/clock", method="GET")["frozen"] is False
        assert abs(self.epoch(sandbox, reset=True) - time.time()) < 5

    @pytest.mark.parametrize("moment", ["2026-07-01", "2026-07-01T02:00:00+02:00", 1782864000, 1782864000000])
    def test_common_notations_of_a_time(self, sandbox: Sandbox, moment: str | int) -> None:
        assert self.epoch(sandbox, set=moment, freeze=True) == 1782864000

    @pytest.mark.parametrize("change", [{"set": "noon"}, {"set": True}, {"sett": 1}, {"freeze": "maybe"}])
    def test_other_values_are_refused(self, sandbox: Sandbox, change: dict[str, Any]) -> None:
        answer = sandbox.session.post(f"{sandbox.url}/_sandbox/clock", json=change, timeout=9)
        assert answer.status_code == 422
        assert answer.json()["error"].startswith("body.")

    @pytest.mark.parametrize(
        "change",
        [{"set": "0999-01-01"}, {"set": "2200-01-01"}, {"advance_seconds": 1e300}, {"advance_seconds": -3e9}],
    )
    def test_a_time_out_of_range_is_refused(self, sandbox: Sandbox, change: dict[str, Any]) -> None:
        before = self.epoch(sandbox, set="2026-07-01", freeze=True)
        answer = sandbox.session.post(f"{sandbox.url}/_sandbox/clock", json=change, timeout=9)
        assert answer.status_code == 422
        assert answer.json() == {"error": "The sandbox's time must be between 1970 and 2199."}
        assert self.epoch(sandbox) == before


class TestTranscript:
    def test_an_export_is_recorded_without_secrets(self, sandbox: Sandbox) -> None:
        sandbox.lines(HOSTILE, "2026-07-01")
        [entry] = sandbox.transcript(service="mixpanel")
        assert entry.pop("n") > 0
        assert entry.pop("at").endswith("Z")
        assert entry.pop("bytes") > 100
        assert entry == {
            "service": "mixpanel",
            "method": "GET",
            "path": "/api/2.0/export",
            "query": f"project_id={HOSTILE}&from_date=2026-07-01&to_date=2026-07-01",
            "status": 200,
            "whole": True,
            "fault": None,
            "project": HOSTILE,
            "from_date": "2026-07-01",
            "to_date": "2026-07-01",
            "rows": 9,
        }

    def test_no_secret_is_recorded(self, sandbox: Sandbox) -> None:
        sandbox.get(
            "/ims/token?client_secret=CANARY&grant_type=x&access_token=CANARY", auth=("CANARY", "CANARY")
        )
        sandbox.session.post(
            f"{sandbox.url}/data/x", data="CANARY", headers={"x-api-key": "CANARY"}, timeout=9
        )
        sandbox.get("/api/2.0/export", headers={"authorization": "Basic CANARY:CANARY"})
        text = (sandbox.state.store.folder / "transcript.jsonl").read_text()
        assert "grant_type=x" in text
        assert "CANARY" not in text

    def test_unknown_routes_are_501_and_recorded(self, sandbox: Sandbox) -> None:
        answer = sandbox.get("/api/query/retention")
        assert answer.status_code == 501
        assert answer.json() == {"error": "The sandbox does not know GET /api/query/retention."}
        assert [entry["status"] for entry in sandbox.transcript(path="/api/query/*")] == [501]

    def test_selection(self, sandbox: Sandbox) -> None:
        for path in ("/data/a", "/ims/b", "/data/c"):
            sandbox.get(path)
        entries = sandbox.transcript()
        numbers = [entry["n"] for entry in entries]
        assert numbers == sorted(set(numbers))
        assert [entry["path"] for entry in sandbox.transcript(service="aep")] == ["/data/a", "/data/c"]
        assert [entry["path"] for entry in sandbox.transcript(since=numbers[-2])] == ["/data/c"]
        assert [entry["path"] for entry in sandbox.transcript(path="*/b")] == ["/ims/b"]
        assert [entry["path"] for entry in sandbox.transcript(path="/data")] == ["/data/a", "/data/c"]

    def test_a_client_that_disconnects_got_no_complete_response(self, sandbox: Sandbox) -> None:
        sandbox.fault({"do": "drip", "bytes_at_a_time": 50_000, "every_seconds": 0.05})
        with sandbox.export(SHOP, "2026-06-01", stream=True) as answer:
            next(answer.raw.stream(1000))
        deadline = time.monotonic() + 5
        while not sandbox.transcript(service="mixpanel") and time.monotonic() < deadline:
            time.sleep(0.02)
        [entry] = sandbox.transcript(service="mixpanel")
        assert entry["whole"] is False
        assert sandbox.returned() == []


class TestProjects:
    def test_a_project_is_created_and_changed_field_by_field(self, sandbox: Sandbox) -> None:
        sandbox.project(7, name="Seven", timezone="Asia/Kolkata", secret="hidden")
        sandbox.project(7, region="in", limits={"per_hour": 5})
        found = {p["id"]: p for p in sandbox.control("/mixpanel/projects", method="GET")}[7]
        assert (found["name"], found["timezone"], found["region"]) == ("Seven", "Asia/Kolkata", "in")
        assert found["limits"]["per_hour"] == 5
        assert found["limits"]["per_second"] == 3
        assert "secret" not in found
        sandbox.control("/mixpanel/projects/7", method="DELETE")
        assert 7 not in {p["id"] for p in sandbox.control("/mixpanel/projects", method="GET")}

    def test_a_project_with_a_reused_id_begins_empty(self, sandbox: Sandbox) -> None:
        accounts = [{"username": "x", "secret": "s"}]
        for project in (7, 8):
            sandbox.project(project, accounts=accounts, limits={"per_hour": 1})
            sandbox.add(project, {"event": "a", "at": "2026-07-01", "properties": {"distinct_id": "ann"}})
            sandbox.control(f"/mixpanel/projects/{project}/rewrites", {"from": "ann", "to": "u-1"})
            items = {"items": [{"distinct_id": "ann"}]}
            sandbox.control(f"/mixpanel/projects/{project}/profiles", items)
            assert len(sandbox.lines(project, "2026-07-01", auth=("x", "s"))) == 1
        sandbox.control("/mixpanel/projects/7", method="DELETE")
        sandbox.project(7, limits={"per_hour": 1})
        assert sandbox.export(7, "2026-07-01", auth=("x", "s")).status_code == 403
        sandbox.project(7, accounts=accounts)
        assert sandbox.lines(7, "2026-07-01", auth=("x", "s")) == []
        for kind in ("rules", "profiles"):
            assert sandbox.control(f"/mixpanel/projects/7/{kind}", method="GET") == []
        sandbox.control("/mixpanel/projects/7/compactions", {})
        for kind in ("rules", "profiles"):
            assert len(sandbox.control(f"/mixpanel/projects/8/{kind}", method="GET")) == 1
        assert sandbox.export(8, "2026-07-01", auth=("x", "s")).status_code == 429

    @pytest.mark.parametrize(
        "project",
        [
            {"name": "no id"},
            {"id": 7, "timezone": "Mars/Base"},
            {"id": 7, "time_is": "local"},
            {"id": 7, "region": "moon"},
            {"id": 7, "colour": "red"},
            {"id": 7, "accounts": [{"username": "a"}]},
            [],
        ],
    )
    def test_an_invalid_project_is_refused(self, sandbox: Sandbox, project: Any) -> None:
        answer = sandbox.session.post(f"{sandbox.url}/_sandbox/mixpanel/projects", json=project, timeout=9)
        assert answer.status_code == 422
        assert "error" in answer.json()

    def test_accounts(self, sandbox: Sandbox) -> None:
        sandbox.project(7, accounts=[{"username": "x", "secret": "s", "role": "consumer"}])
        sandbox.project(8, accounts=[{"username": "x", "secret": "s"}])
        found = {a["username"]: a for a in sandbox.control("/mixpanel/accounts", method="GET")}["x"]
        assert found["roles"] == {"7": "consumer", "8": "analyst"}
        assert (found["expires"], found["organization_role"]) == (None, "member")
        assert not {"secret", "bearer"} & found.keys()
        assert sandbox.export(7, "2026-01-01", auth=("x", "s")).status_code == 200
        sandbox.control("/mixpanel/accounts/x", method="DELETE")
        assert sandbox.export(7, "2026-01-01", auth=("x", "s")).status_code == 401

    @pytest.mark.parametrize(
        "body",
        [
            b"no json",
            b'{"event":[]}',
            b'{"events":[{"event":"a","properties":{"time":"noon"}}]}',
            b'{"events":[{"event":"a","at":"noon"}]}',
            b'{"events":[{"line":"x"}]}',
            b'{"events":[{"line":"x\\ny","at":1}]}',
            b'{"lines":["{}"]}',
        ],
    )
    def test_invalid_events_change_nothing(self, sandbox: Sandbox, body: bytes) -> None:
        url = f"{sandbox.url}/_sandbox/mixpanel/projects/{SHOP}/events"
        answer = sandbox.session.post(url, data=body, timeout=9)
        assert answer.status_code == 422
        assert answer.json()["error"].endswith(".")
        unknown = sandbox.session.post(url.replace(str(SHOP), "99"), data=body, timeout=9)
        assert unknown.status_code == 404

    def test_lines_are_restored_in_the_exports_form(self, sandbox: Sandbox) -> None:
        lines = data.HOSTILE_EVENTS.read_text("utf-8").split("\n")[:-1]
        sandbox.project(7, accounts=[{"username": ACCOUNT[0], "secret": ACCOUNT[1]}])
        answer = sandbox.add(7, lines=lines)
        assert answer["added"] == 12
        assert answer["days"][0] == "2025-05-27"
        assert sandbox.lines(7, "2025-01-01", "2026-07-31") == sandbox.lines(
            HOSTILE, "2025-01-01", "2026-07-31"
        )

    def test_events_list_what_an_export_would_return(self, sandbox: Sandbox) -> None:
        seen = sandbox.get(
            f"/_sandbox/mixpanel/projects/{HOSTILE}/events?from_date=2026-07-01&to_date=2026-07-01"
        )
        assert seen.content.split(b"\n")[:-1] == sandbox.lines(HOSTILE, "2026-07-01")
        assert len(sandbox.control("/mixpanel/exports", method="GET")) == 1


def test_reset_creates_a_fresh_state(sandbox: Sandbox) -> None:
    sandbox.project(7)
    sandbox.add(SHOP, {"event": "A", "at": "2026-09-01"})
    sandbox.fault({"do": "answer", "status": 418}, times=None)
    sandbox.control("/clock", {"set": "2020-01-01"})
    sandbox.control("/reset")
    assert sandbox.transcript() == [] or [e["path"] for e in sandbox.transcript()] == ["/_sandbox/reset"]
    assert len(sandbox.control("/mixpanel/projects", method="GET")) == 3
    assert sandbox.lines(SHOP, "2026-09-01") == []
    assert sandbox.returned() == []
