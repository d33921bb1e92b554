"""Schedules of dataflows, and the time windows of their runs. These are pure functions without store or clock."""

from __future__ import annotations

from dataclasses import dataclass

from mixpanel_aep_sandbox.aep.core.service_settings import AepSettings
from mixpanel_aep_sandbox.aep.flows.errors import invalid
from mixpanel_aep_sandbox.core.json_types import JsonObject

Window = tuple[int, int]
"""Start and end of a run's data in epoch milliseconds; the end is exclusive."""

_UNITS_MS = {"minute": 60_000, "hour": 3_600_000, "day": 86_400_000, "week": 604_800_000}
_MIN_INTERVAL = 15
_SECONDS_BELOW = 100_000_000_000
"""A smaller number is in epoch seconds, a larger one in epoch milliseconds."""
_LATEST_MS = 253_402_300_799_000
_MOST_INTERVAL = 1_000_000


def epoch_ms(value: object, name: str) -> int:
    """Convert an epoch time in seconds or milliseconds, as a number or a text of digits, to epoch milliseconds.

    Numbers of eleven digits are seconds in the far future, as in the documented example ``16515859567``.

    Args:
        value: The value.
        name: The name of the parameter, for the error's text.

    Raises:
        FlowServiceError: it is not an epoch time.
    """
    text = value.strip() if isinstance(value, str) else value
    if isinstance(text, str) and text.isascii() and text.isdigit() and len(text) < len(str(_LATEST_MS)) + 1:
        text = int(text)
    if isinstance(text, bool) or not isinstance(text, int) or text < 0:
        raise invalid(f"{name} must be an epoch time in seconds")
    return min(text * 1000 if text < _SECONDS_BELOW else text, _LATEST_MS)


@dataclass(frozen=True)
class Schedule:
    """The schedule of a dataflow; times are in epoch milliseconds."""

    start_ms: int
    period_ms: int | None
    """Milliseconds between runs, or None for a dataflow that runs once."""
    backfill: bool
    """Whether the first run reads the days before the start."""

    def first(self, now_ms: int) -> int:
        """Return the time of the first run: the start time, or ``now_ms`` if it is later (assumed [I])."""
        return max(self.start_ms, now_ms)

    def after(self, moment_ms: int) -> int | None:
        """Return the first scheduled time after ``moment_ms``, or None for a one-time schedule."""
        if self.period_ms is None:
            return None
        steps = (moment_ms - self.start_ms) // self.period_ms + 1
        return self.start_ms + max(steps, 0) * self.period_ms

    def due(self, next_ms: int, now_ms: int, most: int) -> list[int]:
        """Return the scheduled times up to now, oldest first; the latest of them if there are too many.

        Args:
            next_ms: The next planned time, in epoch milliseconds, which is the first one of the result.
            now_ms: The current time, in epoch milliseconds.
            most: The maximum number of times.
        """
        if next_ms > now_ms:
            return []
        if self.period_ms is None:
            return [next_ms]
        grid = self.after(next_ms)
        assert grid is not None
        count = (now_ms - grid) // self.period_ms + 1 if grid <= now_ms else 0
        steps = range(max(count + 1 - max(most, 1), 0), count + 1)
        return [next_ms if step == 0 else grid + (step - 1) * self.period_ms for step in steps]

    def window(self, covered_ms: int | None, at_ms: int, backfill_days: int) -> Window:
        """Return the start and the end of the data that a run reads.

        It starts where the previous run's data ended. The data of the first run starts ``backfill_days`` before the run
        if the schedule has a backfill, otherwise at the start time of the schedule.

        Args:
            covered_ms: The end of the previous run's data, in epoch milliseconds; None for the first run.
            at_ms: The time of the run, in epoch milliseconds.
            backfill_days: The number of days of a backfill.
        """
        if covered_ms is not None:
            return covered_ms, at_ms
        if self.backfill:
            return max(at_ms - backfill_days * _UNITS_MS["day"], 0), at_ms
        # "Only the files that are loaded in between the first run of ingestion and the start time" (OAS).
        return min(self.start_ms, at_ms), max(at_ms, self.start_ms + 1)


def parse_schedule(given: object, settings: AepSettings, *, created_ms: int = 0) -> Schedule:
    """Parse and validate the ``scheduleParams`` of a dataflow.

    Args:
        given: The value in the request.
        settings: The settings, which select between contradictory documents.
        created_ms: The time of the request, in epoch milliseconds; with a setting, the start must not be earlier.

    Raises:
        FlowServiceError: a value is invalid.
    """
    if not isinstance(given, dict):
        raise invalid("scheduleParams must be an object with startTime and frequency")
    frequency = str(given.get("frequency")).lower()
    if frequency != "once" and frequency not in _UNITS_MS:
        raise invalid("scheduleParams.frequency must be once, minute, hour, day or week")
    start = epoch_ms(given.get("startTime"), "scheduleParams.startTime")
    if settings.flow_start_in_past == "refuse" and start < created_ms - 1000:
        raise invalid("scheduleParams.startTime must not be in the past")
    return Schedule(start, _period(given, frequency, settings), _backfill(given, frequency, settings))


def stored_schedule(params: JsonObject) -> Schedule:
    """Return the schedule of a stored dataflow.

    Its ``scheduleParams`` are not validated again, because settings may have changed since they were stored.
    """
    frequency = str(params["frequency"]).lower()
    period = None if frequency == "once" else int(params["interval"]) * _UNITS_MS[frequency]
    backfill = str(params.get("backfill", True)).lower() == "true"
    return Schedule(epoch_ms(params["startTime"], "startTime"), period, backfill)


def _period(given: JsonObject, frequency: str, settings: AepSettings) -> int | None:
    """Return the milliseconds between runs, or None for once. Raises FlowServiceError for an invalid interval."""
    interval = given.get("interval")
    if frequency == "once":
        if interval is not None and settings.flow_schedule_rules == "spec":
            raise invalid("scheduleParams.interval is not allowed when frequency is once")
        return None
    text = str(interval).strip() if isinstance(interval, int | str) and not isinstance(interval, bool) else ""
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(_MOST_INTERVAL))):
        raise invalid("scheduleParams.interval must be a whole number")
    # The flow specification requires 15 for minutes only, the tutorial for every frequency except once.
    least = _MIN_INTERVAL if frequency == "minute" or settings.flow_schedule_rules == "tutorial" else 1
    if int(text) < least:
        raise invalid(f"scheduleParams.interval must be at least {least}")
    return int(text) * _UNITS_MS[frequency]


def _backfill(given: JsonObject, frequency: str, settings: AepSettings) -> bool:
    """Return the value of ``backfill``: a boolean, or a text as in the samples; by default true.

    Raises FlowServiceError for another value.
    """
    value = given.get("backfill")
    if value is None:
        return True
    if frequency == "once" and settings.flow_schedule_rules == "spec":
        raise invalid("scheduleParams.backfill is not allowed when frequency is once")
    text = str(value).lower()
    if not isinstance(value, bool | str) or text not in ("true", "false"):
        raise invalid("scheduleParams.backfill must be true or false")
    return text == "true"
