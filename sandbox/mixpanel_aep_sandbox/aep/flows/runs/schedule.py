"""Schedules of dataflows, and the window of each run. This module uses no store and no clock."""

from __future__ import annotations

from dataclasses import dataclass

from mixpanel_aep_sandbox.aep.core.service_settings import AepSettings
from mixpanel_aep_sandbox.aep.flows.errors import invalid
from mixpanel_aep_sandbox.core.json_types import JsonObject

Window = tuple[int, int]
"""Epoch milliseconds; the end is exclusive."""

_UNITS_MS = {"minute": 60_000, "hour": 3_600_000, "day": 86_400_000, "week": 604_800_000}
_LEAST = 15
_SECONDS_BELOW = 100_000_000_000
_LATEST_MS = 253_402_300_799_000
_MOST_INTERVAL = 1_000_000


def epoch_ms(value: object, name: str) -> int:
    """Return milliseconds of an epoch time in seconds or milliseconds, a number or a text of digits.

    Raises FlowServiceError. The example of a run's ``windowEndTime``, ``16515859567``, has eleven digits: it is a year in
    the far future, not 1970.
    """
    text = value.strip() if isinstance(value, str) else value
    if isinstance(text, str) and text.isascii() and text.isdigit() and len(text) < len(str(_LATEST_MS)) + 1:
        text = int(text)
    if isinstance(text, bool) or not isinstance(text, int) or text < 0:
        raise invalid(f"{name} must be an epoch time in seconds")
    return min(text * 1000 if text < _SECONDS_BELOW else text, _LATEST_MS)


@dataclass(frozen=True)
class Schedule:
    """The schedule of a dataflow."""

    start_ms: int
    period_ms: int | None
    """None: once."""
    backfill: bool

    def first(self, now_ms: int) -> int:
        """Return the time of the first run in epoch milliseconds. A time in the past is due at once [I]."""
        return max(self.start_ms, now_ms)

    def after(self, moment_ms: int) -> int | None:
        """Return the first scheduled time after ``moment``, or None for a one-time schedule."""
        if self.period_ms is None:
            return None
        steps = (moment_ms - self.start_ms) // self.period_ms + 1
        return self.start_ms + max(steps, 0) * self.period_ms

    def due(self, next_ms: int, now_ms: int, most: int) -> list[int]:
        """Return the due times from ``next_ms`` on, oldest first: the last ``most`` of them."""
        if next_ms > now_ms:
            return []
        if self.period_ms is None:
            return [next_ms]
        grid = self.after(next_ms)
        assert grid is not None
        count = (now_ms - grid) // self.period_ms + 1 if grid <= now_ms else 0
        kept = range(max(count + 1 - max(most, 1), 0), count + 1)
        return [next_ms if step == 0 else grid + (step - 1) * self.period_ms for step in kept]

    def window(self, covered_ms: int | None, at_ms: int, backfill_days: int) -> Window:
        """Return the time window of a run's data: from the end of the previous window; the first window begins at the backfill or start time."""
        if covered_ms is not None:
            return covered_ms, at_ms
        if self.backfill:
            return max(at_ms - backfill_days * _UNITS_MS["day"], 0), at_ms
        # "Only the files that are loaded in between the first run of ingestion and the start time" (OAS).
        return min(self.start_ms, at_ms), max(at_ms, self.start_ms + 1)


def read_schedule(given: object, settings: AepSettings, *, created_ms: int = 0) -> Schedule:
    """Return the schedule of a dataflow's ``scheduleParams``. Raises FlowServiceError.

    ``created_ms``: no start may be before it.
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


def kept_schedule(params: JsonObject) -> Schedule:
    """Return the schedule of stored ``scheduleParams``, without the checks of settings that may have changed since."""
    frequency = str(params["frequency"]).lower()
    period = None if frequency == "once" else int(params["interval"]) * _UNITS_MS[frequency]
    backfill = str(params.get("backfill", True)).lower() == "true"
    return Schedule(epoch_ms(params["startTime"], "startTime"), period, backfill)


def _period(given: JsonObject, frequency: str, settings: AepSettings) -> int | None:
    interval = given.get("interval")
    if frequency == "once":
        if interval is not None and settings.flow_schedule_rules == "spec":
            raise invalid("scheduleParams.interval is not allowed when frequency is once")
        return None
    text = str(interval).strip() if isinstance(interval, int | str) and not isinstance(interval, bool) else ""
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(_MOST_INTERVAL))):
        raise invalid("scheduleParams.interval must be a whole number")
    # The flow spec requires 15 for minutes only; the tutorial, for every frequency but once.
    least = _LEAST if frequency == "minute" or settings.flow_schedule_rules == "tutorial" else 1
    if int(text) < least:
        raise invalid(f"scheduleParams.interval must be at least {least}")
    return int(text) * _UNITS_MS[frequency]


def _backfill(given: JsonObject, frequency: str, settings: AepSettings) -> bool:
    """Return ``backfill``: a text in the samples, a boolean in the specification; true by default."""
    value = given.get("backfill")
    if value is None:
        return True
    if frequency == "once" and settings.flow_schedule_rules == "spec":
        raise invalid("scheduleParams.backfill is not allowed when frequency is once")
    text = str(value).lower()
    if not isinstance(value, bool | str) or text not in ("true", "false"):
        raise invalid("scheduleParams.backfill must be true or false")
    return text == "true"
