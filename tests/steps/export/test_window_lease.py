"""Claims of windows: one run fetches a window, the others wait; a claim of a dead process expires."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import pytest

from include.errors import (
    LakeError,
    Throttled,
)
from include.lake.lake import Lake
from include.mixpanel.backfill_plan import Window
from include.mixpanel.export_stream import ExportStream
from include.steps.export.step import export_partition
from include.steps.export.window_lease import LEASE_SECONDS
from tests.steps.export.window_project import (
    MONTH,
    Project,
    export,
    exported_days,
    lease,
    lines_of,
    place,
)
from tests.support.builders import SOURCE
from tests.support.fake_clock import FakeClock

pytestmark = pytest.mark.unit


def test_a_run_waits_for_the_window_that_another_one_fetches_and_then_finds_its_day(
    lake: Lake, fake_clock: FakeClock
) -> None:
    project = Project({day: lines_of(day) for day in MONTH})

    class Slow(Project):
        """While this export is sent, another run wants the second day."""

        @contextmanager
        def export(self, from_date: date, to_date: date, **options: Any) -> Iterator[ExportStream]:
            with pytest.raises(Throttled, match="Another run exports days") as throttled:
                export(lake, MONTH[1], project, fake_clock, run="dag/second")
            assert throttled.value.wait_seconds == 30
            with super().export(from_date, to_date, **options) as stream:
                yield stream

    slow = Slow(project.days)
    export(lake, MONTH[0], slow, fake_clock, run="dag/first")
    assert sum(fake_clock.slept) == 10
    export(lake, MONTH[1], project, fake_clock, run="dag/second")
    assert (project.asked, len(slow.asked)) == ([], 1)


def test_the_claim_of_a_dead_process_expires_and_its_own_run_need_not_wait(
    lake: Lake, fake_clock: FakeClock
) -> None:
    project = Project({day: lines_of(day) for day in MONTH})
    held = lease(lake, fake_clock)
    assert held.claim(held.newest(), "dag/dead") is not None
    with pytest.raises(Throttled):
        export(lake, MONTH[0], project, fake_clock, run="dag/other")
    fake_clock.at += LEASE_SECONDS
    export(lake, MONTH[0], project, fake_clock, run="dag/other")
    assert [len(window) for window in project.asked] == [7]
    assert held.claim(held.newest(), "dag/dead") is not None
    export(lake, MONTH[7], project, fake_clock, run="dag/dead")
    assert [len(window) for window in project.asked] == [7, 23]


def test_a_retry_whose_day_was_published_before_the_kill_frees_the_other_days(
    lake: Lake, fake_clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = Project({day: lines_of(day) for day in MONTH})

    def killed(name: str) -> None:
        if name == "window.published":
            raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr("include.steps.export.range_export.failpoint", killed)
        patched.setattr("include.steps.export.window_export._end_claim", lambda *_: None)
        export(lake, MONTH[0], project, fake_clock, run="dag/killed")
    assert exported_days(lake) == [str(MONTH[0])]
    with pytest.raises(Throttled):
        export(lake, MONTH[1], project, fake_clock, run="dag/other")
    export(lake, MONTH[0], project, fake_clock, run="dag/another")
    with pytest.raises(Throttled):
        export(lake, MONTH[1], project, fake_clock, run="dag/other")
    export(lake, MONTH[0], project, fake_clock, run="dag/killed")
    export(lake, MONTH[1], project, fake_clock, run="dag/other")
    assert project.asked == [Window(MONTH[0], MONTH[6]), Window(MONTH[1], MONTH[7])]


def test_the_wait_for_a_dead_process_ends_when_the_day_is_exported(lake: Lake, fake_clock: FakeClock) -> None:
    project = Project({day: lines_of(day) for day in MONTH})
    held = lease(lake, fake_clock)
    assert held.claim(held.newest(), "dag/dead") is not None
    export_partition(place(lake, MONTH[1], fake_clock), SOURCE, project)
    export(lake, MONTH[1], project, fake_clock, run="dag/other")
    assert fake_clock.slept == []


def test_a_long_export_keeps_its_claim(lake: Lake, fake_clock: FakeClock) -> None:
    held = lease(lake, fake_clock)
    claim = held.claim(held.newest(), "dag/first")
    assert claim is not None
    for _ in range(50):
        fake_clock.at += 50
        claim.renew()
    assert held.newest().is_held_by_another("dag/second", fake_clock.at)
    assert held.claim(held.newest(), "dag/second") is not None  # only the caller decides that it may
    assert held.newest().number == 2


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"\xff",
        b"[]",
        b"[" * 100_000,
        b'{"holder":"x","until":1e300,"most_days":0,"bytes":{}}',
        b'{"holder":"x","until":0,"most_days":1e999,"bytes":{}}',
        b'{"holder":"x","until":0,"most_days":0,"bytes":{"2026-03-01":Infinity}}',
    ],
)
def test_a_record_that_cannot_be_read_keeps_nobody_out(
    lake: Lake, fake_clock: FakeClock, body: bytes
) -> None:
    lake.create("_windows/shop/2026-03-01_2026-03-30/000001.json", body)
    project = Project({day: lines_of(day) for day in MONTH})
    export(lake, MONTH[0], project, fake_clock)
    assert [len(window) for window in project.asked] == [7]


def test_a_throttled_request_frees_the_claim_and_keeps_the_size(lake: Lake, fake_clock: FakeClock) -> None:
    project = Project({day: lines_of(day) for day in MONTH}, faults=[Throttled("Busy.", wait_seconds=60)])
    with pytest.raises(Throttled):
        export(lake, MONTH[0], project, fake_clock, run="dag/first")
    export(lake, MONTH[0], project, fake_clock, run="dag/second")
    assert [len(window) for window in project.asked] == [7, 7]


def test_a_lake_that_does_not_accept_a_renewal_does_not_end_the_export(
    lake: Lake, fake_clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = lease(lake, fake_clock)
    claim = held.claim(held.newest(), "dag/first")
    assert claim is not None
    fake_clock.at += 100
    with monkeypatch.context() as broken:
        broken.setattr(Lake, "replace", unwritable)
        claim.renew()
        claim.renew()  # the lake is not tried again at once: it may take minutes to answer
    assert held.newest().until == fake_clock.at - 100 + LEASE_SECONDS
    fake_clock.at += 100
    claim.renew()
    assert held.newest().until == fake_clock.at + LEASE_SECONDS


def unwritable(lake: Lake, key: str, body: bytes) -> None:
    raise LakeError(f"{key} was not written.")


def test_a_key_of_any_length_does_not_stop_the_claims(lake: Lake, fake_clock: FakeClock) -> None:
    """With more digits than a number that is read, the next number exists for ever."""
    lake.create(f"_windows/shop/2026-03-01_2026-03-30/{'9' * 18}.json", b"{}")
    project = Project({day: lines_of(day) for day in MONTH})
    export(lake, MONTH[0], project, fake_clock)
    export(lake, MONTH[7], project, fake_clock)
    assert [len(window) for window in project.asked] == [7, 23]
