"""Evaluate a mapping set's expressions in DuckDB; an event whose evaluation fails does not affect other events."""

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
"""The maximum number of rejected events: to find one rejected event takes a few dozen queries."""


@dataclass
class ExpressionEvaluator:
    """Evaluates a mapping set's expressions in a DuckDB database, which is opened on first use.

    DuckDB's temporary files are in ``scratch``, in a folder with ``name`` in its name. ``rejected`` counts the events
    that could not be evaluated.
    """

    expressions: CompiledExpressions
    scratch: Path
    name: str
    rejected: int = field(default=0)

    @cached_property
    def _db(self) -> duckdb.DuckDBPyConnection:
        folder = self.scratch / f"duckdb-{self.name}"
        folder.mkdir()
        db = open_duckdb(folder)
        db.execute("SET threads = 1")  # the step runs several processes instead of threads
        register(db, self.expressions.functions)
        return db

    def evaluate(self, rows: pa.Table) -> tuple[pa.Table | None, list[int]]:
        """Evaluate all expressions on the spilled rows ``rows``.

        Returns:
            An Arrow table of the results, and the indexes of the rejected rows (rows that cannot be evaluated). The
            table has the columns ``row`` (the index in ``rows``) and, for each schema field n that is computed,
            ``s<n>`` (the value as text) and ``x<n>`` (whether the expression failed). The table has no rejected rows;
            it is None if all rows are rejected.

        Raises:
            SchemaError: more than 1,000 rows are rejected, so the mapping set must be wrong.
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
        """Close the DuckDB database, if it was opened."""
        if "_db" in self.__dict__:
            self._db.close()

    def _events(self, rows: pa.Table) -> pa.Table:
        import pyarrow as pa

        ids = pa.array([each.hex() for each in rows["id"].to_pylist()], pa.string())
        made = {"row": pa.array(range(rows.num_rows), pa.int64()), "_id": ids}
        return pa.table({**made, **{name: rows[name] for name in self.expressions.columns}})

    def _evaluated(self, events: pa.Table) -> Iterator[pa.Table | int]:
        """Yield tables of results, and the index of each row that makes the query fail.

        If the query fails, each half of the rows is evaluated separately, until the failing row is found.
        """
        import duckdb
        import pyarrow as pa

        # Errors of memory, disk or DuckDB itself are not included, because events do not cause them.
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
        if not self.rejected:  # log without the text of the error, which may contain an event's value
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
