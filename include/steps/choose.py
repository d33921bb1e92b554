"""Which valid rows are still to be loaded: those whose ``_id`` is not in a batch that is active."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from include.lake.ledger import LedgerRecord
from include.lake.manifest import LakeFile, Manifest
from include.steps.id_sets import read_ids
from include.steps.workspace import Workspace

_CHUNK_ROWS = 100_000


@dataclass(frozen=True)
class UnloadedRows:
    """The valid rows that are not active, in DuckDB, which spills them; the wide rows pass by in the order they are in.

    ``counts``: where something is active, how many valid rows are (``already_active``), how many of those have changed
    in Mixpanel since (``changed``), and how many active rows Mixpanel no longer returns (``vanished``).
    """

    db: Any
    paths: tuple[Path, ...]
    counts: dict[str, int]
    ids: str = "SELECT _id, digest FROM unloaded"
    """The query for their ``_id``s and digests."""

    def tables(self) -> Iterator[Any]:
        """The rows as Arrow tables, a row group of the valid files at a time."""
        if not self.counts:
            yield from _row_groups(self.paths)
            return
        import pyarrow as pa

        chosen = _Numbers(self.db, "SELECT number FROM unloaded ORDER BY number")
        first = 0
        for table in _row_groups(self.paths):
            numbers = chosen.below(first + table.num_rows, first)
            if numbers:
                yield table.take(pa.array(numbers, pa.int64()))
            first += table.num_rows


def unloaded_rows(
    db: Any,
    workspace: Workspace,
    mapped: Manifest,
    paths: Sequence[Path],
    active: Sequence[LedgerRecord],
    scratch: Path,
) -> UnloadedRows:
    """Compare the valid rows in ``paths`` with the loads that are active; ``mapped`` names all events of the day."""
    db.execute("CREATE TABLE valid (_id VARCHAR, number BIGINT)")
    for path in paths:
        db.execute(
            "INSERT INTO valid SELECT _id, file_row_number + (SELECT count(*) FROM valid) "
            "FROM read_parquet(?, file_row_number=true)",
            [str(path)],
        )
    _read_events(db, workspace, mapped, scratch)
    read_ids(db, "active", workspace, active, scratch)
    db.execute(
        "CREATE VIEW unloaded AS SELECT valid._id, events.digest, valid.number "
        "FROM valid ANTI JOIN active USING (_id) LEFT JOIN events USING (_id)"
    )
    counts = {
        "already_active": _count(db, "FROM valid SEMI JOIN active USING (_id)"),
        "changed": _count(db, "FROM events JOIN active USING (_id) WHERE events.digest <> active.digest"),
        "vanished": _count(db, "FROM active ANTI JOIN events USING (_id)"),
    }
    return UnloadedRows(db, tuple(paths), counts if active else {})


def _read_events(db: Any, workspace: Workspace, mapped: Manifest, scratch: Path) -> None:
    """All events of the day that could be mapped, also those that validation refused."""
    db.execute("CREATE TABLE events (_id VARCHAR, digest BIGINT)")
    folder = scratch / "events"
    folder.mkdir()
    listed = mapped.details.get("events")
    files = (LakeFile.model_validate(listed),) if listed else mapped.files
    columns = "_id, digest" if listed else "_id, NULL"
    for path in workspace.local_files(mapped.model_copy(update={"files": files}), folder):
        db.execute(f"INSERT INTO events SELECT {columns} FROM read_parquet(?)", [str(path)])


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


def _count(db: Any, rest: str) -> int:
    (found,) = db.execute(f"SELECT count(*) {rest}").fetchone()
    return int(found)
