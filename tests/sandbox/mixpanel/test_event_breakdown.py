"""Event names, top properties and their values, counted from the events of the last 31 days; and funnels."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests

from mixpanel_aep_sandbox import demo_data as data
from tests.support.sandbox.http_client import ACCOUNT, Sandbox

pytestmark = pytest.mark.sandbox

SHOP, NEW = data.SHOP_PROJECT_ID, 4000001
NAMES, TOP, VALUES = (
    "/api/query/events/names",
    "/api/query/events/properties/top",
    "/api/query/events/properties/values",
)


def ask(sandbox: Sandbox, path: str, **params: Any) -> requests.Response:
    return sandbox.get(path, params={"project_id": NEW, **params}, auth=ACCOUNT)


def reported(sandbox: Sandbox, path: str, **params: Any) -> Any:
    answer = ask(sandbox, path, **params)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.fixture
def new(sandbox: Sandbox) -> Sandbox:
    """A project whose current day is 1 July 2026, with three kinds of events."""
    sandbox.control("/clock", {"set": "2026-07-01T12:00:00Z", "freeze": True})
    account = {"username": ACCOUNT[0], "secret": ACCOUNT[1]}
    sandbox.project(NEW, accounts=[account], query_limits={"enabled": False})

    def event(name: str, who: str, at: str = "2026-06-30T10:00Z", **properties: Any) -> dict[str, Any]:
        own = {"distinct_id": who, "$insert_id": f"i{properties.get('n', '')}", **properties}
        return {"event": name, "at": at, "properties": own}

    sandbox.add(
        NEW,
        *[event("often", "one", plan="pro", n=n) for n in range(3)],
        event("Seldom", "one", plan="free", tags=["a", "b", None], ok=True, deep={"x": 1}),
        event("seldom too", "two", plan="free", tags=["b"], none=None),
        event("old", "one", at="2026-05-31T23:59:59Z"),
        event("edge", "one", at="2026-06-01T00:00:00Z", edge="é\u2028"),
    )
    sandbox.add(NEW, {"line": "no json", "at": "2026-06-30"})
    return sandbox


class TestNames:
    def test_names_of_31_days_in_descending_order(self, new: Sandbox) -> None:
        assert reported(new, NAMES, type="general") == ["seldom too", "often", "edge", "Seldom", ""]

    def test_the_most_common_ones(self, new: Sandbox) -> None:
        assert reported(new, NAMES, type="general", limit=1) == ["often"]
        new.add(NEW, *[{"event": "u", "at": "2026-06-30", "properties": {"distinct_id": n}} for n in "xy"])
        assert reported(new, NAMES, type="unique", limit=1) == ["u"]
        assert reported(new, NAMES, type="average", limit=1) == ["often"]

    @pytest.mark.parametrize(
        ("order", "names"),
        [("ascending", ["Seldom", "edge", "often"]), ("count", ["often", "Seldom", "edge"])],
    )
    def test_the_order_is_a_switch(self, new: Sandbox, order: str, names: list[str]) -> None:
        new.project(NEW, switches={"event_names_order": order})
        assert [name for name in reported(new, NAMES, type="general") if name and " " not in name] == names

    def test_255_by_default(self, new: Sandbox) -> None:
        new.add(NEW, *[{"event": f"e{n:03}", "at": "2026-06-30"} for n in range(300)])
        assert len(reported(new, NAMES, type="general")) == 255
        assert len(reported(new, NAMES, type="general", limit=5000)) == 305

    @pytest.mark.parametrize(
        "params",
        [{}, {"type": "x"}, {"type": "general", "limit": 0}, {"type": "general", "limit": "x"}]
        + [{"type": "general", "limit": limit} for limit in (5001, "9" * 5000, "-1", "1.0")],
    )
    def test_invalid_parameters_are_400(self, new: Sandbox, params: dict[str, Any]) -> None:
        answer = ask(new, NAMES, **params)
        assert answer.status_code == 400
        assert answer.json()["request"].startswith(NAMES)

    def test_a_plan_with_a_shorter_history_is_403(self, new: Sandbox) -> None:
        for path, more in ((NAMES, {"type": "general"}), (TOP, {}), (VALUES, {"name": "n"})):
            new.project(NEW, history_days=29)
            answer = ask(new, path, **more)
            assert (answer.status_code, answer.json()) == (
                403,
                {"error": "Date range exceeds 29 days into the past"},
            )
            new.project(NEW, history_days=30)
            assert ask(new, path, **more).status_code == 200


class TestProperties:
    def test_the_top_ten_with_their_counts(self, new: Sandbox) -> None:
        found = reported(new, TOP)
        assert found["plan"] == {"count": 5}
        assert found["tags"] == {"count": 2}
        assert list(found)[:2] == ["mp_processing_time_ms", "plan"]
        new.add(NEW, {"event": "wide", "at": "2026-06-30", "properties": {f"p{n}": n for n in range(40)}})
        assert len(reported(new, TOP)) == 10
        assert len(reported(new, TOP, limit=2000)) == 48

    def test_of_one_event(self, new: Sandbox) -> None:
        assert reported(new, TOP, event="often") == {
            "mp_processing_time_ms": {"count": 3},
            "n": {"count": 3},
            "plan": {"count": 3},
        }
        assert reported(new, TOP, event="nothing") == {}

    def test_common_properties_are_never_listed(self, new: Sandbox) -> None:
        assert not {"$insert_id", "time", "distinct_id"} & reported(new, TOP, limit=5000).keys()

    def test_values_as_texts_with_the_most_frequent_first(self, new: Sandbox) -> None:
        assert reported(new, VALUES, name="plan") == ["pro", "free"]
        assert reported(new, VALUES, name="plan", event="Seldom") == ["free"]
        assert reported(new, VALUES, name="n") == ["0", "1", "2"]
        assert reported(new, VALUES, name="tags") == ["b", "a"]
        assert reported(new, VALUES, name="ok") == ["true"]
        assert reported(new, VALUES, name="deep") == ['{"x": 1}']
        assert reported(new, VALUES, name="edge") == ["é\u2028"]
        assert reported(new, VALUES, name="none") == []
        assert reported(new, VALUES, name="n", limit=1) == ["0"]
        assert ask(new, VALUES).status_code == 400

    def test_deleted_events_are_hidden_at_once_and_may_still_be_exported(self, new: Sandbox) -> None:
        rule = {"events": ["often"], "purged_at": "2026-07-20"}
        new.control(f"/mixpanel/projects/{NEW}/deletions", rule)
        assert "often" not in reported(new, NAMES, type="general")
        assert sum(b'"often"' in line for line in new.lines(NEW, "2026-06-30")) == 3
        new.control("/clock", {"set": "2026-07-20", "freeze": True})
        assert sum(b'"often"' in line for line in new.lines(NEW, "2026-06-30")) == 0

    def test_the_shop_lists_what_it_exports(self, sandbox: Sandbox) -> None:
        sandbox.control("/clock", {"set": "2026-06-02T06:00:00Z", "freeze": True})
        lines = sandbox.lines(SHOP, "2026-06-01", "2026-06-02")
        params = {"project_id": SHOP, "limit": 5000}
        found = sandbox.get(TOP, params=params, auth=ACCOUNT).json()
        orders = [json.loads(line) for line in lines if b'"order_id":' in line]
        once = {
            (
                order["event"],
                *(order["properties"].get(name) for name in ("time", "distinct_id", "$insert_id")),
            )
            for order in orders
        }
        assert found["order_id"]["count"] == len(once) < len(orders), "what was sent twice is counted once"


class TestFunnels:
    QUERY = "/api/query/funnels"

    def funnel(self, sandbox: Sandbox, **params: Any) -> Any:
        dates = {"from_date": "2026-06-01", "to_date": "2026-06-03"}
        return reported(sandbox, self.QUERY, **{"funnel_id": 5, **dates, **params})

    @pytest.fixture(autouse=True)
    def _three_steps(self, new: Sandbox) -> None:
        funnel = {"id": 5, "name": "Way", "steps": ["A", "B", "C"], "length_days": 2}
        new.control(f"/mixpanel/projects/{NEW}/funnels", {"items": [funnel]})

        def did(who: str, name: str, at: str, **more: Any) -> dict[str, Any]:
            return {"event": name, "at": at, "properties": {"distinct_id": who, **more}}

        new.add(
            NEW,
            did("all", "A", "2026-06-01T10:00:00Z", x=1),
            did("all", "B", "2026-06-01T10:00:30Z", x=1),
            did("all", "C", "2026-06-02T10:00:00Z", x=1),
            did("late", "A", "2026-06-01T10:00:00Z"),
            did("late", "B", "2026-06-03T10:00:01Z"),
            did("backwards", "B", "2026-06-02T09:00:00Z"),
            did("backwards", "A", "2026-06-02T10:00:00Z"),
        )

    def test_each_day_counts_the_users_who_entered_on_it(self, new: Sandbox) -> None:
        found = self.funnel(new)
        assert found["meta"] == {"dates": ["2026-06-01", "2026-06-02", "2026-06-03"]}
        day = found["data"]["2026-06-01"]
        assert [step["count"] for step in day["steps"]] == [2, 1, 1]
        assert [step["avg_time"] for step in day["steps"]] == [None, 30, 86_370]
        assert [step["avg_time_from_start"] for step in day["steps"]] == [None, 30, 86_400]
        assert [step["step_conv_ratio"] for step in day["steps"]] == [1.0, 0.5, 1.0]
        assert [step["overall_conv_ratio"] for step in day["steps"]] == [1.0, 0.5, 0.5]
        assert day["analysis"] == {"completion": 1, "starting_amount": 2, "steps": 3, "worst": 1}
        assert [step["count"] for step in found["data"]["2026-06-02"]["steps"]] == [1, 0, 0]
        assert [step["count"] for step in found["data"]["2026-06-03"]["steps"]] == [0, 0, 0]

    def test_buckets_length_and_filter(self, new: Sandbox) -> None:
        counts = [s["count"] for s in self.funnel(new, unit="week")["data"]["2026-06-01"]["steps"]]
        assert counts == [3, 1, 1]
        assert list(self.funnel(new, interval=2)["data"]) == ["2026-06-01", "2026-06-03"]
        assert list(self.funnel(new, from_date="2026-05-30", unit="month")["data"]) == [
            "2026-05-30",
            "2026-06-01",
        ]
        longer = self.funnel(new, length=3)["data"]["2026-06-01"]["steps"]
        assert [step["count"] for step in longer] == [2, 2, 1]
        minute = self.funnel(new, length=1, length_unit="minute")["data"]["2026-06-01"]["steps"]
        assert [step["count"] for step in minute] == [2, 1, 0]
        some = self.funnel(new, where='properties["x"] == 1')["data"]["2026-06-01"]["steps"]
        assert [step["count"] for step in some] == [1, 1, 1]

    @pytest.mark.parametrize(
        ("params", "status"),
        [
            ({"funnel_id": 6}, 400),
            ({"funnel_id": ""}, 400),
            ({"from_date": "2026-06-04"}, 400),
            ({"to_date": "2026-07-02"}, 400),
            ({"length": 91}, 400),
            ({"length_unit": "week"}, 400),
            ({"unit": "year"}, 400),
            ({"where": "("}, 400),
            ({"on": 'properties["x"]'}, 501),
        ],
    )
    def test_invalid_parameters(self, new: Sandbox, params: dict[str, Any], status: int) -> None:
        dates = {"from_date": "2026-06-01", "to_date": "2026-06-03"}
        assert ask(new, self.QUERY, **{"funnel_id": 5, **dates, **params}).status_code == status

    def test_the_list(self, new: Sandbox) -> None:
        assert reported(new, "/api/2.0/funnels/list") == [{"funnel_id": 5, "name": "Way"}]
