"""Which valid rows are still to be loaded: those whose ``_id`` is in no batch that is active."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from include.lake.manifest import Manifest
from include.steps.transform import open_duckdb
from include.steps.workspace import Workspace

_CHUNK_ROWS = 100_000


@dataclass
class Choice:
    """The rows of ``valid`` beside ``active`` staged outputs. ``counts`` are there once :meth:`tables` was called."""

    workspace: Workspace
    valid: Manifest
    active: list[Manifest]
    scratch: Path
    counts: dict[str, int] = field(default_factory=dict)

    def tables(self, paths: list[Path]) -> Iterator[Any]:
        """The chosen rows of the valid files, a row group at a time."""
        if not self.active:
            yield from _row_groups(paths)
            return
        import pyarrow as pa

        # Only ids are compared, in DuckDB, which spills them; the wide rows pass by in the order they are in.
        with open_duckdb(self.scratch) as db:
            self._collect(db, paths)
            chosen = _Numbers(db, "SELECT number FROM valid ANTI JOIN active USING (_id) ORDER BY number")
            first = 0
            for table in _row_groups(paths):
                numbers = chosen.below(first + table.num_rows, first)
                if numbers:
                    yield table.take(pa.array(numbers, pa.int64()))
                first += table.num_rows

    def _collect(self, db: Any, paths: list[Path]) -> None:
        mapped = self.workspace.require("transform", self.valid.inputs["transform"])
        db.execute("CREATE TABLE valid (_id VARCHAR, number BIGINT)")
        for path in paths:
            db.execute(
                "INSERT INTO valid SELECT _id, file_row_number + (SELECT count(*) FROM valid) "
                "FROM read_parquet(?, file_row_number=true)",
                [str(path)],
            )
        for name, manifests in (("active", self.active), ("returned", [mapped])):
            db.execute(f"CREATE TABLE {name} (_id VARCHAR)")
            for number, manifest in enumerate(manifests):
                folder = self.scratch / f"{name}-{number}"
                folder.mkdir()
                for path in self.workspace.local_files(manifest, folder):
                    db.execute(f"INSERT INTO {name} SELECT _id FROM {_reader(path)}", [str(path)])
        self.counts = {
            "already_active": _count(db, "FROM valid SEMI JOIN active USING (_id)"),
            "vanished": _count(db, "FROM active ANTI JOIN returned USING (_id)"),
        }


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


def _row_groups(paths: list[Path]) -> Iterator[Any]:
    import pyarrow.parquet as pq

    for path in paths:
        source = pq.ParquetFile(path)
        for number in range(source.num_row_groups):
            yield source.read_row_group(number)


def _reader(path: Path) -> str:
    if path.suffix == ".json":
        return "read_json(?, format='newline_delimited', columns={'_id': 'VARCHAR'})"
    return "read_parquet(?)"


def _count(db: Any, rest: str) -> int:
    (found,) = db.execute(f"SELECT count(*) {rest}").fetchone()
    return int(found)
