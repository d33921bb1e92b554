"""Store of the events of all projects: added events in a database, and generated demo events."""

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
from mixpanel_aep_sandbox.mixpanel.models.event_rows import Row, parse_row
from mixpanel_aep_sandbox.mixpanel.models.mutation_rules import MutationRules, Rules, apply_rules
from mixpanel_aep_sandbox.mixpanel.models.projects import Project

_SHARDS = 16
_EPOCH = date(1970, 1, 1)
_FILES = {"adobe": data.ADOBE_EVENTS, "hostile": data.HOSTILE_EVENTS}
_COLUMNS = "day, visible_ms, processed_ms, event, distinct_id, insert_id, time_ms, line"


class EventStore:
    """The events of all projects as rows of the export, by day, with the project's mutation rules applied.

    Added events are in an SQLite file. The events of a project's demo data are generated when they are read.
    """

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
        """Store rows of a project in one transaction, and return their number."""
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
        """Delete the added events of all projects."""
        with self._lock:
            self._db.execute("DELETE FROM events")

    def delete_project(self, project_id: int) -> None:
        """Delete the added events and the mutation rules of a project."""
        with self._lock:
            self._db.execute("DELETE FROM events WHERE project=?", (project_id,))
        self.rules.delete_project(project_id)

    def days_with_rows(self, project: Project, first: date, last: date) -> list[int]:
        """Return the days from ``first`` to ``last`` that may have events, in days since 1970-01-01, ascending."""
        low, high = (first - _EPOCH).days, (last - _EPOCH).days
        with self._lock:
            found = self._db.execute(
                "SELECT DISTINCT day FROM events WHERE project=? AND day BETWEEN ? AND ?",
                (project.id, low, high),
            ).fetchall()
        demo = (day for day in demo_days(project.source) if low <= day <= high)
        return sorted({day for (day,) in found} | set(demo))

    def exported_rows(self, project: Project, day: int, now_ms: int) -> Iterator[Row]:
        """Yield the rows that an export of one day returns at a time, in the export's order.

        Rows are ordered by shard, as in real exports: by a hash of the ``distinct_id`` (``_sort_key``). The demo data
        of a project with a ``scale`` is generated in pieces, each as large as the shop's day, so that the complete day
        is never in memory. No event is in two pieces.

        Args:
            project: the project.
            day: the day, in days since 1970-01-01.
            now_ms: the time of the request in epoch milliseconds; rows that become visible later are left out.
        """
        rules = self.rules.rules_in_effect(project.id, now_ms, raw=True)
        visible_at_ms = now_ms - project.switches.visibility_delay_seconds * 1000
        for copy in range(project.scale):
            yield from self._piece(project, day, copy, visible_at_ms, rules)

    def queried_rows(self, project: Project, day: int, now_ms: int) -> Iterator[Row]:
        """Yield the rows of a day from which the Query API computes its results.

        For a project with a ``scale``, these are only the rows of the first piece. Of rows with the same event, time,
        ``distinct_id`` and ``$insert_id``, only the row that was processed last is returned (mixpanel/docs:
        reference/import-events.mdx); the raw export returns all of them.

        Args:
            project: the project.
            day: the day, in days since 1970-01-01.
            now_ms: the time of the query in epoch milliseconds; rows that become visible later are left out.
        """
        rules = self.rules.rules_in_effect(project.id, now_ms, raw=False)
        yield from _remove_duplicates(self._piece(project, day, 0, now_ms, rules))

    def _piece(self, project: Project, day: int, copy: int, visible_at_ms: int, rules: Rules) -> list[Row]:
        """Return the rows of one piece of a day, sorted as in an export, with the mutation rules applied.

        Args:
            project: the project.
            day: the day, in days since 1970-01-01.
            copy: the number of the piece, from 0; the first piece also contains the added events.
            visible_at_ms: rows that become visible after this time are left out, in epoch milliseconds.
            rules: the mutation rules in effect.
        """
        rows = [row for row in demo_rows_of_day(project.source, day, copy) if row.visible_ms <= visible_at_ms]
        if copy == 0:
            rows += self._added_rows(project.id, day, visible_at_ms)
        rows = apply_rules(rows, rules)
        rows.sort(key=_sort_key)
        return rows

    def _added_rows(self, project_id: int, day: int, now_ms: int) -> list[Row]:
        with self._lock:
            found = self._db.execute(
                f"SELECT {_COLUMNS} FROM events"  # noqa: S608 - a constant list of columns
                " WHERE project=? AND day=? AND visible_ms<=? ORDER BY n",
                (project_id, day, now_ms),
            ).fetchall()
        return [Row(*values) for values in found]


def _remove_duplicates(rows: Iterable[Row]) -> Iterator[Row]:
    """Yield one row of each set of duplicates: the one that was processed last.

    Duplicates have the same event, time in seconds, ``distinct_id`` and ``$insert_id``. A row without an ``$insert_id``
    has no duplicates.
    """
    last: dict[tuple[str, int, str, str] | int, Row] = {}
    for number, row in enumerate(rows):
        key = (row.event, row.time_ms // 1000, row.distinct_id, row.insert_id) if row.insert_id else number
        if key not in last or last[key].processed_ms <= row.processed_ms:
            last[key] = row
    yield from last.values()


def _sort_key(row: Row) -> tuple[int, int]:
    """Return the sort key of the export's order: the shard of the ``distinct_id``, then the processing time."""
    return zlib.crc32(row.distinct_id.encode("utf-8", "surrogatepass")) % _SHARDS, row.processed_ms


def demo_days(source: str) -> Iterable[int]:
    """Return the days on which a demo data source has events, in days since 1970-01-01."""
    if source in _FILES:
        return _read_rows(_FILES[source])
    if source == "shop":
        from mixpanel_aep_sandbox.demo_data import shop

        return range((shop.FIRST_DAY - _EPOCH).days, (shop.LAST_DAY - _EPOCH).days + 1)
    return ()


def demo_rows_of_day(source: str, day: int, copy: int = 0) -> list[Row]:
    """Return the demo events of a source (``shop``, ``adobe`` or ``hostile``; no events for others) on one day.

    ``day`` is in days since 1970-01-01. ``copy`` is the number of the piece, from 0, of a project with a ``scale``;
    only the shop has pieces above 0.
    """
    if source in _FILES:
        return _read_rows(_FILES[source]).get(day, []) if copy == 0 else []
    if source == "shop":
        # Imported late: few projects use the shop, and the shop's module imports this package.
        from mixpanel_aep_sandbox.demo_data import shop

        return shop.rows(day, copy)
    return []


@lru_cache(maxsize=4)
def _read_rows(path: Path) -> dict[int, list[Row]]:
    """Return the rows in a file of export lines, by day (days since 1970-01-01)."""
    days: dict[int, list[Row]] = {}
    for line in path.read_bytes().split(b"\n"):
        if line:
            row = parse_row(line)
            days.setdefault(row.day, []).append(row)
    return days
