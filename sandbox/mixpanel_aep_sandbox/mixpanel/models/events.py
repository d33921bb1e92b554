"""The events of all projects: demo data, and events that were added."""

from __future__ import annotations

import sqlite3
import threading
import zlib
from collections.abc import Iterable, Iterator
from datetime import date
from functools import lru_cache
from pathlib import Path

from mixpanel_aep_sandbox import demo_data as data
from mixpanel_aep_sandbox.core.state import SandboxState
from mixpanel_aep_sandbox.mixpanel.models.event_rows import Row, row_of
from mixpanel_aep_sandbox.mixpanel.models.mutation_rules import MutationRules, Rules, apply_rules
from mixpanel_aep_sandbox.mixpanel.models.projects import Project

_SHARDS = 16
_EPOCH = date(1970, 1, 1)
_FILES = {"adobe": data.ADOBE_EVENTS, "hostile": data.HOSTILE_EVENTS}
_COLUMNS = "day, visible_ms, processed_ms, event, distinct_id, insert_id, time_ms, line"


class EventStore:
    """Rows by project and day. Added events are in an SQLite file; demo data are generated when needed."""

    def __init__(self, state: SandboxState) -> None:
        self.rules = MutationRules(state)
        self._lock = threading.RLock()
        self._db = sqlite3.connect(
            state.store.folder / "mixpanel.sqlite", check_same_thread=False, isolation_level=None
        )
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS events (n INTEGER PRIMARY KEY, project INTEGER NOT NULL,"
            " day INTEGER NOT NULL, visible_ms INTEGER NOT NULL, processed_ms INTEGER NOT NULL, event TEXT NOT NULL,"
            " distinct_id TEXT NOT NULL, insert_id TEXT NOT NULL, time_ms INTEGER NOT NULL, line BLOB NOT NULL)"
        )
        self._db.execute("CREATE INDEX IF NOT EXISTS by_day ON events (project, day)")

    def add(self, project_id: int, rows: Iterable[Row]) -> int:
        """Store rows, all or none, and return their number."""
        values = [(project_id, *row) for row in rows]
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                self._db.executemany(
                    f"INSERT INTO events (project, {_COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?)",  # noqa: S608
                    values,
                )
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")
        return len(values)

    def clear(self) -> None:
        """Delete all added events."""
        with self._lock:
            self._db.execute("DELETE FROM events")

    def forget(self, project_id: int) -> None:
        """Delete the events and the mutation rules of a project."""
        with self._lock:
            self._db.execute("DELETE FROM events WHERE project=?", (project_id,))
        self.rules.forget(project_id)

    def days(self, project: Project, first: date, last: date) -> list[int]:
        """Return the days (since 1970) of a range that may have rows, in order."""
        low, high = (first - _EPOCH).days, (last - _EPOCH).days
        with self._lock:
            found = self._db.execute(
                "SELECT DISTINCT day FROM events WHERE project=? AND day BETWEEN ? AND ?",
                (project.id, low, high),
            ).fetchall()
        demo = (day for day in demo_days(project.source) if low <= day <= high)
        return sorted({day for (day,) in found} | set(demo))

    def day(self, project: Project, day: int, now_ms: int) -> Iterator[Row]:
        """Yield the rows of a day that are visible at ``now_ms``, shard by shard, as an export sends them.

        A project with a ``scale`` is generated in pieces of one shop's day, so that no day is in memory as a whole;
        duplicates across pieces do not occur.
        """
        due = self.rules.due(project.id, now_ms, raw=True)
        shown_ms = now_ms - project.switches.visibility_delay_seconds * 1000
        for copy in range(project.scale):
            yield from self._piece(project, day, copy, shown_ms, due)

    def sample(self, project: Project, day: int, now_ms: int) -> Iterator[Row]:
        """Yield the rows of a day as the Query API sees them; of a project with a ``scale``, the first piece.

        Of rows with the same event, time, ``distinct_id`` and ``$insert_id``, only the last one is returned
        (mixpanel/docs: reference/import-events.mdx); the raw export has all of them.
        """
        rows = self._piece(project, day, 0, now_ms, self.rules.due(project.id, now_ms, raw=False))
        yield from _latest_of_identical(rows)

    def _piece(self, project: Project, day: int, copy: int, shown_ms: int, due: Rules) -> list[Row]:
        rows = [row for row in demo_rows_of_day(project.source, day, copy) if row.visible_ms <= shown_ms]
        if copy == 0:
            rows += self._added(project.id, day, shown_ms)
        rows = apply_rules(rows, due)
        rows.sort(key=_place)
        return rows

    def _added(self, project_id: int, day: int, now_ms: int) -> list[Row]:
        with self._lock:
            found = self._db.execute(
                f"SELECT {_COLUMNS} FROM events"  # noqa: S608 - a constant list of columns
                " WHERE project=? AND day=? AND visible_ms<=? ORDER BY n",
                (project_id, day, now_ms),
            ).fetchall()
        return [Row(*values) for values in found]


def _latest_of_identical(rows: Iterable[Row]) -> Iterator[Row]:
    """Yield the last of identical rows; rows without an ``$insert_id`` are never identical."""
    last: dict[tuple[str, int, str, str] | int, Row] = {}
    for number, row in enumerate(rows):
        key = (row.event, row.time_ms // 1000, row.distinct_id, row.insert_id) if row.insert_id else number
        if key not in last or last[key].processed_ms <= row.processed_ms:
            last[key] = row
    yield from last.values()


def _place(row: Row) -> tuple[int, int]:
    """Return the sort key: rows are sorted by shard and, in a shard, by processing time, never by their time."""
    return zlib.crc32(row.distinct_id.encode("utf-8", "surrogatepass")) % _SHARDS, row.processed_ms


def demo_days(source: str) -> Iterable[int]:
    """Return the days (since 1970) on which a source has demo events."""
    if source in _FILES:
        return _read_rows(_FILES[source])
    if source == "shop":
        from mixpanel_aep_sandbox.demo_data import shop

        return range((shop.FIRST_DAY - _EPOCH).days, (shop.LAST_DAY - _EPOCH).days + 1)
    return ()


def demo_rows_of_day(source: str, day: int, copy: int = 0) -> list[Row]:
    """Return the demo events of a day of a source: ``shop``, ``adobe``, ``hostile``, or none for another source.

    ``copy``: the number of the copy, from 0, of a project with a ``scale``; only the shop has copies above 0.
    """
    if source in _FILES:
        return _read_rows(_FILES[source]).get(day, []) if copy == 0 else []
    if source == "shop":
        # Imported late: few projects need the shop, and the shop itself uses this package's rows.
        from mixpanel_aep_sandbox.demo_data import shop

        return shop.rows(day, copy)
    return []


@lru_cache(maxsize=4)
def _read_rows(path: Path) -> dict[int, list[Row]]:
    days: dict[int, list[Row]] = {}
    for line in path.read_bytes().split(b"\n"):
        if line:
            row = row_of(line)
            days.setdefault(row.day, []).append(row)
    return days
