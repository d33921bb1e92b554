"""/engage and /groups: updates of profiles."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixpanel_aep_sandbox.mixpanel.ingestion.profile_updates import changed_properties, update_fault
from mixpanel_aep_sandbox.mixpanel.ingestion.validation import import_fault
from tests.support.sandbox.http_client import ACCOUNT, Sandbox
from tests.support.sandbox.sent_events import NEW, NOW_S, TOKEN, post

pytestmark = pytest.mark.sandbox


class TestProfiles:
    def update(self, sandbox: Sandbox, *updates: dict[str, Any], path: str = "/engage", **query: Any) -> Any:
        who = {"$token": TOKEN, "$distinct_id": "ann"}
        return post(sandbox, path, params=query, json=[{**who, **update} for update in updates])

    def profiles(self, sandbox: Sandbox, **form: Any) -> dict[Any, dict[str, Any]]:
        answer = post(sandbox, "/api/query/engage", params={"project_id": NEW}, data=form, auth=ACCOUNT)
        return {row["$distinct_id"]: row["$properties"] for row in answer.json()["results"]}

    def test_every_operation(self, mixpanel: Sandbox) -> None:
        assert self.update(
            mixpanel,
            {"$set": {"plan": "free", "$email": "ann@a.example", "tags": ["a"]}},
            {"$set_once": {"plan": "paid", "first": 1}},
            {"$add": {"coins": 12}},
            {"$add": {"coins": -2}},
            {"$append": {"tags": "b", "new": "x"}},
            {"$union": {"tags": ["b", "c", "c"]}},
            {"$remove": {"tags": "a", "none": 1}},
            {"$unset": ["$email"]},
        ).text == "1"  # fmt: skip
        assert self.profiles(mixpanel) == {
            "ann": {
                "plan": "free", "first": 1, "coins": 10, "tags": ["b", "c"], "new": ["x"],
                "$last_seen": "2026-07-02T12:00:00",
            }
        }  # fmt: skip
        self.update(mixpanel, {"$delete": "null"})
        assert self.profiles(mixpanel) == {}

    def test_a_profile_of_the_demo_shop_is_changed_and_deleted(self, mixpanel: Sandbox) -> None:
        shop = next(
            each for each in mixpanel.get("/_sandbox/mixpanel/projects").json() if each["id"] == 3000002
        )
        form = {"distinct_id": "u-10000"}

        def found() -> list[Any]:
            answer = post(
                mixpanel, "/api/query/engage", params={"project_id": 3000002}, data=form, auth=ACCOUNT
            )
            return list(answer.json()["results"])

        before = found()[0]["$properties"]
        update = {"$token": shop["token"], "$distinct_id": "u-10000", "$ignore_time": True}
        post(mixpanel, "/engage", json=[{**update, "$set": {"vip": True}}])
        assert found()[0]["$properties"] == {**before, "vip": True}
        post(mixpanel, "/engage", json=[{**update, "$delete": ""}])
        assert found() == []

    def test_groups(self, mixpanel: Sandbox) -> None:
        acme = {"$group_key": "company", "$group_id": "acme"}
        assert (
            self.update(
                mixpanel, {**acme, "$set": {"size": 3}}, {**acme, "$union": {"tags": ["a"]}}, path="/groups"
            ).text
            == "1"
        )
        assert self.profiles(mixpanel, data_group_id="company") == {"acme": {"size": 3, "tags": ["a"]}}
        assert self.profiles(mixpanel) == {}

    @pytest.mark.parametrize(
        ("update", "says"),
        [
            ({"$token": ""}, "$token, missing or empty"),
            ({"$distinct_id": None, "$set": {}}, "$distinct_id, missing or empty"),
            ({}, "no operation"),
            ({"$set": []}, "$set is invalid"),
            ({"$add": {"a": "1"}}, "$add is invalid"),
            ({"$union": {"a": 1}}, "$union is invalid"),
            ({"$unset": {"a": 1}}, "$unset is invalid"),
            ({"$set": {"a": "x" * 1_100_000}}, "larger than 1048576 bytes"),
        ],
    )
    def test_invalid_updates(self, mixpanel: Sandbox, update: Any, says: str) -> None:
        assert self.update(mixpanel, update).text == "0"
        assert says in self.update(mixpanel, update, verbose=1).json()["error"]
        strict = self.update(mixpanel, {"$set": {"a": 1}}, update, strict=1)
        assert strict.status_code == 400 and says in strict.json()["failed_records"][0]["message"]
        assert set(self.profiles(mixpanel)) == {"ann"}


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


OPERATIONS = st.sampled_from(
    ["$set", "$set_once", "$add", "$append", "$union", "$remove", "$unset", "$delete"]
)


@given(
    record=VALUES
    | st.fixed_dictionaries(
        {
            "event": VALUES,
            "properties": st.dictionaries(
                st.sampled_from(["time", "distinct_id", "$insert_id", "x"]), VALUES
            ),
        }
    )
)
def test_any_record_has_an_error_or_none(record: Any) -> None:
    fault = import_fault(record, NOW_S * 1000)
    assert fault is None or fault.message


@given(
    properties=st.dictionaries(st.sampled_from("abc"), VALUES), updates=st.dictionaries(OPERATIONS, VALUES)
)
def test_a_valid_update_can_be_applied_to_any_profile(properties: Any, updates: Any) -> None:
    record = {"$token": TOKEN, "$distinct_id": "ann", **updates}
    if update_fault(record, group=False) is None:
        before = json.dumps(properties)
        assert isinstance(changed_properties(properties, record), dict) and json.dumps(properties) == before
