"""The simulation: backfills of all pipelines and daily operation at the same time, with faults."""

from __future__ import annotations

import random
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import cast

from benchmarks.simulate.engine import Engine, Process, Slots
from benchmarks.simulate.memory_lake import MemoryLake
from benchmarks.simulate.model import Faults, Figures, Volumes, Workload, days
from include.aep.batch_budget import BatchBudget
from include.aep.profile_batches import MOST_BATCHES
from include.config.pools import POOLS
from include.errors import Throttled
from include.lake.lake import Lake
from include.mixpanel.backfill_plan import Window, WindowLimits, cells, halved_window_size, plan_windows
from include.mixpanel.export_budget import ExportBudget

START = datetime(2026, 1, 1, 6, tzinfo=UTC)
_DAY = 86_400.0
_SLOTS = {pool.name: pool.slots for pool in POOLS}
_LAKE_WRITES_A_DAY, _LAKE_READS_A_DAY = 30, 120
"""Requests of the steps for a loaded day, without listings."""


@dataclass
class Outcome:
    """What was observed, as moments in seconds since the start."""

    requests: dict[int, list[float]] = field(default_factory=lambda: defaultdict[int, list[float]](list))
    """Requests that Mixpanel counted, by project."""
    backfill_requests: int = 0
    batches: list[tuple[float, float, bool]] = field(default_factory=list)
    """Each batch: when, bytes, and whether its dataset is enabled for Profile."""
    loaded: dict[tuple[int, date], float] = field(default_factory=dict)
    """When each day was loaded, by pipeline and day."""
    loads: Counter[tuple[int, date]] = field(default_factory=Counter)
    exported: Counter[tuple[int, date]] = field(default_factory=Counter)
    raw_bytes: dict[tuple[int, date], float] = field(default_factory=dict)
    finished: dict[int, float] = field(default_factory=dict)
    """When the history of a pipeline was loaded."""
    daily_delays: list[float] = field(default_factory=list)
    """From the end of a day to its load, in daily operation."""
    core_seconds: float = 0.0
    lake: Counter[str] = field(default_factory=Counter)
    truncated: int = 0
    retries: int = 0

    def most_in(self, moments: Sequence[float], seconds: float) -> int:
        """Return the most moments in any window of ``seconds``; moments are sorted first."""
        ordered = sorted(moments)
        return max(
            (n + 1 - bisect_left(ordered, at - seconds + 1e-3) for n, at in enumerate(ordered)), default=0
        )


@dataclass
class Simulation:
    """Runs a workload until its history is loaded, and some days of daily operation after that."""

    workload: Workload
    figures: Figures = field(default_factory=Figures)
    faults: Faults = field(default_factory=Faults)

    def __post_init__(self) -> None:
        self.engine = Engine(START.timestamp())
        self.outcome = Outcome()
        self.memory = MemoryLake()
        lake = cast(Lake, self.memory)
        self.first = START.date() - timedelta(days=self.workload.history_days)
        self.history = days(self.first, self.workload.history_days)
        self.volumes = Volumes(self.workload, self.first)
        self.rng = random.Random(self.workload.seed)  # noqa: S311 - a simulation
        projects = range(-(-self.workload.pipelines // self.workload.pipelines_a_project))
        self.exports = {
            each: ExportBudget(lake, each + 1, self.engine.clock, patience_seconds=0.0) for each in projects
        }
        self.aep = BatchBudget(lake, "org@AdobeOrg", "prod", self.engine.clock)
        self.pools = {name: Slots(self.engine, count) for name, count in _SLOTS.items()}
        self.turns = {is_profile: Slots(self.engine, 1) for is_profile in (True, False)}
        """Of the backfills that wait for AEP's guardrails, one tries at a time; it saves computing time here."""
        self.workers = Slots(self.engine, self.figures.workers)
        self.scheduled = min(
            MOST_BATCHES - 1, self.workload.profile_pipelines * (1 + self.workload.late_days)
        )

    def run(self) -> Outcome:
        """Run the simulation; return what was observed."""
        for pipeline in range(self.workload.pipelines):
            self.engine.start(self._backfill(pipeline), pipeline * 5.0)
            self.engine.start(self._daily(pipeline), pipeline * 5.0)
        most_days = 20 * 365
        for _ in range(most_days):
            self.engine.run(self.engine.now + _DAY)
            if len(self.outcome.finished) == self.workload.pipelines:
                break
        self.engine.run(self.engine.now + self.workload.after_days * _DAY)
        self.outcome.lake += self.memory.requests
        return self.outcome

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return self.engine.now - START.timestamp()

    def _project(self, pipeline: int) -> int:
        return pipeline // self.workload.pipelines_a_project

    def _backfill(self, pipeline: int) -> Process:
        limits = WindowLimits().limited_to(self.workload.window_days)
        known: dict[date, int] = {}
        running = Slots(self.engine, self.figures.backfill_runs)
        left = [len(self.history)]
        for _, some in cells(self.history, self.first, limits.most_days):
            missing, most = list(some), limits.most_days
            while missing:
                window = plan_windows(missing, known, limits.limited_to(most))[0]
                fetched: list[bool] = []
                yield from self._export(pipeline, window, fetched)
                self.outcome.backfill_requests += 1
                if not fetched:
                    most = halved_window_size(len(window))
                    continue
                missing = [day for day in missing if day not in window]
                for day in window.days:
                    known[day] = int(self.outcome.raw_bytes[pipeline, day])
                    yield from running.enter()
                    self.engine.start(self._backfilled_day(pipeline, day, running, left))

    def _backfilled_day(self, pipeline: int, day: date, running: Slots, left: list[int]) -> Process:
        yield from self._load(pipeline, day, self._events(pipeline, day), backfill=True)
        running.leave()
        left[0] -= 1
        if not left[0]:
            self.outcome.finished[pipeline] = self.seconds

    def _daily(self, pipeline: int) -> Process:
        """Each day: the day that has settled, and the days before it again, with one request for each."""
        today = START.date()
        while True:
            self.engine.start(self._day_and_refresh(pipeline, today))
            today += timedelta(days=1)
            yield _DAY

    def _day_and_refresh(self, pipeline: int, today: date) -> Process:
        ended, began = self.seconds, today - timedelta(days=1)
        if began >= START.date():
            yield from self._until_exported(pipeline, Window(began, began))
            yield from self._load(pipeline, began, self._events(pipeline, began))
            self.outcome.daily_delays.append(self.seconds - ended)
        first = max(self.first, began - timedelta(days=self.workload.late_days - 1))
        if self.workload.late_days and (pipeline, first) in self.outcome.loaded:
            yield from self._until_exported(pipeline, Window(first, began))
            for day in Window(first, began).days:
                yield from self._load(pipeline, day, self._events(pipeline, day) * 0.001, late=True)
        yield from self._until_exported(pipeline, None)  # what changed before that window

    def _until_exported(self, pipeline: int, window: Window | None) -> Process:
        fetched: list[bool] = []
        while not fetched:
            yield from self._export(pipeline, window, fetched)

    def _export(self, pipeline: int, window: Window | None, fetched: list[bool]) -> Process:
        """Send one request, until Mixpanel accepts it; ``fetched`` gets an item if the response is complete."""
        figures, budget = self.figures, self.exports[self._project(pipeline)]
        slots = self.pools["mixpanel_export"]
        while True:
            yield from self._admitted(budget.acquire)
            if self.rng.random() >= self.faults.too_many_requests:
                break
            budget.pause(self.faults.retry_after_seconds)
            self.outcome.retries += 1
        self.outcome.requests[self._project(pipeline)].append(self.seconds)
        yield from slots.enter()
        events = sum(self._events(pipeline, day) for day in window.days) if window else 0.0
        size = events * figures.raw_bytes
        seconds = figures.first_byte_seconds + max(
            size / figures.stream_bytes_a_second, events / figures.split_events_a_second
        )
        self.outcome.core_seconds += events / figures.split_events_a_second
        if self.rng.random() < self.faults.worker_killed:
            yield seconds * self.rng.random() + self.faults.noticed_after_seconds
            self.outcome.retries += 1
        elif self.rng.random() < self.faults.truncated:
            yield seconds * self.rng.random()
            self.outcome.truncated += 1
        else:
            yield seconds
            fetched.append(True)
            for day in window.days if window else ():
                self.outcome.exported[pipeline, day] += 1
                self.outcome.raw_bytes.setdefault(
                    (pipeline, day), self._events(pipeline, day) * figures.raw_bytes
                )
        slots.leave()

    def _load(
        self, pipeline: int, day: date, events: float, *, backfill: bool = False, late: bool = False
    ) -> Process:
        """Transform to ingest. ``late``: a few rows of a day that is loaded."""
        figures = self.figures
        yield from self.workers.enter()
        seconds = figures.step_overhead_seconds + events / figures.step_events_a_second
        while self.rng.random() < self.faults.worker_killed:
            self.outcome.retries += 1
            yield (
                seconds * self.rng.random()
                + figures.step_overhead_seconds
                + self.faults.noticed_after_seconds
            )
        yield seconds
        self.outcome.core_seconds += 2 * seconds
        self.workers.leave()
        size = events * figures.raw_bytes * figures.staged_ratio
        is_profile = pipeline < self.workload.profile_pipelines
        slots, turns = self.pools["aep_ingest"], self.turns[is_profile]
        while True:
            if backfill:
                scheduled = self.scheduled if is_profile else None
                yield from turns.enter()
                yield from self._admitted(partial(self.aep.acquire_backfill, int(size), scheduled), slots)
                turns.leave()
            else:
                yield from self._admitted(partial(self.aep.acquire, int(size)), slots)
            self.outcome.batches.append((self.seconds, size, is_profile))
            yield size / figures.upload_bytes_a_second
            slots.leave()
            yield figures.aep_seconds
            if self.rng.random() >= self.faults.batch_refused:
                break
            self.outcome.retries += 1
        self.outcome.lake.update(write=_LAKE_WRITES_A_DAY, read=_LAKE_READS_A_DAY)
        if not late:
            self.outcome.loads[pipeline, day] += 1
            self.outcome.loaded[pipeline, day] = self.seconds

    def _admitted(self, acquire: Callable[[], None], slots: Slots | None = None) -> Process:
        """Wait as the task would that is deferred: it has a slot of its pool only while it runs, and keeps it then."""
        while True:
            if slots is not None:
                yield from slots.enter()
            try:
                acquire()
                return
            except Throttled as throttled:
                if slots is not None:
                    slots.leave()
                yield throttled.wait_seconds + self.rng.uniform(0.1, 5.0)

    def _events(self, pipeline: int, day: date) -> float:
        return self.volumes.events(pipeline, day)


def run(workload: Workload, figures: Figures, faults: Faults) -> Outcome:
    """Run a simulation; a function, so that another process can call it."""
    return Simulation(workload, figures, faults).run()


def lake_bytes(outcome: Outcome, figures: Figures, raw_days: int | None, at: Iterable[float]) -> list[float]:
    """Return the bytes of the lake at some moments, under a retention of the exports."""
    found = []
    for moment in at:
        total = 0.0
        for each, loaded in outcome.loaded.items():
            age = (moment - loaded) / _DAY
            if age < 0:
                continue
            raw = outcome.raw_bytes[each]
            total += raw * figures.ids_ratio + figures.manifest_bytes
            total += raw if raw_days is None or age < raw_days else 0.0
            is_kept = age < figures.superseded_days + 1
            total += raw * (figures.staged_ratio + figures.ids_ratio) if is_kept else 0
        found.append(total)
    return found
