"""The section ``mixpanel:`` of a pipeline file: the connection, the project's time zone, and the events to export."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

# A connection's id becomes the name of an environment variable and a part of an asset's URI.
ConnectionId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,200}$")]


def iana_name(name: object) -> str:
    """Return the IANA name of a time zone, from its IANA name or its Windows name such as "Pacific Standard Time".

    Raises:
        ValueError: the zone is unknown; the message names the most similar one.
    """
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
    """Return the IANA names of all time zones; cached, because it takes longer than reading a pipeline file."""
    return frozenset(available_timezones())


class MixpanelSource(BaseModel):
    """The section ``mixpanel:`` of a pipeline file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    conn_id: ConnectionId = "mixpanel_default"
    timezone: Annotated[str, BeforeValidator(iana_name)]
    """The IANA name of the project's time zone."""
    time_is: Literal["utc", "project_local"]
    """Whether the property ``time`` of an event is in UTC, or is the wall-clock time of ``timezone``."""
    events: tuple[str, ...] = ()
    """The names of the events to export; empty: all events."""
    where: str | None = None
    """A filter expression of Mixpanel's Export API; None: no filter."""
    time_in_ms: bool = False
    """Whether Mixpanel is requested to return ``time`` in milliseconds."""
    backfill_window_days: int = Field(30, ge=1, le=90, strict=True)
    """The largest number of days that a backfill exports with one request; 1: one request for each day."""

    @property
    def zone(self) -> ZoneInfo:
        """The time zone that ``timezone`` names."""
        return ZoneInfo(self.timezone)

    @property
    def day_zone(self) -> ZoneInfo:
        """The time zone in which Mixpanel counts the project's days: ``timezone``, or UTC if ``time_is`` is ``utc``."""
        return self.zone if self.time_is == "project_local" else ZoneInfo("UTC")
