"""One request for many days: each day becomes the export that it would have become alone, or nothing does."""

from __future__ import annotations

import gzip
import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from include.errors import (
    AccessDenied,
    AddressRefused,
    ConfigError,
    CredentialsRejected,
    ExportTooLarge,
    HistoryExceeded,
    PipelineError,
    RedirectRefused,
    TruncatedExport,
    WrongProject,
)
from include.lake.lake import Lake
from include.mixpanel.backfill_plan import Window, WindowLimits
from include.mixpanel.export_stream import ExportStream
from include.steps.export import compare_exports
from include.steps.export.backfill import backfill_plan
from include.steps.export.step import export_partition
from include.steps.export.window_export import FetchAhead
from tests.steps.export.window_project import (
    CHANGES,
    FIRST,
    MONTH,
    NOW,
    Project,
    export,
    exported_days,
    lines_of,
    place,
    stored,
)
from tests.support.builders import SOURCE, event, line, pipeline
from tests.support.export_streams import opened
from tests.support.fake_clock import FakeClock

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("lines", [0, 1, 40])
def test_each_day_has_the_lines_and_counts_that_it_has_when_it_is_exported_alone(
    tmp_path: Path, fake_clock: FakeClock, lines: int
) -> None:
    """Also where blank lines, CRLF and a missing last newline are in between."""
    project = Project({day: lines_of(day, lines if day != MONTH[1] else 0) for day in MONTH[:7]})
    together, alone = (Lake(f"file://{tmp_path}/{name}") for name in ("together", "alone"))
    for day in MONTH[:7]:
        fetched = export(together, day, project, fake_clock)
        single = export_partition(place(alone, day, fake_clock), SOURCE, Project(project.days))
        read = [
            sorted(stored(lake, day, fake_clock, manifest, tmp_path / f"{n}-{day}"))
            for n, (lake, manifest) in enumerate([(together, fetched), (alone, single)])
        ]
        assert read[0] == read[1] == sorted(project.days[day])
        assert (fetched.counts, fetched.inputs, fetched.details) == (
            single.counts,
            single.inputs,
            single.details,
        )
        again = export_partition(
            place(together, day, fake_clock), SOURCE, Project(project.days), refresh="refresh"
        )
        assert again == fetched  # the same lines in another order and encoding are the same export
    assert project.asked == [Window(MONTH[0], MONTH[6])]


def test_a_month_takes_two_requests_because_the_first_one_shows_the_volume(
    lake: Lake, fake_clock: FakeClock
) -> None:
    project = Project({day: lines_of(day) for day in MONTH})
    for day in MONTH:
        export(lake, day, project, fake_clock)
    assert project.asked == [Window(MONTH[0], MONTH[6]), Window(MONTH[7], MONTH[29])]
    for day in (MONTH[-1] + timedelta(days=1), MONTH[-1] + timedelta(days=9)):
        export(lake, day, project, fake_clock)
    assert [len(window) for window in project.asked] == [7, 23, 30]


def test_volume_limits_the_windows(lake: Lake, fake_clock: FakeClock) -> None:
    project = Project({day: lines_of(day, 200) for day in MONTH})
    first = export(lake, MONTH[0], project, fake_clock)
    size = sum(file.bytes for file in first.files)
    ahead = FetchAhead("dag/run", limits=WindowLimits(most_bytes=int(size * 3.5)))
    for day in MONTH[7:13]:
        export_partition(place(lake, day, fake_clock), SOURCE, project, ahead=ahead)
    assert [len(window) for window in project.asked] == [7, 3, 3]


def test_a_window_that_needs_too_much_scratch_is_halved_at_once(
    lake: Lake, fake_clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("include.steps.export.range_export._PROGRESS_LINES", 5_000)
    noise = random.Random(7)
    project = Project(
        {
            day: [
                text.replace(b"Purchase", noise.randbytes(80).hex().encode()) for text in lines_of(day, 5_000)
            ]
            for day in MONTH[:7]
        }
    )
    alone = export_partition(place(Lake(f"{lake.url}-other"), MONTH[0], fake_clock), SOURCE, project)
    project.asked.clear()
    limits = WindowLimits(most_bytes=4 * sum(file.bytes for file in alone.files))
    export_partition(
        place(lake, MONTH[0], fake_clock), SOURCE, project, ahead=FetchAhead("run", limits=limits)
    )
    assert [len(window) for window in project.asked] == [7, 3]
    assert exported_days(lake) == [str(day) for day in MONTH[:3]]


def test_a_truncated_window_publishes_nothing_and_the_retry_requests_half(
    lake: Lake, fake_clock: FakeClock
) -> None:
    project = Project({day: lines_of(day) for day in MONTH}, cut=True)
    for size in (7, 3, 1):
        with pytest.raises(TruncatedExport):
            export(lake, MONTH[0], project, fake_clock)
        assert len(project.asked[-1]) == size
        assert exported_days(lake) == []
    project.cut = False
    export(lake, MONTH[0], project, fake_clock)
    assert project.asked[-1] == Window(MONTH[0], MONTH[0])
    assert exported_days(lake) == [str(MONTH[0])]


def test_an_exported_day_is_not_requested_again_and_bounds_the_window(
    lake: Lake, fake_clock: FakeClock
) -> None:
    project = Project({day: lines_of(day) for day in MONTH})
    export_partition(place(lake, MONTH[3], fake_clock), SOURCE, project)
    export(lake, MONTH[0], project, fake_clock)
    assert project.asked == [Window(MONTH[3], MONTH[3]), Window(MONTH[0], MONTH[2])]


def test_days_outside_of_the_pipeline_and_unsettled_days_are_not_fetched(lake: Lake) -> None:
    now = datetime(2026, 3, 6, 5, 0, tzinfo=UTC)  # the 5th settles at six
    fake_clock = FakeClock(at=now.timestamp())
    project = Project({day: lines_of(day) for day in MONTH})
    export(lake, MONTH[0], project, fake_clock)
    assert project.asked == [Window(MONTH[0], MONTH[3])]
    other = Lake(f"{lake.url}-other")
    export(other, MONTH[0], project, FakeClock(at=NOW), end_date="2026-03-02")
    assert project.asked[1:] == [Window(MONTH[0], MONTH[1])]


def test_a_scheduled_run_and_a_refresh_request_their_day_alone(lake: Lake, fake_clock: FakeClock) -> None:
    project = Project({day: lines_of(day) for day in MONTH})
    export_partition(place(lake, MONTH[0], fake_clock), SOURCE, project)
    ahead = FetchAhead("dag/run")
    export_partition(place(lake, MONTH[1], fake_clock), SOURCE, project, refresh="again", ahead=ahead)
    assert project.asked == [Window(day, day) for day in MONTH[:2]]
    assert list(lake.keys("_windows")) == []


def test_a_window_of_one_day_is_off(lake: Lake, fake_clock: FakeClock) -> None:
    project = Project({day: lines_of(day) for day in MONTH})
    export(lake, MONTH[0], project, fake_clock, mixpanel={"backfill_window_days": 1})
    assert project.asked == [Window(MONTH[0], MONTH[0])]
    assert list(lake.keys("_windows")) == []


def test_a_line_without_a_day_makes_the_days_be_requested_individually(
    lake: Lake, fake_clock: FakeClock
) -> None:
    project = Project({day: lines_of(day) for day in MONTH})
    project.days[MONTH[2]].append(b"{}")
    project.days[MONTH[2]].append(b'{"event":"no time","properties":{}}')
    for day in MONTH[:4]:
        export(lake, day, project, fake_clock)
    assert [len(window) for window in project.asked] == [7, 1, 1, 1, 1]


def test_a_terminal_error_of_one_day_does_not_stop_the_others(lake: Lake, fake_clock: FakeClock) -> None:
    project = Project({day: lines_of(day) for day in MONTH}, faults=[ExportTooLarge("A line is too long.")])
    export(lake, MONTH[0], project, fake_clock)
    assert [len(window) for window in project.asked] == [7, 1]


def test_a_caller_can_bound_the_days(lake: Lake, fake_clock: FakeClock) -> None:
    project = Project({day: lines_of(day) for day in MONTH})
    ahead = FetchAhead("cli", Window(MONTH[2], MONTH[4]))
    export_partition(place(lake, MONTH[3], fake_clock), SOURCE, project, ahead=ahead)
    assert project.asked == [Window(MONTH[2], MONTH[4])]


def test_the_plan_of_a_backfill_names_the_windows_that_are_fetched(lake: Lake, fake_clock: FakeClock) -> None:
    project = Project({day: lines_of(day) for day in MONTH})
    for day in (MONTH[3], MONTH[20]):
        export_partition(place(lake, day, fake_clock), SOURCE, project)
    project.asked.clear()
    found = backfill_plan(
        lake, pipeline(**CHANGES), SOURCE, FIRST - timedelta(days=2), MONTH[-1], fake_clock.clock
    )
    assert not found.is_estimate
    assert found.exported == (MONTH[3], MONTH[20])
    assert found.before_start == (FIRST - timedelta(days=2), FIRST - timedelta(days=1))
    assert found.after_end == found.unsettled == ()
    assert found.windows == (Window(MONTH[0], MONTH[2]), Window(MONTH[4], MONTH[19]), Window(MONTH[21], MONTH[29]))  # fmt: skip
    assert all(size > 0 for size in found.bytes_by_window)


def test_a_refreshed_day_does_not_make_the_expected_windows_smaller(
    lake: Lake, fake_clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newest export of the day is a delta, whose file has two lines."""
    monkeypatch.setattr(compare_exports, "SMALL_LINES", 0)
    project = Project({day: lines_of(day, 400) for day in MONTH})
    plans = []
    for refresh in (None, "late"):
        made = export_partition(place(lake, MONTH[3], fake_clock), SOURCE, project, refresh=refresh)
        fake_clock.at += 3600
        project.days[MONTH[3]].append(lines_of(MONTH[3], 401)[-1])
        plans.append(backfill_plan(lake, pipeline(**CHANGES), SOURCE, FIRST, MONTH[-1], fake_clock.clock))
    assert made.delta is not None
    assert 0 < sum(plans[0].bytes_by_window) <= sum(plans[1].bytes_by_window)


def test_the_plan_of_a_new_pipeline_names_the_windows_that_are_fetched(
    lake: Lake, fake_clock: FakeClock
) -> None:
    project = Project({day: lines_of(day) for day in MONTH})
    found = backfill_plan(lake, pipeline(**CHANGES), SOURCE, FIRST, MONTH[-1], fake_clock.clock)
    for day in MONTH:
        export(lake, day, project, fake_clock)
    assert found.is_estimate
    assert found.windows == tuple(project.asked) == (Window(MONTH[0], MONTH[6]), Window(MONTH[7], MONTH[29]))


@pytest.mark.parametrize(
    "error", [AccessDenied, CredentialsRejected, WrongProject, ConfigError, AddressRefused, RedirectRefused]
)
def test_an_error_of_every_day_keeps_the_windows_for_the_time_after_it(
    lake: Lake, fake_clock: FakeClock, error: type[PipelineError]
) -> None:
    """A wrong secret during the first days must not cost a request for each day once it is corrected."""
    project = Project({day: lines_of(day) for day in MONTH}, faults=[error("Wrong.")])
    with pytest.raises(error):
        export(lake, MONTH[0], project, fake_clock)
    assert [len(window) for window in project.asked] == [7]  # the day alone would have the same error
    for day in MONTH[:7]:
        export(lake, day, project, fake_clock)
    assert [len(window) for window in project.asked] == [7, 7]


def test_days_before_the_plans_history_do_not_stop_later_ones(lake: Lake, fake_clock: FakeClock) -> None:
    faults = [HistoryExceeded("Too far back."), HistoryExceeded("Too far back.")]
    project = Project({day: lines_of(day) for day in MONTH}, faults=faults)
    with pytest.raises(HistoryExceeded):
        export(lake, MONTH[0], project, fake_clock)
    assert export(lake, MONTH[5], project, fake_clock).rows
    assert [len(window) for window in project.asked] == [7, 1, 1]


@pytest.mark.parametrize("joint", [b"\r\n", b"\n\n \n", b"\n"])
def test_the_form_of_the_response_does_not_change_the_lines_of_a_window(
    tmp_path: Path, fake_clock: FakeClock, joint: bytes
) -> None:
    """Equal lines, two of the same event, CRLF, blank lines, a byte order mark, no last newline, several members."""

    class Odd(Project):
        @contextmanager
        def export(self, from_date: date, to_date: date, **options: Any) -> Iterator[ExportStream]:
            window = Window(from_date, to_date)
            self.asked.append(window)
            lines = [text for day in reversed(window.days) for text in self.days.get(day, ())]
            text = b"\xef\xbb\xbf" + joint.join(lines)
            body = gzip.compress(text[:50]) + gzip.compress(text[50:])
            yield opened([body[:30], body[30:]], Content_Encoding="gzip")

    days = {day: lines_of(day) + lines_of(day)[:1] for day in MONTH[:3]}
    together, alone = (Lake(f"file://{tmp_path}/{name}") for name in ("together", "alone"))
    for day in MONTH[:3]:
        found = export(together, day, Odd(days), fake_clock, end_date=str(MONTH[2]))
        single = export_partition(place(alone, day, fake_clock), SOURCE, Odd(days))
        read = [
            sorted(stored(lake, day, fake_clock, manifest, tmp_path / f"{n}-{day}"))
            for n, (lake, manifest) in enumerate([(together, found), (alone, single)])
        ]
        assert read[0] == read[1] == sorted(days[day])
        assert found.counts == single.counts
        again = export_partition(place(together, day, fake_clock), SOURCE, Odd(days), refresh="again")
        assert again == found


@pytest.mark.parametrize("zone", ["America/Havana", "Australia/Lord_Howe", "Pacific/Apia"])
def test_windows_over_a_change_of_the_clock_hold_each_day_once(
    lake: Lake, fake_clock: FakeClock, zone: str
) -> None:
    """Times are wall-clock times of the project: each stored day has 24 hours, also where the zone skips or repeats one."""
    start = date(2011, 12, 28) if zone == "Pacific/Apia" else date(2025, 10, 3)
    days = [start + timedelta(days=number) for number in range(40)]
    changes: dict[str, Any] = {
        "start_date": str(start),
        "end_date": str(days[-1]),
        "mixpanel": {"timezone": zone, "time_is": "project_local"},
    }
    midnights = {day: int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) for day in days}
    project = Project(
        {
            day: [
                line(event(time=at + seconds, **{"$insert_id": f"{day}-{seconds}"}))
                for seconds in (0, 5400, 86_399)
            ]
            for day, at in midnights.items()
        }
    )
    for day in days:
        manifest = export_partition(
            place(lake, day, fake_clock, **changes), SOURCE, project, ahead=FetchAhead("dag/run")
        )
        assert manifest.counts == {"exported": 3}
    assert sorted(each for window in project.asked for each in window.days) == days
    assert len(project.asked) == 3
