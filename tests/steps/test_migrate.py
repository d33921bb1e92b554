"""The day to switch from a dataflow of Adobe's source, its unfinished windows, and the mapping read from it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.steps.migrate.dataflow import Dataflow, FlowRun
from include.steps.migrate.files import find_identities, mapping_text
from include.steps.migrate.switch import find_switch

pytestmark = pytest.mark.unit
HOUR = 3_600_000
MIDNIGHT = int(datetime(2026, 6, 30, tzinfo=UTC).timestamp() * 1000)
NOW = datetime(2026, 7, 2, 9, 30, tzinfo=UTC)
ROW = {"sourceType": "ATTRIBUTE", "source": "data.distinct_id", "destination": "_acme.distinct_id"}


def run(start: int, end: int, status: str = "success") -> FlowRun:
    """Return a run whose window is in hours after midnight of 30 June."""
    return FlowRun(f"{start}", status, (MIDNIGHT + start * HOUR, MIDNIGHT + end * HOUR), (f"b{start}",), 10)


def flow(
    *runs: FlowRun, start_hour: int = 0, period_hours: int | None = 1, state: str = "enabled"
) -> Dataflow:
    return Dataflow(
        "f", "Flow", state, "1", "UTC", "us", "d", MIDNIGHT + start_hour * HOUR,
        None if period_hours is None else period_hours * HOUR, "every hour", None, (ROW,), runs,
    )  # fmt: skip


def test_a_running_dataflow_should_end_at_the_next_midnight() -> None:
    found = find_switch(flow(run(0, 57)), ZoneInfo("UTC"), NOW)
    assert (found.day, found.in_place) == (date(2026, 7, 3), True)
    assert "run of 2026-07-03 00:00 UTC" in found.sentences[0]
    assert "next run, at 2026-07-03 01:00 UTC" in found.sentences[1]


def test_midnight_is_in_the_zone_of_the_days() -> None:
    found = find_switch(flow(run(0, 57)), ZoneInfo("America/Los_Angeles"), NOW)
    assert (found.day, found.in_place) == (date(2026, 7, 3), True)
    assert "run of 2026-07-03 07:00 UTC" in found.sentences[0]
    # In India midnight is at half past an hour: no run of this dataflow ends there.
    assert not find_switch(flow(run(0, 57)), ZoneInfo("Asia/Kolkata"), NOW).in_place


def test_a_dataflow_that_ended_at_midnight_is_continued_with_that_day() -> None:
    found = find_switch(flow(run(0, 30), run(30, 48), state="disabled"), ZoneInfo("UTC"), NOW)
    assert (found.day, found.in_place) == (date(2026, 7, 2), True)


@pytest.mark.parametrize("runs", [(run(0, 47),), (run(5, 20), run(20, 47))])
def test_a_dataflow_that_ended_within_a_day_is_not_continued_in_its_dataset(
    runs: tuple[FlowRun, ...],
) -> None:
    found = find_switch(flow(*runs, state="disabled"), ZoneInfo("UTC"), NOW)
    assert (found.day, found.in_place) == (date(2026, 6, 30), False)
    assert "in the middle of 2026-07-01" in found.sentences[0]


def test_an_active_run_may_still_load_its_window() -> None:
    found = find_switch(flow(run(0, 48), run(48, 50, "inProgress"), state="disabled"), ZoneInfo("UTC"), NOW)
    assert not found.in_place
    assert found.sentences[0].startswith("The dataflow has 1 run at work.")


def test_days_of_failed_runs_are_gaps_unless_a_later_run_covers_them() -> None:
    failed, again = run(20, 28, "failed"), run(20, 28)
    assert find_switch(flow(run(0, 20), failed), ZoneInfo("UTC"), NOW).gaps == (
        date(2026, 6, 30),
        date(2026, 7, 1),
    )
    assert find_switch(flow(run(0, 20), failed, again), ZoneInfo("UTC"), NOW).gaps == ()


def test_a_dataflow_that_never_ran_is_continued_from_its_start() -> None:
    found = find_switch(flow(period_hours=None, state="disabled"), ZoneInfo("UTC"), NOW)
    assert (found.day, found.in_place) == (date(2026, 6, 30), True)


@given(
    hours=st.integers(1, 24 * 40), start=st.integers(0, 23), period=st.integers(1, 60), disabled=st.booleans()
)
def test_no_day_of_a_dataset_has_rows_of_both(hours: int, start: int, period: int, disabled: bool) -> None:
    """For any schedule: before the day to switch every window has ended, and none reaches into it."""
    ends = range(start + period, start + period * (hours // period + 2), period)
    runs = [run(end - period, end) for end in ends]
    state = "disabled" if disabled else "enabled"
    found = find_switch(flow(*runs, start_hour=start, period_hours=period, state=state), ZoneInfo("UTC"), NOW)
    if not found.in_place:
        assert found.day == date(2026, 6, 30) + timedelta(days=start // 24)
        return
    first_ms = int(datetime.combine(found.day, datetime.min.time(), UTC).timestamp() * 1000)
    assert all(each.window is not None and each.window[1] <= first_ms for each in runs)
    if disabled:
        assert max(each.window[1] for each in runs if each.window) == first_ms
    else:
        assert (first_ms - MIDNIGHT - start * HOUR) % (period * HOUR) == 0


def descriptor(path: str, namespace: Any, *, primary: bool = False) -> dict[str, Any]:
    return {
        "@type": "xdm:descriptorIdentity",
        "xdm:sourceProperty": path,
        "xdm:namespace": namespace,
        "xdm:isPrimary": primary,
    }


def test_identities_come_from_schema_and_mapping_set_with_the_primary_one_first() -> None:
    user = {"sourceType": "ATTRIBUTE", "source": "data.user_id", "destination": "_acme.user"}
    email = {**user, "source": "data.email", "destination": "_acme.email", "identity": "Email"}
    found = find_identities(
        [ROW, email, user],
        [descriptor("/_acme/distinct_id", "Mixpanel"), descriptor("/_acme/user", "CRM", primary=True)],
    )
    assert found == ({"$user_id": "CRM", "distinct_id": "Mixpanel", "email": "Email"}, True)
    assert next(iter(found[0])) == "$user_id"
    assert find_identities([ROW], [descriptor("/_acme/distinct_id", "4711")])[1] is False


def test_fields_that_the_pipeline_builds_are_not_in_the_mapping_file() -> None:
    text = mapping_text([{**ROW, "destination": "_id"}, ROW, {**ROW, "destination": "timestamp"}])
    assert text.count("sourceType") == 1
