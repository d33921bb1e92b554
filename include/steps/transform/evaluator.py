"""Evaluates expressions in DuckDB on the columns that they read; one failing event does not affect the others."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from include.errors import SchemaError
from include.steps.duckdb_connection import open_duckdb
from include.xdm.dataprep.duckdb_functions import register

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

    from include.xdm.dataprep.compile_expressions import CompiledExpressions

log = logging.getLogger(__name__)
MOST_REJECTED = 1000
"""The maximum number of rejected events: finding each costs a few dozen queries."""


@dataclass
class ExpressionEvaluator:
    """Evaluates a mapping set's expressions. ``scratch``: where DuckDB spills; ``name`` distinguishes its files."""

    expressions: CompiledExpressions
    scratch: Path
    name: str
    rejected: int = field(default=0)

    @cached_property
    def _db(self) -> duckdb.DuckDBPyConnection:
        folder = self.scratch / f"duckdb-{self.name}"
        folder.mkdir()
        db = open_duckdb(folder)
        db.execute("SET threads = 1")  # the processes of a step are its threads
        register(db, self.expressions.functions)
        return db

    def evaluate(self, rows: pa.Table) -> tuple[pa.Table | None, list[int]]:
        """Return the texts and failures of spilled rows as an Arrow table, and the places of rows that cannot be evaluated.

        Columns: ``row``, and ``s<n>`` and ``x<n>`` for each leaf; a rejected row has none.

        Raises:
            SchemaError: so many rows fail that the mapping set must be wrong.
        """
        import pyarrow as pa

        found, rejected = [], []
        for part in self._evaluated(self._events(rows)):
            if isinstance(part, int):
                rejected.append(part)
            else:
                found.append(part)
        return (pa.concat_tables(found) if found else None), rejected

    def close(self) -> None:
        """Close the database."""
        if "_db" in self.__dict__:
            self._db.close()

    def _events(self, rows: pa.Table) -> pa.Table:
        import pyarrow as pa

        ids = pa.array([each.hex() for each in rows["id"].to_pylist()], pa.string())
        made = {"row": pa.array(range(rows.num_rows), pa.int64()), "_id": ids}
        return pa.table({**made, **{name: rows[name] for name in self.expressions.columns}})

    def _evaluated(self, events: pa.Table) -> Iterator[pa.Table | int]:
        """Yield tables of results, or the number of a row that makes the query fail: slices are halved to find it."""
        import duckdb
        import pyarrow as pa

        # Errors of memory, disk or DuckDB itself are not included: no event causes them.
        data_errors = (
            duckdb.DataError, duckdb.InvalidInputException, pa.ArrowInvalid, UnicodeError,
        )  # fmt: skip
        try:
            self._db.register("events", events)
            yield self._db.sql(self.expressions.select).to_arrow_table()
            return
        except data_errors as error:
            fault = type(error).__name__
        if events.num_rows > 1:
            middle = events.num_rows // 2
            yield from self._evaluated(events.slice(0, middle))
            yield from self._evaluated(events.slice(middle))
            return
        self._refuse(fault)
        yield int(events["row"][0].as_py())

    def _refuse(self, fault: str) -> None:
        if not self.rejected:  # without the error's text, which may contain the value
            log.warning(
                "An event could not be mapped (%s). Such events are quarantined as unexpected_error.", fault
            )
        self.rejected += 1
        if self.rejected > MOST_REJECTED:
            raise SchemaError(
                f"More than {MOST_REJECTED} events cannot be mapped at all ({fault}).",
                "The cause is a mistake in the mapping set or in this program, not in the events. Run preview, remove "
                "mappings until it works, and report the one that fails.",
            )
