"""Which valid rows are still to be loaded: those whose ``_id`` is not in a batch that is active."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from include.lake.ledger import LedgerRecord
from include.lake.manifest import LakeFile, Manifest
from include.steps.duckdb import open_duckdb
from include.steps.id_sets import read_ids
from include.steps.workspace import Workspace

_CHUNK_ROWS = 100_000


class UnloadedRows:
    """The valid rows that are not active: ids are compared in DuckDB, which spills them; the wide rows pass by in order.

    What is not needed is not downloaded: without active loads no id is compared, and where all mapped rows are valid
    the list of the day's events names them.
    """

    def __init__(
        self,
        workspace: Workspace,
        mapped: Manifest,
        valid: Manifest,
        active: Sequence[LedgerRecord],
        scratch: Path,
    ) -> None:
        """``active``: the loads to exclude; ``mapped`` names all events of the day."""
        self._workspace, self.mapped, self._valid = workspace, mapped, valid
        self._active, self._scratch = active, scratch

    ids = "SELECT _id, digest FROM unloaded"
    """The query, in ``db``, for their ``_id``s and digests."""

    @property
    def listed_ids(self) -> LakeFile | None:
        """The file that names exactly these rows already, if there is one."""
        return self._events if self.is_everything and self._all_are_valid else None

    @property
    def is_everything(self) -> bool:
        """Whether no valid row is active."""
        return not self._active or not self.counts["already_active"]

    @cached_property
    def counts(self) -> dict[str, int]:
        """Where something is active: how many valid rows are (``already_active``), how many of those have changed in
        Mixpanel since (``changed``), and how many active rows Mixpanel no longer returns (``vanished``)."""
        if not self._active:
            return {}
        return {
            "already_active": self._count("FROM valid SEMI JOIN active USING (_id)"),
            "changed": self._count(
                "FROM events JOIN active USING (_id) WHERE events.digest <> active.digest"
            ),
            "vanished": self._count("FROM active ANTI JOIN events USING (_id)"),
        }

    def tables(self) -> Iterator[Any]:
        """The rows as Arrow tables, a row group of the valid files at a time."""
        if self.is_everything:
            yield from _row_groups(self._paths)
            return
        if self.counts["already_active"] == self._valid.rows:
            return
        import pyarrow as pa

        self._number_rows()
        chosen = _Numbers(self.db, "SELECT number FROM numbered ANTI JOIN active USING (_id) ORDER BY number")
        first = 0
        for table in _row_groups(self._paths):
            numbers = chosen.below(first + table.num_rows, first)
            if numbers:
                yield table.take(pa.array(numbers, pa.int64()))
            first += table.num_rows

    @cached_property
    def db(self) -> Any:
        """A DuckDB with the tables ``valid``, ``events`` and ``active``, and the view ``unloaded``."""
        db = open_duckdb(self._scratch)
        db.execute("CREATE TABLE events (_id VARCHAR, digest BIGINT)")
        for path, columns in self._event_files():
            db.execute(f"INSERT INTO events SELECT {columns} FROM read_parquet(?)", [str(path)])
        if self._all_are_valid:
            db.execute("CREATE VIEW valid AS SELECT _id FROM events")
        else:
            db.execute("CREATE TABLE valid (_id VARCHAR)")
            for path in self._paths:
                db.execute("INSERT INTO valid SELECT _id FROM read_parquet(?)", [str(path)])
        read_ids(db, "active", self._workspace, self._active, self._scratch)
        db.execute(
            "CREATE VIEW unloaded AS SELECT valid._id, events.digest "
            "FROM valid ANTI JOIN active USING (_id) LEFT JOIN events USING (_id)"
        )
        return db

    def close(self) -> None:
        """Close the DuckDB, if it was opened."""
        if "db" in self.__dict__:
            self.db.close()

    @cached_property
    def _paths(self) -> list[Path]:
        return self._workspace.local_files(self._valid, self._scratch)

    @property
    def _events(self) -> LakeFile | None:
        """Transform's list of all events of the day that could be mapped, also those that validation refused."""
        listed = self.mapped.details.get("events")
        return LakeFile.model_validate(listed) if listed else None

    @property
    def _all_are_valid(self) -> bool:
        return self._events is not None and self._valid.rows == self._events.rows

    def _event_files(self) -> Iterator[tuple[Path, str]]:
        if (listed := self._events) is not None:
            yield (
                self._workspace.local_file(listed, self._scratch / "events.parquet", self.mapped),
                "_id, digest",
            )
            return
        folder = self._scratch / "mapped"
        folder.mkdir()
        for path in self._workspace.local_files(self.mapped, folder):
            yield path, "_id, NULL"

    def _number_rows(self) -> None:
        """Make the table of all valid ids with the numbers of their rows."""
        self.db.execute("CREATE TABLE numbered (_id VARCHAR, number BIGINT)")
        for path in self._paths:
            self.db.execute(
                "INSERT INTO numbered SELECT _id, file_row_number + (SELECT count(*) FROM numbered) "
                "FROM read_parquet(?, file_row_number=true)",
                [str(path)],
            )

    def _count(self, rest: str) -> int:
        (found,) = self.db.execute(f"SELECT count(*) {rest}").fetchone()
        return int(found)


@dataclass
class _Numbers:
    """Ascending row numbers out of a query, taken as far as a row group reaches."""

    db: Any
    query: str
    _left: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.db.execute(self.query)

    def below(self, limit: int, first: int) -> list[int]:
        """The numbers below ``limit`` that are left, counted from ``first``."""
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


def _row_groups(paths: Sequence[Path]) -> Iterator[Any]:
    import pyarrow.parquet as pq

    for path in paths:
        source = pq.ParquetFile(path)
        for number in range(source.num_row_groups):
            yield source.read_row_group(number)
