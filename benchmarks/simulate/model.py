"""What is assumed: volumes, speeds, faults, prices. Each figure has its source."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

PRICES = Path(__file__).with_name("prices.json")
GB = 1e9


@dataclass(frozen=True)
class Workload:
    """Pipelines with years of history, in daily operation from the first day on."""

    pipelines: int = 50
    pipelines_a_project: int = 2
    history_days: int = 3 * 365
    events_a_day: float = 1_000_000.0
    """The median of the pipelines' daily events; their sizes are spread over a factor of about fifty."""
    profile_pipelines: int = 5
    """Pipelines whose dataset is enabled for Profile."""
    late_days: int = 5
    window_days: int = 30
    after_days: int = 7
    """Days of daily operation that are simulated after the last day of history was loaded."""
    seed: int = 1


@dataclass(frozen=True)
class Figures:
    """Measured figures: docs/performance.md, for two cores; bytes from ``python -m benchmarks.growth``."""

    raw_bytes: float = 104.0
    """Compressed bytes of an exported event."""
    staged_ratio: float = 1.31
    """Bytes of transform's Parquet files, which are also the staged files, for each byte of the export."""
    ids_ratio: float = 0.41
    """Bytes of the ids, which are kept, for each byte of the export; transform's list of events has about the same size."""
    superseded_days: int = 7
    """So long after the load the staged files are kept."""
    manifest_bytes: float = 25_000.0
    stream_bytes_a_second: float = 10e6
    """Mixpanel's rate for one export, compressed: not documented, assumed."""
    first_byte_seconds: float = 60.0
    split_events_a_second: float = 150_000.0
    step_events_a_second: float = 80_000.0
    """Transform to staged rows, on two cores."""
    step_overhead_seconds: float = 25.0
    """The starts of five tasks."""
    upload_bytes_a_second: float = 25e6
    aep_seconds: float = 300.0
    workers: int = 16
    """Days that are processed at the same time, with two cores each."""
    backfill_runs: int = 10
    """Airflow's ``max_active_runs`` of a backfill."""


@dataclass(frozen=True)
class Faults:
    """How many requests and tasks fail.

    All shares, and the Retry-After, are assumptions: neither Mixpanel nor Adobe publishes how often a response is
    truncated, an export is rejected or a batch is refused. They are high on purpose.
    """

    truncated: float = 0.02
    """Assumed. Users report exports that end early, without numbers."""
    too_many_requests: float = 0.01
    """Assumed: 429 although the budget has admitted the request, because other programs use the project too."""
    worker_killed: float = 0.005
    """Assumed: of the exports, and of the days from transform to stage."""
    batch_refused: float = 0.005
    """Assumed."""
    retry_after_seconds: float = 300.0
    """Assumed. Mixpanel documents the header, and no value."""
    noticed_after_seconds: float = 334.0
    """Until Airflow notices that a worker was killed: measured with Celery, at its default heartbeat timeout of 300 s."""


@dataclass
class Volumes:
    """Events of each pipeline and day: lognormal sizes, a weekly rhythm, growth of a third a year."""

    workload: Workload
    first: date
    _medians: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        rng = random.Random(self.workload.seed)  # noqa: S311 - a simulation
        self._medians = [
            self.workload.events_a_day * rng.lognormvariate(0, 1.0) for _ in range(self.workload.pipelines)
        ]

    def events(self, pipeline: int, day: date) -> float:
        """Return the events of a day."""
        week = 0.7 if day.weekday() >= 5 else 1.1
        years = (day - self.first).days / 365
        return float(self._medians[pipeline] * week * 1.33 ** (years - 3))


def days(first: date, number: int) -> list[date]:
    """Return consecutive days."""
    return [first + timedelta(days=n) for n in range(number)]


def prices() -> Mapping[str, float]:
    """Read the list prices, in US dollars."""
    found: dict[str, float] = json.loads(PRICES.read_text())["prices"]
    return found
