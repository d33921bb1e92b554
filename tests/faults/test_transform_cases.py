"""What one day of three events cannot show of transform: days of odd length, and a large day with invalid events.

``NIGHTLY=1`` makes the large day a million events.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from include.lake.lake import Lake
from include.steps.export.step import export_partition
from include.steps.transform import transform_partition
from include.xdm.mapping.mapping_set import bind
from tests.faults.checker import EXACT, compared
from tests.faults.environment import FaultEnvironment
from tests.faults.process_run import Run
from tests.support.builders import NOON, SOURCE, row, schema, workspace

PROJECT = Path(__file__).parents[2]
EVENT = b'{"event":"A","properties":{"time":%d,"distinct_id":"u","$insert_id":"%d","x":%s}}'
ROWS = int(float(os.environ.get("NIGHTLY") or 0) * 1_000_000) or 30_000
MOST_MORE_KILOBYTES = 60_000
ZONE = "America/Los_Angeles"
ODD_DAYS = {
    date(2024, 2, 29): (datetime(2024, 2, 29, 8, tzinfo=UTC), 24),
    date(2025, 3, 9): (datetime(2025, 3, 9, 8, tzinfo=UTC), 23),
    date(2025, 11, 2): (datetime(2025, 11, 2, 7, tzinfo=UTC), 25),
    date(2025, 12, 31): (datetime(2025, 12, 31, 8, tzinfo=UTC), 24),
    date(2026, 1, 1): (datetime(2026, 1, 1, 8, tzinfo=UTC), 24),
}
"""The first instant of a day in Los Angeles, and how many hours it has."""


@pytest.mark.sandbox
def test_odd_days_hold_each_event_once(stage: FaultEnvironment) -> None:
    """An event in every hour, in the first second and in the last: all of them are active, each on its day."""
    source = {"time_is": "project_local", "timezone": ZONE}
    scenario = stage.scenario("odd days", mixpanel=source, start_date=date(2024, 1, 1))
    stage.post("/mixpanel/projects", {"id": scenario.project_id, **source})
    instants = {day: _instants(*odd) for day, odd in ODD_DAYS.items()}
    # Each with its own id: in autumn the wall clock's reading, which is the event's time, occurs twice.
    scenario.add(*(
        {"event": "Odd", "at": at.isoformat(), "processed_at": at.isoformat(),
         "properties": {"distinct_id": "u", "$user_id": "u", "$insert_id": f"{at:%m%d-%H%M%S}",
                        "$mp_api_timestamp_ms": int(at.timestamp() * 1000)}}
        for day in instants.values() for at in day
    ))  # fmt: skip
    for day, expected in instants.items():
        before = Counter(scenario.active())
        assert str(scenario.tried(Run(day=day))) == "green"
        assert len(Counter(scenario.active()) - before) == len(expected), day
    assert compared(scenario) == EXACT
    scenario.discard()


def _instants(first: datetime, hours: int) -> list[datetime]:
    every_hour = [first + timedelta(hours=hour) for hour in range(hours)]
    return [*every_hour, first + timedelta(hours=hours, seconds=-1)]


@pytest.mark.unit
def test_invalid_events_in_a_large_day_are_quarantined_in_constant_memory(tmp_path: Path) -> None:
    """One quarantined row each; and the day needs hardly more memory than it does without them."""
    found = {}
    for poison in (False, True):
        code = (
            f"from tests.faults.test_transform_cases import large_day; large_day({poison}, {str(tmp_path)!r})"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, timeout=1800
        )
        assert done.returncode == 0, done.stderr
        found[poison] = json.loads(done.stdout)
    assert found[False]["counts"] == [ROWS, ROWS, 0]
    assert found[True]["counts"] == [ROWS + 2, ROWS, 2]
    assert found[True]["reasons"] == {"nested_too_deep": 1, "row_too_large": 1}
    assert found[True]["kilobytes"] - found[False]["kilobytes"] < MOST_MORE_KILOBYTES, found


def large_day(poison: bool, folder: str) -> None:
    """Export and transform a large day and return the result; runs in a separate process."""
    scenario = workspace(Lake(f"file://{folder}/{poison}"))
    mapping = bind("test.json", [row("event", "eventType")], schema(), keep_unmapped=True)
    raw = export_partition(scenario, SOURCE, Large(poison))
    made = transform_partition(scenario, raw, schema(), mapping)
    counts = [made.counts[name] for name in ("exported", "mapped", "quarantined")]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"counts": counts, "reasons": made.details["reasons"], "kilobytes": peak}))


class Large:
    """A Mixpanel client that streams its day; the invalid events are in the middle."""

    def __init__(self, poison: bool) -> None:
        self.poison = poison

    @contextmanager
    def export(self, from_date: date, to_date: date, **options: Any) -> Iterator[Iterator[bytes]]:
        yield self._lines()

    def _lines(self) -> Iterator[bytes]:
        for number in range(ROWS):
            yield EVENT % (NOON, number, b'"' + b"x" * 100 + b'"')
            if self.poison and number == ROWS // 2:
                yield EVENT % (NOON, -1, b"[" * 10_000 + b"]" * 10_000)
                yield EVENT % (NOON, -2, b'"' + b"x" * 5_000_000 + b'"')
