"""Time zones by Windows names, such as ``Pacific Standard Time``, which Adobe's Mixpanel source expects."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

from tzlocal.windows_tz import tz_win, win_tz

_EARLIEST = date(2000, 1, 1)
"""The earliest day that Mixpanel's export accepts."""


def find_zone(name: str) -> ZoneInfo | None:
    """Return the time zone with a Windows name, or with an IANA name (assumed [I]), or None if the name is unknown."""
    try:
        return ZoneInfo(win_tz.get(name, name))
    except (KeyError, OSError, ValueError):
        return None


def are_same(name: str, iana: str) -> bool:
    """Return whether a Windows or IANA name means the same time zone as the IANA name of a project.

    A Windows name can mean several IANA zones, such as W. Europe Standard Time for Berlin and Rome.
    """
    converted = win_tz.get(name, name)
    return converted == iana or (iana in tz_win and tz_win.get(converted) == tz_win[iana])


def days_of_window(start_ms: int, end_ms: int, where: ZoneInfo, now_ms: int) -> tuple[date, date] | None:
    """Return the first and the last calendar day that an export must include for a time window, or None for no day.

    Days in the future and days that Mixpanel does not export are left out. Mixpanel exports complete days, so runs for
    minutes or hours export complete days as well (assumed [I]).

    Args:
        start_ms: The start of the window, in epoch milliseconds.
        end_ms: The end of the window, which is exclusive.
        where: The time zone of the days.
        now_ms: The current time, in epoch milliseconds.
    """
    last_ms = min(end_ms - 1, now_ms)
    if start_ms > last_ms:
        return None
    first, last = (datetime.fromtimestamp(ms / 1000, where).date() for ms in (max(start_ms, 0), last_ms))
    return (max(first, _EARLIEST), last) if last >= _EARLIEST else None
