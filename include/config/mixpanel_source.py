"""The section ``mixpanel:`` of a pipeline file: the project, its time convention, and the exported events."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

# A connection's id becomes the name of an environment variable and a part of an asset's URI.
ConnectionId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,200}$")]


def iana_name(name: object) -> str:
    """Return the IANA name of a time zone given as IANA ("Europe/Berlin") or Windows name ("Pacific Standard Time")."""
    from tzlocal.windows_tz import win_tz  # Adobe's Mixpanel source uses Windows zone names

    if not isinstance(name, str):
        raise ValueError(f"{name!r} is not a time zone; write a name like 'Europe/Berlin'")  # noqa: TRY004 - pydantic expects a ValueError
    known = _known_zones()
    if name in known:
        return name
    if name in win_tz:
        return win_tz[name]
    from difflib import get_close_matches

    near = get_close_matches(name, [*known, *win_tz], n=1, cutoff=0.5)
    raise ValueError(f"{name!r} is not a time zone" + (f"; did you mean {near[0]!r}?" if near else ""))


@cache
def _known_zones() -> frozenset[str]:
    """Return the time zones of this machine, cached: listing them takes longer than reading a pipeline file."""
    return frozenset(available_timezones())


class MixpanelSource(BaseModel):
    """The Mixpanel project, its time convention, and which of its events are exported."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    conn_id: ConnectionId = "mixpanel_default"
    timezone: Annotated[str, BeforeValidator(iana_name)]
    time_is: Literal["utc", "project_local"]
    events: tuple[str, ...] = ()
    where: str | None = None
    time_in_ms: bool = False
    backfill_window_days: int = Field(30, ge=1, le=90)
    """The most days that a backfill exports with one request; 1: every day has its own request."""

    @property
    def zone(self) -> ZoneInfo:
        """The project's time zone."""
        return ZoneInfo(self.timezone)

    @property
    def day_zone(self) -> ZoneInfo:
        """The zone in which Mixpanel counts this project's days (UTC for projects since 2023)."""
        return self.zone if self.time_is == "project_local" else ZoneInfo("UTC")
