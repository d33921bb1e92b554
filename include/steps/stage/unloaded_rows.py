"""Select the valid rows that have to be loaded: rows whose ``_id`` is not in an active batch in AEP."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from include.lake.ledger import LedgerRecord
from include.lake.manifest import LakeFile, Manifest
from include.steps.day_rows import DayRows, row_groups
from include.steps.duckdb_connection import open_duckdb
from include.steps.history.id_sets import register_ids, view_ids
from include.steps.workspace import Workspace

if TYPE_CHECKING:
    import pyarrow as pa
    from duckdb import DuckDBPyConnection

_CHUNK_ROWS = 100_000


class UnloadedRows:
    """The valid rows of a day that have to be loaded: rows that are neither active in AEP nor withheld.

    A withheld row was refused by AEP before, and is unchanged. DuckDB compares the ids; rows are read one row group at
    a time. Only the necessary files are downloaded: without active loads, no ids are compared; if all mapped rows are
    valid, the ids are read from transform's list of events; the rows of a delta's base are read only if one of them has
    to be loaded.
    """

    def __init__(
        self,
        workspace: Workspace,
        mapped: Manifest,
        valid: Manifest,
        active: Sequence[LedgerRecord],
        withheld: Sequence[LedgerRecord],
        scratch: Path,
        forgotten: Collection[str] = (),
    ) -> None:
        """Prepare the comparison; files are read later, when they are needed.

        Args:
            workspace: the pipeline, its lake and the day.
            mapped: the manifest of transform, which lists all events of the day.
            valid: the manifest of validate.
            active: the ledger records of the loads that are active in AEP; their rows are excluded.
            withheld: records of ids that AEP refused and would refuse again, unless the event has changed.
            scratch: a local folder for downloads and for DuckDB.
            forgotten: the ``_id``s of forgotten people, which are counted separately.
        """
        self._forgotten = forgotten
        self._workspace, self.mapped, self._valid = workspace, mapped, valid
        self._active, self._withheld, self._scratch = active, withheld, scratch
        self.day, self._mapped_day = (DayRows(workspace, each, scratch) for each in (valid, mapped))

    ids = "SELECT _id, digest FROM unloaded"
    """The query, to run in ``db``, that returns the ``_id`` and the digest of each row to load."""

    @property
    def listed_ids(self) -> LakeFile | None:
        """The file of transform that lists the ``_id``s of exactly the rows to load; None if no file does."""
        is_list_of_day = self.mapped.delta is None and self._all_are_valid
        return _events_of(self.mapped) if self.has_all_valid_rows and is_list_of_day else None

    @property
    def has_all_valid_rows(self) -> bool:
        """Whether all valid rows have to be loaded."""
        return not self._active or not (self.counts["already_active"] or self.counts.get("withheld"))

    @cached_property
    def counts(self) -> dict[str, int]:
        """The counts of the comparison with the active rows; empty without active loads.

        ``already_active``: valid rows that are active. ``changed``: active rows whose event has changed in Mixpanel
        since they were loaded. ``vanished``: active rows that Mixpanel no longer returns, except those of forgotten
        people, which are ``forgotten``. ``withheld``, if AEP has refused rows: valid rows that are not sent again.
        """
        if not self._active:
            return {}
        withheld = (
            {"withheld": self._count("FROM valid SEMI JOIN withheld USING (_id)")} if self._withheld else {}
        )
        missing = "FROM active ANTI JOIN events USING (_id)"
        forgotten = self._count(f"{missing} SEMI JOIN forgotten USING (_id)") if self._forgotten else 0
        return {
            **withheld,
            "already_active": self._count("FROM valid SEMI JOIN active USING (_id)"),
            "changed": self._count(
                "FROM events JOIN active USING (_id) WHERE events.digest <> active.digest"
            ),
            "vanished": self._count(missing) - forgotten,
            **({"forgotten": forgotten} if forgotten else {}),
        }

    def tables(self) -> Iterator[pa.Table]:
        """Yield the rows to load as Arrow tables, each from one row group of the valid files."""
        if self.has_all_valid_rows:
            yield from self.day.base_tables()
            yield from row_groups(self.day.output_paths)
            return
        if self.counts["already_active"] + self.counts.get("withheld", 0) == self._valid.rows:
            return
        self._number("own_rows", self.day.output_paths)
        own = self._count("FROM own_rows ANTI JOIN excluded USING (_id)")
        if self._count("FROM unloaded") > own:
            self._number("base_rows", self.day.base_paths)
            self.db.execute("DELETE FROM base_rows WHERE _id IN (SELECT _id FROM superseded)")
            yield from self._not_excluded("base_rows", self.day.base_paths)
        if own:
            yield from self._not_excluded("own_rows", self.day.output_paths)

    def _not_excluded(self, numbered: str, paths: Sequence[Path]) -> Iterator[pa.Table]:
        """Yield the rows of ``paths`` that are not excluded; ``numbered``: the table of their ids and row numbers."""
        import numpy as np
        import pyarrow as pa

        query = f"SELECT number FROM {numbered} ANTI JOIN excluded USING (_id) ORDER BY number"
        chosen, first = _Numbers(self.db.execute(query)), 0
        for table in row_groups(paths):
            numbers = chosen.numbers_below(first + table.num_rows, first)
            if numbers:
                data = pa.py_buffer(np.array(numbers, np.int64))
                # pa.array would import pandas, which takes a second.
                yield table.take(pa.Array.from_buffers(pa.int64(), len(numbers), [None, data]))
            first += table.num_rows

    @cached_property
    def db(self) -> DuckDBPyConnection:
        """A DuckDB with the views ``valid``, ``events``, ``active``, ``withheld``, ``excluded`` and ``unloaded``."""
        db = open_duckdb(self._scratch)
        # Views: a copy of a day's ids in DuckDB takes several hundred megabytes.
        _view(db, "superseded", "_id", [*filter(None, [self._mapped_day.superseded_path])])
        base = " ANTI JOIN superseded USING (_id)"
        events = [self._events_query(self._mapped_day.base, base), self._events_query(self.mapped)]
        db.execute(f"CREATE TEMP VIEW events AS {' UNION ALL '.join(filter(None, events))}")
        if self._all_are_valid:
            db.execute("CREATE TEMP VIEW valid AS SELECT _id FROM events")
        else:
            _view(db, "base_valid", "_id", self.day.base_paths)
            _view(db, "own_valid", "_id", self.day.output_paths)
            db.execute(
                f"CREATE TEMP VIEW valid AS SELECT _id FROM base_valid{base} UNION ALL SELECT _id FROM own_valid"
            )
        view_ids(db, "active", self._workspace, self._active, self._scratch)
        view_ids(db, "refused", self._workspace, self._withheld, self._scratch)
        db.execute(
            "CREATE TEMP VIEW withheld AS SELECT _id FROM refused ANTI JOIN active USING (_id) "
            "JOIN events USING (_id) WHERE NOT coalesce(refused.digest <> events.digest, false)"
        )
        union = " UNION ALL SELECT _id FROM withheld" if self._withheld else ""
        db.execute(f"CREATE TEMP VIEW excluded AS SELECT _id FROM active{union}")
        if self._forgotten:
            register_ids(db, "forgotten", self._forgotten)
        db.execute(
            "CREATE TEMP VIEW unloaded AS SELECT valid._id, events.digest "
            "FROM valid ANTI JOIN excluded USING (_id) LEFT JOIN events USING (_id)"
        )
        return db

    def close(self) -> None:
        """Close the DuckDB database, if it was opened."""
        if "db" in self.__dict__:
            self.db.close()

    @property
    def _all_are_valid(self) -> bool:
        """Whether all mapped rows are valid, so that transform's lists of events are lists of the valid rows."""
        lists = [each for each in (self.mapped, self._mapped_day.base) if each is not None]
        return self._valid.rows == self.mapped.rows and all(
            _events_of(each) is not None or not each.rows_in_files for each in lists
        )

    def _events_query(self, mapped: Manifest | None, rest: str = "") -> str:
        """Return a query for the ``_id`` and digest of all rows in the files of ``mapped``, valid or not.

        ``rest`` is appended to the query. Return an empty text if ``mapped`` is None.
        """
        if mapped is None:
            return ""
        folder = self._scratch / f"events-{mapped.digest}"
        folder.mkdir(exist_ok=True)
        if (listed := _events_of(mapped)) is not None:
            path = self._workspace.local_file(listed, folder / "events.parquet", mapped)
            found = _select("_id, digest", [path])
        else:
            found = _select("_id, NULL::BIGINT AS digest", self._workspace.local_files(mapped, folder))
        return f"SELECT _id, digest FROM ({found}){rest}"

    def _number(self, table: str, paths: Sequence[Path]) -> None:
        """Create a table of the ids in ``paths`` with their row numbers, from 0 over all files."""
        self.db.execute(f"CREATE TEMP TABLE {table} (_id VARCHAR, number BIGINT)")
        for path in paths:
            self.db.execute(
                f"INSERT INTO {table} SELECT _id, file_row_number + (SELECT count(*) FROM {table}) "
                "FROM read_parquet(?, file_row_number=true)",
                [str(path)],
            )

    def _count(self, rest: str) -> int:
        (found,) = self.db.execute(f"SELECT count(*) {rest}").fetchone()
        return int(found)


@dataclass
class _Numbers:
    """Ascending row numbers that are fetched, as needed, from the query that was executed in ``db``."""

    db: DuckDBPyConnection
    _left: list[int] = field(default_factory=list)

    def numbers_below(self, limit: int, first: int) -> list[int]:
        """Return the remaining numbers below ``limit``, minus ``first``; each number is returned once."""
        found: list[int] = []
        while True:
            if not self._left:
                self._left = [number for (number,) in self.db.fetchmany(_CHUNK_ROWS)]
                if not self._left:
                    return found
            if self._left[-1] < limit:
                found += [number - first for number in self._left]
                self._left = []
                continue
            inside = [number - first for number in self._left if number < limit]
            self._left = self._left[len(inside) :]
            return found + inside


def _view(db: DuckDBPyConnection, name: str, columns: str, paths: Sequence[Path]) -> None:
    db.execute(f"CREATE TEMP VIEW {name} AS {_select(columns, paths)}")


def _select(columns: str, paths: Sequence[Path]) -> str:
    """Return a query for ``columns`` of Parquet files; without files, a query that returns no rows."""
    if not paths:
        none = "NULL::VARCHAR AS _id, NULL::BIGINT AS digest"
        return f"SELECT {columns.replace('NULL::BIGINT AS ', '')} FROM (SELECT {none}) WHERE false"
    files = ", ".join("'" + str(path).replace("'", "''") + "'" for path in paths)
    return f"SELECT {columns} FROM read_parquet([{files}])"


def _events_of(mapped: Manifest) -> LakeFile | None:
    """Return the file that lists the events in the files of ``mapped``, a manifest of transform, or None."""
    listed = mapped.details.get("events")
    return LakeFile.model_validate(listed) if listed else None
