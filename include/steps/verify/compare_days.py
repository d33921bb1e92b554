"""Compare the ``_id``s of days in AEP with the ledgers: by checksums of 256 buckets of ids; by id where they differ.

A row belongs to the day of the batch that it came from. The checksums are computed by timestamp, which for a few rows
is on another day (local times that a clock change skipped, rows to which a mapping gives another time); these days are
then compared by batch.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from include.aep.data_lake import Bucket, DataLakeReader, Window, fingerprint_of
from include.aep.data_lake.fingerprint import BUCKET_DIGITS
from include.aep.model import Dataset
from include.clock import Clock
from include.config.model import Pipeline
from include.errors import BadManifest
from include.lake.history import History
from include.lake.keys import PartitionKey
from include.lake.ledger import LedgerRecord
from include.lake.ledger_state import active_records, refused_rows
from include.lake.suppression import forgotten_days, forgotten_ids
from include.mixpanel.event_time import day_start, latest_instant
from include.steps.duckdb_connection import open_duckdb
from include.steps.history.id_sets import insert_ids, read_ids, register_ids
from include.steps.verify.dataset_batches import DatasetBatches
from include.steps.verify.results import DayResult
from include.steps.workspace import Workspace

if TYPE_CHECKING:
    import duckdb

EVER = Window(datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC))
_FETCHED_ROWS = 50_000
_EXPECTED = "CREATE TABLE expected (_id VARCHAR, batch VARCHAR)"
_FORGOTTEN = "CREATE TABLE forgotten (_id VARCHAR)"
_ACTUAL = "CREATE TABLE actual (_id VARCHAR, batch VARCHAR, own BOOLEAN)"
# Of several rows with one id, a row of a batch that the ledger lists for this id comes first. All others are surplus.
_STRAYS = """
SELECT batch, count(*) FROM (
    SELECT actual._id, actual.batch, known._id IS NULL AS is_phantom, row_number() OVER (
        PARTITION BY actual._id ORDER BY (pair._id IS NULL), actual.batch) AS place
    FROM actual
    LEFT JOIN (SELECT DISTINCT _id FROM expected) known ON known._id = actual._id
    LEFT JOIN (SELECT DISTINCT _id, batch FROM expected) pair
        ON pair._id = actual._id AND pair.batch = actual.batch
    WHERE own OR known._id IS NOT NULL
) WHERE is_phantom OR place > 1 GROUP BY batch"""


def window_of(pipeline: Pipeline, day: date) -> Window | None:
    """Return the time window of a day in the project's zone; None for a day that the zone skipped."""
    zone = pipeline.mixpanel.day_zone
    start, end = day_start(day, zone), day_start(day + timedelta(days=1), zone)
    return Window(start, end) if start < end else None


@dataclass(frozen=True)
class DayComparer:
    """Compares the ids that the ledgers of days list with those that ``reader`` finds in the dataset."""

    history: History
    dataset: Dataset
    reader: DataLakeReader
    pipeline: Pipeline
    batches: DatasetBatches
    clock: Clock

    def compare(self, days: Sequence[date]) -> list[DayResult]:
        """Compare several days; one query is enough if they are equal and close together.

        Raises:
            QueryServiceBusy, ServiceUnavailable, LakeNotReadable: as ``DataLakeReader`` describes.
        """
        ledgers = {day: self.history.ledger(day).records() for day in days}
        windows = {str(day): window for day in days if (window := window_of(self.pipeline, day))}
        known = {str(r.batch) for records in ledgers.values() for r in records if r.batch}
        near = known.union(*(self.batches.near(day) for day in days))
        found = self.reader.fingerprints_of(self.dataset, windows, batches=near) if windows and near else {}
        return [self._compare_day(day, ledgers[day], found.get(str(day)) or {}) for day in days]

    def compare_undated(self, days: Iterable[date]) -> DayResult | None:
        """Count the rows of active batches of this project whose tags name no day; return None without such batches.

        ``days``: all days with a ledger. A row is a duplicate if a load of one of these days also has it, otherwise a
        phantom.
        """
        undated = {batch.id for batch in self.batches.active_of(None)}
        if not undated:
            return None
        with self._open_tables() as (db, scratch):
            self._insert_actual(db, "", undated)
            for day in days:
                with suppress(BadManifest):  # that day has a separate result, which reports it
                    self._insert_expected(db, day, self.history.ledger(day).records(), scratch)
                db.execute("DELETE FROM expected WHERE _id NOT IN (SELECT _id FROM actual)")
            db.execute("INSERT INTO actual SELECT _id, batch, true FROM expected")
            return replace(_count_differences(db, None, "true"), ids=0)

    def _compare_day(self, day: date, records: list[LedgerRecord], found: Mapping[str, Bucket]) -> DayResult:
        if (contradiction := self.batches.contradiction(self.pipeline.name, day, records)) is not None:
            return DayResult(day, trouble=contradiction)
        with self._open_tables() as (db, scratch):
            try:
                self._insert_expected(db, day, records, scratch)
            except BadManifest as error:
                return DayResult(day, trouble=str(error))
            if day in self._forgotten_days:
                ids = forgotten_ids(self.history.lake, self.history.source.project_id, day)
                register_ids(db, "of_people", ids)
                db.execute("INSERT INTO forgotten SELECT _id FROM of_people")
            expected = fingerprint_of(_sorted_ids(db), is_sorted=True)
            buckets = {
                name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name)
            }
            unexpected = self.batches.unexpected(day, records)
            refused = refused_rows(records)
            if buckets or unexpected:
                return replace(self._compare_ids(db, day, records, buckets, unexpected), refused=refused)
            to_delete = int(db.execute(f"SELECT count(DISTINCT _id) {_OF_FORGOTTEN}").fetchone()[0])
            count = sum(bucket.ids for bucket in expected.values())
            return DayResult(day, count, to_delete=to_delete, refused=refused)

    @cached_property
    def _forgotten_days(self) -> set[date]:
        return forgotten_days(self.history.lake, self.history.source.project_id)

    def _compare_ids(
        self,
        db: duckdb.DuckDBPyConnection,
        day: date,
        records: list[LedgerRecord],
        buckets: set[str],
        unexpected: set[str],
    ) -> DayResult:
        """Read and compare the ids of the buckets that differ, and all ids of batches that the ledger does not list."""
        own = {str(record.batch) for record in records if record.batch}
        own |= {batch.id for batch in self.batches.of_day(day)}
        if unexpected:
            self._insert_actual(db, "", unexpected)
            buckets |= {name for (name,) in db.execute(_PREFIXES).fetchall()}
        if any(len(name) != BUCKET_DIGITS or not name.isalnum() for name in buckets):
            buckets = set()  # ids that this project does not create: all are read
        self._insert_actual(db, buckets or "", own - unexpected)
        start, end = (f(day, self.pipeline.mixpanel.day_zone) for f in (day_start, latest_instant))
        others = self.batches.near(day) - own
        if others and start < end:
            rows = self.reader.ids(self.dataset, start, end, buckets or "", batches=others)
            insert_ids(db, "actual", rows, "false")
        marks = ", ".join(f"'{name}'" for name in sorted(buckets))
        return _count_differences(
            db, day, f"substr(_id, 1, {BUCKET_DIGITS}) IN ({marks})" if marks else "true"
        )

    def _insert_actual(
        self, db: duckdb.DuckDBPyConnection, prefixes: str | set[str], batches: set[str]
    ) -> None:
        if batches:
            rows = self.reader.ids(self.dataset, EVER.start, EVER.end, prefixes, batches=batches)
            insert_ids(db, "actual", rows, "true")

    def _insert_expected(
        self, db: duckdb.DuckDBPyConnection, day: date, records: list[LedgerRecord], scratch: Path
    ) -> None:
        workspace = Workspace(
            self.history.lake, self.pipeline, PartitionKey(self.pipeline.name, day), self.clock
        )
        for number, record in enumerate(active_records(records)):
            table = f"load_{number}"
            read_ids(db, table, workspace, [record], scratch)
            db.execute(f"INSERT INTO expected SELECT _id, ? FROM {table}", [str(record.batch)])
            db.execute(f"DROP TABLE {table}")

    @contextmanager
    def _open_tables(self) -> Iterator[tuple[duckdb.DuckDBPyConnection, Path]]:
        """Open a DuckDB database with the empty tables ``expected``, ``actual`` and ``forgotten``.

        Yield it together with its scratch folder.
        """
        workspace = Workspace(
            self.history.lake,
            self.pipeline,
            PartitionKey(self.pipeline.name, self.pipeline.start_date),
            self.clock,
        )
        with workspace.scratch() as scratch, open_duckdb(scratch) as db:
            db.execute(_EXPECTED)
            db.execute(_ACTUAL)
            db.execute(_FORGOTTEN)
            yield db, scratch


_OF_FORGOTTEN = "FROM expected SEMI JOIN forgotten USING (_id)"
_LOST = "FROM expected ANTI JOIN actual USING (_id) ANTI JOIN forgotten USING (_id)"
_PREFIXES = f"SELECT DISTINCT substr(_id, 1, {BUCKET_DIGITS}) FROM actual"


def _sorted_ids(db: duckdb.DuckDBPyConnection) -> Iterator[str]:
    rows_left = db.execute("SELECT DISTINCT _id FROM expected ORDER BY _id")
    while rows := rows_left.fetchmany(_FETCHED_ROWS):
        yield from (key for (key,) in rows)


def _count_differences(db: duckdb.DuckDBPyConnection, day: date | None, scope: str) -> DayResult:
    """Compare the tables ``expected`` and ``actual``; return the counts of a day.

    ``scope``: an SQL condition for the rows of ``expected`` for which ``actual`` was read.
    """
    lost = db.execute(f"SELECT batch, count(DISTINCT _id) {_LOST} WHERE {scope} GROUP BY batch").fetchall()

    def number(query: str) -> int:
        return int(db.execute(query).fetchone()[0])

    deleted = number(f"SELECT count(DISTINCT _id) {_OF_FORGOTTEN} ANTI JOIN actual USING (_id) WHERE {scope}")
    known = "(own OR _id IN (SELECT _id FROM expected))"
    return DayResult(
        day,
        ids=number("SELECT count(DISTINCT _id) FROM expected"),
        lost=number(f"SELECT count(DISTINCT _id) {_LOST} WHERE {scope}"),
        deleted=deleted,
        to_delete=number(f"SELECT count(DISTINCT _id) {_OF_FORGOTTEN}") - deleted,
        duplicate=number(
            f"SELECT count(*) FROM (SELECT _id FROM actual WHERE {known} GROUP BY _id HAVING count(*) > 1)"
        ),
        phantom=number("SELECT count(DISTINCT _id) FROM actual ANTI JOIN expected USING (_id) WHERE own"),
        lost_from={str(batch): int(count) for batch, count in lost},
        strays={str(batch): int(count) for batch, count in db.execute(_STRAYS).fetchall()},
    )
