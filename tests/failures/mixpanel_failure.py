"""A failure of an export from Mixpanel, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from tests.failures.failure import DAY, NEXT_MORNING, THREE, Failure, Json


@dataclass(frozen=True)
class MixpanelFailure(Failure):
    """What the project holds, how it is requested, and what is published.

    ``exported``: lines published by the export step, over all days; None for nothing. ``active``: all five steps are
    run, and AEP then holds so many events; the others are in quarantine (``quarantined``: reason and count) or were
    ``duplicates``. ``instants``: the timestamps at AEP. ``kept``: texts in the rows at AEP.
    """

    holds: tuple[Json, ...] = THREE
    project: Mapping[str, Any] = field(default_factory=dict)
    connection: Mapping[str, Any] = field(default_factory=dict)
    source_settings: Mapping[str, Any] = field(default_factory=dict)
    """Keys of the section ``mixpanel`` of the pipeline file."""
    now: str = NEXT_MORNING
    days: tuple[date, ...] = (DAY,)
    runs: int = 1
    idle_seconds: float = 30.0
    requests: int = 1
    exported: int | None = 3
    active: int | None = None
    quarantined: Mapping[str, int] = field(default_factory=dict)
    duplicates: int = 0
    instants: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        assert (self.exported is not None) == self.succeeds, f"{self.id}: published, or failed"
