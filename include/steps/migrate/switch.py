"""Find the switch day, the first day that the pipeline loads: no day is missing or loaded twice. Pure functions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from include.plural import counted
from include.steps.migrate.dataflow import Dataflow

_DAYS_AHEAD = 40


@dataclass(frozen=True)
class Switch:
    """How the pipeline takes over from the dataflow.

    Attributes:
        day: The first day that the pipeline loads.
        in_place: Whether the pipeline loads into the dataflow's dataset; otherwise it needs a new dataset.
        sentences: What a person has to do, in order.
        gaps: Days that failed runs of the dataflow may have left incomplete.
    """

    day: date
    in_place: bool
    sentences: tuple[str, ...]
    gaps: tuple[date, ...] = ()


def find_switch(flow: Dataflow, zone: ZoneInfo, now: datetime) -> Switch:
    """Return the switch day, from the schedule and the runs of a dataflow.

    ``zone``: the zone in which the pipeline counts days. The dataflow and the pipeline can load into one dataset only
    if the dataflow ends exactly at midnight: a day that both have loaded is duplicated, because their ``_id``s differ.
    """
    done = _loaded_windows(flow)
    gaps = _days_not_loaded(flow, zone)
    if at_work := [run for run in flow.runs if run.is_at_work]:
        wait = f"The dataflow has {counted(len(at_work), 'run')} at work. Run mixpanel-aep migrate again afterwards."
        # Their windows count as loaded.
        runs = tuple(replace(run, status="success") if run.is_at_work else run for run in flow.runs)
        found = find_switch(replace(flow, runs=runs), zone, now)
        return replace(found, sentences=(wait, *found.sentences))
    if not done and not flow.is_running:
        day = _local_time(flow.start_ms, zone).date()
        return Switch(day, True, ("The dataflow has loaded nothing, and no further run is scheduled.",), gaps)
    end_ms = max((end for _, end in done), default=flow.start_ms)
    if not flow.is_running:
        end = _local_time(end_ms, zone)
        if _is_midnight(end):
            return Switch(
                end.date(), True, (f"The dataflow has ended with {end.date() - timedelta(days=1)}.",), gaps
            )
        return _separate_dataset(flow, zone, f"The dataflow ended in the middle of {end.date()}.", gaps)
    midnight = _next_midnight(flow, zone, max(end_ms, int(now.timestamp() * 1000)))
    if midnight is None:
        return _separate_dataset(flow, zone, "No run of the dataflow ends at midnight.", gaps)
    after = midnight + timedelta(milliseconds=flow.period_ms or 0)
    return Switch(
        midnight.date(),
        True,
        (
            f"Let the dataflow run until its run of {_utc(midnight)} UTC has succeeded: it ends with "
            f"{midnight.date() - timedelta(days=1)}.",
            f"Disable the dataflow before its next run, at {_utc(after)} UTC.",
            "Run mixpanel-aep migrate again: it reports whether the dataflow has ended at midnight.",
        ),
        gaps,
    )


def _separate_dataset(flow: Dataflow, zone: ZoneInfo, why: str, gaps: tuple[date, ...]) -> Switch:
    """Return a switch in which the pipeline loads all days, from the dataflow's first day on, into a new dataset."""
    starts = [start for start, _ in _loaded_windows(flow)]
    day = _local_time(min(starts, default=flow.start_ms), zone).date()
    return Switch(
        day,
        False,
        (
            f"{why} In one dataset that day would be duplicated, so the pipeline gets a separate dataset.",
            f"Load all days from {day} on; change start_date if you need fewer.",
            "Switch readers to the new dataset once mixpanel-aep audit finds no missing day; then disable the dataflow.",
        ),
        gaps,
    )


def _next_midnight(flow: Dataflow, zone: ZoneInfo, after_ms: int) -> datetime | None:
    """Return the first midnight after ``after_ms`` at which a run's window ends; None within 40 days.

    The window of a run ends at the time for which the run is scheduled.
    """
    first = _local_time(after_ms, zone).date() + timedelta(days=1)
    for number in range(_DAYS_AHEAD):
        day = first + timedelta(days=number)
        midnight = datetime(day.year, day.month, day.day, tzinfo=zone)
        moment = int(midnight.timestamp() * 1000)
        if _is_midnight(_local_time(moment, zone)) and (moment - flow.start_ms) % (flow.period_ms or 1) == 0:
            return midnight
    return None


def _days_not_loaded(flow: Dataflow, zone: ZoneInfo) -> tuple[date, ...]:
    """Return the days in the windows of failed runs that no successful run has read."""
    done = sorted(_loaded_windows(flow))
    failed = [run.window for run in flow.runs if run.status == "failed" and run.window is not None]
    days: set[date] = set()
    for start, end in failed:
        for done_start, done_end in done:  # a time span that a later run covered is not a gap
            if done_start <= start < done_end:
                start = done_end
        if start < end:
            first, last = _local_time(start, zone).date(), _local_time(end - 1, zone).date()
            days |= {first + timedelta(days=number) for number in range((last - first).days + 1)}
    return tuple(sorted(days))


def _loaded_windows(flow: Dataflow) -> list[tuple[int, int]]:
    """Return the time spans that successful runs have read, in epoch milliseconds, the end exclusive."""
    return [run.window for run in flow.runs if run.is_done and run.window is not None]


def _local_time(moment_ms: int, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(moment_ms / 1000, zone)


def _is_midnight(moment: datetime) -> bool:
    return (moment.hour, moment.minute, moment.second, moment.microsecond) == (0, 0, 0, 0)


def _utc(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}"
