"""Time zones as Adobe's Mixpanel source expects them: by their Windows names, such as ``Pacific Standard Time``."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

from tzlocal.windows_tz import tz_win, win_tz

_EARLIEST = date(2000, 1, 1)
"""Mixpanel accepts no earlier day."""


def zone(name: str) -> ZoneInfo | None:
    """Return the zone of a Windows name, or of an IANA name, which Adobe never mentions [I]; None if it is unknown."""
    try:
        return ZoneInfo(win_tz.get(name, name))
    except (KeyError, OSError, ValueError):
        return None


def are_same(name: str, iana: str) -> bool:
    """Return whether a Windows or IANA zone name is the same zone as the project's IANA name.

    A Windows name stands for several IANA zones: W. Europe Standard Time for Berlin and Rome.
    """
    known = win_tz.get(name, name)
    return known == iana or (iana in tz_win and tz_win.get(known) == tz_win[iana])


def days(start_ms: int, end_ms: int, where: ZoneInfo, now_ms: int) -> tuple[date, date] | None:
    """Return first and last calendar day of a window of instants, its end exclusive; None without a day.

    Mixpanel exports whole days only, and none in the future. So do the runs of a minute or an hour [I].
    """
    last_ms = min(end_ms - 1, now_ms)
    if start_ms > last_ms:
        return None
    first, last = (datetime.fromtimestamp(ms / 1000, where).date() for ms in (max(start_ms, 0), last_ms))
    return (max(first, _EARLIEST), last) if last >= _EARLIEST else None
