"""An alert is sent once to each recipient, also when several processes find its condition at the same moment."""

from __future__ import annotations

import multiprocessing
import os
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from include.alerts.alert import Alert
from include.alerts.sent import CLAIM_LIFETIME, claim, record_sent, release, was_sent
from include.lake.keys import alert_claim_key
from include.lake.lake import Lake
from include.lake.own_keys import is_own_key

pytestmark = pytest.mark.unit
DAY = date(2026, 7, 1)
NOW = datetime(2026, 7, 20, tzinfo=UTC)
_ALERTS = 25


def an_alert(number: int, *conditions: str) -> Alert:
    return Alert("failed", "shop", DAY + timedelta(days=number), "It failed.", "Clear it.", conditions, "x")


def of_backfill(number: int) -> Alert:
    """Return the alert that every failed day of one backfill raises; ``number``: which condition."""
    day = an_alert(os.getpid() % 20, f"transform/{number}")
    return day.in_backfill("2026-07-20")


def send_all(url: str, barrier: Barrier, sent: Path) -> None:
    """Send each alert unless the other process sends it; ``sent`` gets a line for each."""
    lake = Lake(url)
    for number in range(_ALERTS):
        alert = of_backfill(number)
        barrier.wait(60)
        if claim(lake, alert, "ann", NOW) is not None:
            with sent.open("a") as file:
                file.write(f"{number}\n")
            record_sent(lake, alert, "ann", NOW)


def test_two_days_of_a_backfill_that_fail_at_once_send_one_message(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    sent, barrier, url = tmp_path / "sent", context.Barrier(2), f"file://{tmp_path}/lake"
    Lake(url).check_writable()
    processes = [context.Process(target=send_all, args=(url, barrier, sent)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(90)
    assert [process.exitcode for process in processes] == [0, 0]
    assert Counter(map(int, sent.read_text().split())) == dict.fromkeys(range(_ALERTS), 1)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(f"file://{tmp_path}/lake")


def test_an_alert_that_is_being_sent_or_was_sent_is_not_claimed_again(lake: Lake) -> None:
    alert = an_alert(0, "one", "two")
    first = claim(lake, alert, "ann", NOW)
    assert first is not None
    assert claim(lake, alert, "ann", NOW + CLAIM_LIFETIME / 2) is None
    assert claim(lake, alert, "bob", NOW) is not None, "another recipient"
    assert claim(lake, an_alert(1, "one", "two"), "ann", NOW) is not None, "another day"
    record_sent(lake, alert, "ann", NOW)
    assert was_sent(lake, alert, "ann")
    assert claim(lake, alert, "ann", NOW + 2 * CLAIM_LIFETIME) is None
    assert claim(lake, an_alert(0, "one", "two", "three"), "ann", NOW) is not None, "a new condition"
    assert is_own_key(alert_claim_key(first.pipeline, first.lock, first.number)), (
        "it can be removed with the lake"
    )


def test_an_alert_whose_notifier_failed_is_sent_by_the_next_process(lake: Lake) -> None:
    alert = an_alert(0, "one")
    for _ in range(3):
        failed = claim(lake, alert, "ann", NOW)
        assert failed is not None
        release(lake, failed, NOW)
    again = claim(lake, alert, "ann", NOW)
    assert again is not None
    assert claim(lake, alert, "ann", NOW) is None
    record_sent(lake, alert, "ann", NOW)
    assert claim(lake, alert, "ann", NOW) is None


def test_an_alert_whose_sender_was_killed_is_sent_later_and_then_once(lake: Lake) -> None:
    alert = an_alert(0, "one")
    killed = claim(lake, alert, "ann", NOW)
    assert killed is not None
    later = NOW + CLAIM_LIFETIME + timedelta(seconds=1)
    assert claim(lake, alert, "ann", later) is not None
    assert claim(lake, alert, "ann", later) is None
    release(
        lake, killed, later
    )  # It was slow, and not killed: its failure does not end the other process's claim.
    assert claim(lake, alert, "ann", later) is None


def test_a_clock_of_the_future_delays_an_alert_and_sends_none_twice(lake: Lake) -> None:
    alert = an_alert(0, "one")
    assert claim(lake, alert, "ann", NOW + timedelta(hours=3)) is not None
    assert claim(lake, alert, "ann", NOW) is None
    assert claim(lake, alert, "ann", NOW + timedelta(hours=3) + CLAIM_LIFETIME) is not None
