"""Reads what the board shows about a pipeline's days from the lake, and caches it in the web server's process.

It reads the board's index once a minute, and the ledgers only of days whose runs have ended since the index was
written. It does not list the objects of the lake, which would take long.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, datetime
from threading import Lock

from include.board.facts import DayFacts
from include.board.index import BoardIndex, decode_index, first_seen, read_body, read_or_explain
from include.clock import Clock
from include.config.model import Pipeline
from include.errors import BadManifest
from include.lake.history import History, Source, Target, targets_of_pipeline
from include.lake.lake import Lake
from include.lake.ledger import LedgerRecord
from include.mixpanel.export_budget import ExportBudget

_INDEX_SECONDS = 60.0
_HISTORY_SECONDS = 300.0
_FIRST_HISTORY_SECONDS = 5.0
"""The interval at which a pipeline's history is searched while it does not exist; the first load creates it."""
_MAX_DAYS = 40
"""How many days one call reads from the lake at most, the newest first; further calls read the others."""
_POOL = ThreadPoolExecutor(8, thread_name_prefix="board")


@dataclass(frozen=True)
class PipelineFacts:
    """What was read from the lake about a pipeline and its days."""

    target: Target | None = None
    """The dataset; None if nothing was loaded yet."""
    index: BoardIndex = field(default_factory=BoardIndex)
    """The board's index, with the last audit."""
    days: Mapping[date, DayFacts] = field(default_factory=dict)
    """The newest facts about each day that has a ledger."""
    properties: Mapping[str, str] = field(default_factory=dict)
    """The properties without a mapping, each with the first day that has it."""
    unread: frozenset[date] = frozenset()
    """The days whose runs have ended and whose ledgers have not been read since then."""
    histories: int = 0
    """The number of histories of the pipeline; there are several if it was loaded into several datasets."""
    exports: int | None = None
    """The number of exports of the Mixpanel project in the last hour; None if nothing was loaded yet."""


class FactsReader:
    """Reads the facts about one pipeline's days from a lake, and caches them. Several threads may use it."""

    def __init__(self, lake: Lake, pipeline: Pipeline, clock: Clock) -> None:
        self.lake, self._pipeline, self._clock = lake, pipeline, clock
        self._lock = Lock()
        self._histories: list[History] = []
        self._history_at = self._index_at = float("-inf")
        self._index, self._body = BoardIndex(), b""
        self._budget: ExportBudget | None = None
        self._ticket = 0
        self._exports: int | None = None
        self._read: dict[date, tuple[datetime, DayFacts]] = {}

    def listed_at(self) -> datetime | None:
        """Return the time up to which the index contains all records of the ledgers; None if it is missing.

        Raises:
            PipelineError: the lake cannot be read, or a record in it is invalid.
        """
        with self._lock:
            self._refresh()
            return datetime.fromisoformat(self._index.listed_at) if self._index.listed_at else None

    def read(self, ended: Mapping[date, datetime]) -> PipelineFacts:
        """Return the facts about all days of the pipeline, after reading the ledgers of days that may have changed.

        Args:
            ended: when the last run of each day ended, for the days that have runs in Airflow.

        Raises:
            PipelineError: the lake cannot be read, or a record in it is invalid.
        """
        with self._lock:
            self._refresh()
            if not self._histories:
                return PipelineFacts()
            history = self._histories[0]
            outdated = self._outdated_days(ended)
            selected = outdated[:_MAX_DAYS]
            read = _POOL.map(lambda day: read_or_explain(history, self._pipeline.name, day), selected)
            for day, facts in zip(selected, read, strict=True):
                self._read[day] = ended[day], facts
            return self._facts(history, frozenset(outdated[_MAX_DAYS:]))

    def fresh_day(self, day: date) -> DayFacts | None:
        """Return the facts about a day, read from the lake and not from the cache; None if the day has no ledger."""
        with self._lock:
            self._refresh()
            history = self._histories[0] if self._histories else None
        found = read_or_explain(history, self._pipeline.name, day) if history is not None else None
        return found if found is not None and (found.number or found.trouble) else None

    def ledger(self, day: date) -> list[LedgerRecord]:
        """Return the records of a day's ledger, oldest first; an empty list if the ledger is missing or invalid."""
        with self._lock:
            self._refresh()
            history = self._histories[0] if self._histories else None
        try:
            return history.ledger(day).records() if history is not None else []
        except BadManifest:  # the facts of the day contain the reason
            return []

    def _outdated_days(self, ended: Mapping[date, datetime]) -> list[date]:
        """Return the days whose runs have ended since their ledgers were last read, newest first."""
        listed = datetime.fromisoformat(self._index.listed_at) if self._index.listed_at else None
        found = [
            day
            for day, at in ended.items()
            if (listed is None or at >= listed) and (day not in self._read or self._read[day][0] < at)
        ]
        return sorted(found, reverse=True)

    def _facts(self, history: History, unread: frozenset[date]) -> PipelineFacts:
        days = {date.fromisoformat(day): facts for day, facts in self._index.days.items()}
        for day, (_, facts) in self._read.items():
            if day not in days or facts.number >= days[day].number:
                days[day] = facts
        days = {day: facts for day, facts in days.items() if facts.number or facts.trouble}
        read = {str(day): facts.properties for day, (_, facts) in self._read.items()}
        properties = first_seen(self._index.properties, read)
        return PipelineFacts(
            history.target, self._index, days, properties, unread, len(self._histories), self._exports
        )

    def _refresh(self) -> None:
        """Search the pipeline's histories and read the index, if the last time was long enough ago."""
        now = self._clock.seconds()
        if now - self._history_at > (_HISTORY_SECONDS if self._histories else _FIRST_HISTORY_SECONDS):
            self._histories = self._find_histories()
            self._history_at = now
        if self._histories and now - self._index_at > _INDEX_SECONDS:
            body = read_body(self._histories[0])
            if body != self._body:  # decoding an index of three years takes much longer than reading it
                self._index, self._body = decode_index(body), body
            self._index_at = now
            self._count_exports()

    def _count_exports(self) -> None:
        """Count the exports of the Mixpanel project in the last hour, by the records of its rate limit."""
        if self._budget is None and (source := self._histories[0].bound_source()) is not None:
            self._budget = ExportBudget(self.lake, source.project_id, self._clock)
        if self._budget is not None:
            self._ticket = self._budget.newest(self._ticket)
            self._exports = self._budget.used(self._ticket)

    def _find_histories(self) -> list[History]:
        """Return the pipeline's histories: first that of the dataset id in the pipeline file, then the newest first."""
        names = [self._pipeline.name, *filter(None, [self._pipeline.aep.formerly])]
        targets = [target for name in names for target in targets_of_pipeline(self.lake, name)]
        # The source is needed only to bind a history, which the board never does.
        found = [History(self.lake, Source("us", 0), target) for target in targets]
        if len(found) > 1:
            dataset = self._pipeline.aep.dataset
            newest = {each.target: self._newest(each) for each in found}
            found.sort(
                key=lambda each: (each.target.dataset_id == dataset, newest[each.target]), reverse=True
            )
        return found

    def _newest(self, history: History) -> datetime:
        return self.lake.modified(history.key("history"))
