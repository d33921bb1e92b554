"""Promise 6, bounded: tickets of rate budgets are removed once no limit counts them, and no limit is exceeded by that."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from include.aep.batch_budget import BatchBudget
from include.clock import Clock
from include.errors import AccessDenied, Throttled
from include.lake.lake import Lake
from include.mixpanel.export_budget import ExportBudget
from include.steps.retention import clean
from tests.support.builders import pipeline

pytestmark = pytest.mark.unit
NOW = datetime.now(UTC)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(f"file://{tmp_path}/lake")


def budget(lake: Lake, days_ago: float) -> ExportBudget:
    return ExportBudget(lake, 7, Clock(lambda: (NOW - timedelta(days=days_ago)).timestamp()), 0.0)


def aged(lake: Lake, days: float, which: Callable[[str], bool] = lambda _: True) -> None:
    """Let objects of the lake be as old as ``days``."""
    at = (NOW - timedelta(days=days)).timestamp()
    for key in lake.keys("_budget"):
        if which(key):
            os.utime(Path(str(lake.root)) / key, (at, at))


def names(lake: Lake) -> list[str]:
    return [key.removeprefix("_budget/mixpanel-7/").removesuffix(".json") for key in lake.keys("_budget")]


def take(lake: Lake, count: int, days_ago: float) -> None:
    for n in range(count):
        budget(lake, days_ago - n / 86_400).acquire()


def test_tickets_of_past_hours_go_and_the_limit_still_holds(lake: Lake) -> None:
    take(lake, 5, 3)
    aged(lake, 3)
    take(lake, 57, 0.001)
    planned = clean(lake, pipeline(), NOW, dry_run=True)
    assert len(names(lake)) == 63
    done = clean(lake, pipeline(), NOW)
    assert done.counts == planned.counts
    assert done.counts["removed_tickets"] == 5
    assert names(lake)[:2] == ["000000006", "000000007"]
    take(lake, 3, 0.0)
    with pytest.raises(Throttled, match="60 exports"):
        budget(lake, 0.0).acquire()
    assert names(lake)[-2:] == ["000000065", "state"]


@pytest.mark.parametrize(
    "state", [b"", b'{"number":3,"tickets":[]}'], ids=["unreadable", "of a slower worker"]
)
def test_no_number_is_used_twice_although_the_state_is_behind(lake: Lake, state: bytes) -> None:
    take(lake, 5, 3)
    aged(lake, 3)
    take(lake, 60, 0.001)
    lake.replace("_budget/mixpanel-7/state.json", state)
    clean(lake, pipeline(), NOW)
    with pytest.raises(Throttled, match="60 exports"):
        budget(lake, 0.0).acquire()


def test_an_unused_budget_goes_as_a_whole_and_can_be_used_again(lake: Lake) -> None:
    take(lake, 5, 3)
    BatchBudget(lake, "org", "prod").acquire(10)
    BatchBudget(lake, "org", "prod").acquire_backfill(1, 1)
    aged(lake, 3)
    (Path(str(lake.root)) / "_budget/mixpanel-7/notes.txt").write_text("of another program")
    aged(lake, 30, lambda key: key.endswith(".txt"))
    assert clean(lake, pipeline(), NOW).counts["removed_tickets"] == 11
    assert list(lake.keys("_budget")) == ["_budget/mixpanel-7/notes.txt"]
    assert clean(lake, pipeline(), NOW).counts["removed_tickets"] == 0
    take(lake, 2, 0.0)
    assert names(lake) == ["000000001", "000000002", "notes.txt", "state"]


def test_a_reader_that_knows_a_removed_ticket_finds_the_newest(lake: Lake) -> None:
    take(lake, 5, 3)
    known = budget(lake, 3).newest()
    take(lake, 9, 2.9)
    aged(lake, 3)
    take(lake, 4, 0.001)
    clean(lake, pipeline(), NOW)
    newest = budget(lake, 0.0).newest(known)
    assert (newest, budget(lake, 0.0).used(newest)) == (18, 4)


def test_a_role_that_may_not_remove_tickets_keeps_them_and_says_so(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    take(lake, 5, 3)
    aged(lake, 3)

    def denied(self: Lake, key: str) -> None:
        raise AccessDenied("This worker may not remove objects.", "Grant it.")

    monkeypatch.setattr(Lake, "remove_object", denied)
    assert clean(lake, pipeline(), NOW).counts["removed_tickets"] == 0
    assert "Tickets of rate budgets below _budget/ stay in the lake" in caplog.text
