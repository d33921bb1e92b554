"""A Mixpanel project and a lake for tests of exports of several days at once."""

from __future__ import annotations

import gzip
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from include.errors import (
    PipelineError,
)
from include.lake.lake import Lake
from include.lake.manifest import Manifest
from include.mixpanel.backfill_plan import Window, cell_of
from include.mixpanel.export_stream import ExportStream
from include.mixpanel.raw_file import read_lines
from include.steps.export.step import export_partition
from include.steps.export.window_export import FetchAhead
from include.steps.export.window_lease import WindowLease
from include.steps.workspace import Workspace
from tests.support.builders import SOURCE, event, line, workspace
from tests.support.export_streams import opened
from tests.support.fake_clock import FakeClock

FIRST = date(2026, 3, 1)


MONTH = [FIRST + timedelta(days=number) for number in range(30)]


CHANGES: dict[str, Any] = {"start_date": "2026-03-01"}


NOW = datetime(2026, 7, 3, tzinfo=UTC).timestamp()


def lines_of(day: date, count: int = 3) -> list[bytes]:
    """Events of a day, with characters that other tools take for line ends."""
    noon = int(datetime(day.year, day.month, day.day, 12, tzinfo=UTC).timestamp())
    return [
        line(event(time=noon + n, **{"$insert_id": f"{day}-{n}", "text": "a\u2028b"})) for n in range(count)
    ]


@dataclass
class Project:
    """A Mixpanel project: its lines by day; ``faults`` are raised by the next exports, after some lines."""

    days: dict[date, list[bytes]]
    faults: list[PipelineError | None] = field(default_factory=list)
    asked: list[Window] = field(default_factory=list)
    cut: bool = False
    """The responses end in the middle of their gzip data."""

    @contextmanager
    def export(self, from_date: date, to_date: date, **options: Any) -> Iterator[ExportStream]:
        window = Window(from_date, to_date)
        self.asked.append(window)
        fault = self.faults.pop(0) if self.faults else None
        if fault is not None:
            raise fault
        lines = [text for day in window.days for text in self.days.get(day, ())]
        random.Random(1).shuffle(lines)  # rows come shard by shard
        body = gzip.compress(b"".join(text + b"\n" for text in lines))
        yield opened([body[:-20] if self.cut else body], Content_Encoding="gzip")


def place(lake: Lake, day: date, clock: FakeClock, **changes: Any) -> Workspace:
    return workspace(lake, day, clock.clock, **{**CHANGES, **changes})


def export(
    lake: Lake, day: date, project: Project, clock: FakeClock, run: str = "dag/run", **changes: Any
) -> Manifest:
    """The export of a backfill's day."""
    return export_partition(place(lake, day, clock, **changes), SOURCE, project, ahead=FetchAhead(run))


def stored(lake: Lake, day: date, clock: FakeClock, manifest: Manifest, scratch: Path) -> list[bytes]:
    scratch.mkdir(parents=True, exist_ok=True)
    return list(read_lines(place(lake, day, clock).local_files(manifest, scratch)))


def exported_days(lake: Lake) -> list[str]:
    return sorted({key.split("/")[1] for key in lake.keys("shop") if key.endswith("/manifest.json")})


def lease(lake: Lake, clock: FakeClock, day: date = FIRST) -> WindowLease:
    return WindowLease(lake, "shop", cell_of(day, FIRST, 30), clock.clock)
