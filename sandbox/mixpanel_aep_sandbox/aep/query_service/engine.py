"""Execution of a session's queries in DuckDB."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mixpanel_aep_sandbox.aep.core.scope import AepSandboxScope
from mixpanel_aep_sandbox.aep.query_service.errors import (
    CANCELED,
    NO_TABLE,
    NOT_SUPPORTED,
    OVER_LIMIT,
    SYNTAX,
    SYSTEM,
    SqlError,
)
from mixpanel_aep_sandbox.aep.query_service.functions import add_functions
from mixpanel_aep_sandbox.aep.query_service.settings import QuerySettings
from mixpanel_aep_sandbox.aep.query_service.statements import explicit_limit, rewrite_for_duckdb
from mixpanel_aep_sandbox.aep.query_service.tables import add_tables, quote_literal, remove_tables

if TYPE_CHECKING:
    import duckdb


_WRITE_COMMANDS = frozenset(
    [
        "insert",
        "create",
        "drop",
        "alter",
        "copy",
        "update",
        "delete",
        "truncate",
        "grant",
        "revoke",
        "declare",
        "fetch",
        "prepare",
        "execute",
        "analyze",
        "vacuum",
        "call",
        "do",
        "merge",
        "$$",
    ]
)
_READ_COMMANDS = ("select", "with", "values", "describe", "explain")


@dataclass(frozen=True)
class Column:
    """A column of a result; ``kind`` is DuckDB's name of the column's type, such as ``VARCHAR``."""

    name: str
    kind: str


@dataclass(frozen=True)
class Result:
    """The result of a query: its columns and its rows, whose values are Python objects."""

    columns: list[Column]
    rows: list[tuple[object, ...]]


class RunningQuery:
    """A waiting or running query, which another thread can cancel."""

    def __init__(self) -> None:
        self.canceled = threading.Event()
        self._lock = threading.Lock()
        self._connection: duckdb.DuckDBPyConnection | None = None

    def set_connection(self, connection: duckdb.DuckDBPyConnection | None) -> None:
        """Set the DuckDB connection in which the query runs; None after the query has ended."""
        with self._lock:
            self._connection = connection

    def cancel(self) -> None:
        """Cancel the query, whether it runs already or still waits for a slot."""
        with self._lock:
            self.canceled.set()
            if self._connection is not None:
                self._connection.interrupt()

    def check(self) -> None:
        """Raise SqlError if the query was canceled."""
        if self.canceled.is_set():
            raise SqlError(CANCELED, "canceling statement due to user request")


class Engine:
    """Runs the queries of one session in an in-memory DuckDB database.

    For each query, the database gets views for the tables of the AEP sandbox that the query names.
    """

    def __init__(self, scope: AepSandboxScope) -> None:
        self._scope = scope
        self._connection: duckdb.DuckDBPyConnection | None = None

    def describe(self, sql: str, value: Callable[[int], str], *, with_system_columns: bool) -> list[Column]:
        """Return the columns of a query's result without running the query.

        Args:
            sql: The query.
            value: Returns the SQL literal of the parameter with a number, from 1.
            with_system_columns: Whether the tables have Adobe's system columns.

        Raises:
            SqlError: the query is invalid.
        """
        self._row_limit(sql)
        with self._open_tables(sql, with_system_columns) as connection:
            rows = _execute(connection, "DESCRIBE " + rewrite_for_duckdb(sql, value)).fetchall()
            return [Column(name, kind) for name, kind, *_ in rows]

    def run(
        self, sql: str, value: Callable[[int], str], running: RunningQuery, *, with_system_columns: bool
    ) -> Result:
        """Run a query and return its result, truncated to the maximum number of rows of Query Service.

        Args:
            sql: The query.
            value: Returns the SQL literal of the parameter with a number, from 1.
            running: The handle by which another thread can cancel the query.
            with_system_columns: Whether the tables have Adobe's system columns.

        Raises:
            SqlError: the query is invalid, fails or is canceled.
        """
        max_rows = self._row_limit(sql)
        with self._open_tables(sql, with_system_columns) as connection:
            running.set_connection(connection)
            try:
                running.check()
                executed = _execute(connection, rewrite_for_duckdb(sql, value))
                columns = [Column(each[0], str(each[1])) for each in executed.description]
                rows = _fetch_rows(executed, max_rows)
                running.check()
                return Result(columns, rows)
            finally:
                running.set_connection(None)

    def close(self) -> None:
        """Close the DuckDB database of the session."""
        if self._connection is not None:
            self._connection.close()

    def _row_limit(self, sql: str) -> int | None:
        """Return the maximum number of rows of a query's result, or None for no limit.

        Raises:
            SqlError: the statement is not a query, or its ``LIMIT`` is too large.
        """
        first = (re.findall(r"[a-z]+|[$]+", sql.lower()) or [""])[0]
        if first in _WRITE_COMMANDS:
            raise SqlError(NOT_SUPPORTED, "The command is not supported by this sandbox: it only reads.")
        if first not in _READ_COMMANDS:
            raise SqlError(SYNTAX, "syntax error: a query begins with SELECT or WITH")
        settings = QuerySettings.of(self._scope.state)
        limit, max_rows = explicit_limit(sql), settings.query_rows
        if limit is None:
            return max_rows
        if settings.query_largest_limit is not None and limit > settings.query_largest_limit:
            raise SqlError(OVER_LIMIT, f"LIMIT exceeds max value {settings.query_largest_limit}")
        return None if settings.query_explicit_limit == "honoured" else max_rows

    @contextmanager
    def _open_tables(self, sql: str, with_system_columns: bool) -> Iterator[duckdb.DuckDBPyConnection]:
        """Yield the database connection; inside the block, it has a view for each table that the query names."""
        if self._connection is None:
            self._connection = self._connect()
        tables = add_tables(self._connection, self._scope, sql, with_system_columns=with_system_columns)
        try:
            yield self._connection
        finally:
            remove_tables(self._connection, tables)

    def _connect(self) -> duckdb.DuckDBPyConnection:
        import duckdb  # imported late, so that the sandbox starts quickly

        connection = duckdb.connect(":memory:", config={"threads": 2})
        connection.execute("SET TimeZone = 'UTC'")
        add_functions(connection)
        # Queries can read only files in the sandbox's own folder.
        connection.execute(f"SET allowed_directories = [{quote_literal(str(self._files_folder()))}]")
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        return connection

    def _files_folder(self) -> str:
        return str((self._scope.state.store.folder / "files").resolve()) + "/"


def _fetch_rows(executed: duckdb.DuckDBPyConnection, max_rows: int | None) -> list[tuple[object, ...]]:
    """Return the rows of an executed query.

    Args:
        executed: The executed query.
        max_rows: The maximum number of rows; None: all.
    """
    rows: list[tuple[object, ...]] = []
    while some := executed.fetchmany(2048 if max_rows is None else min(2048, max_rows - len(rows))):
        rows += some
        if max_rows is not None and len(rows) >= max_rows:
            break
    return rows


def _execute(connection: duckdb.DuckDBPyConnection, sql: str) -> duckdb.DuckDBPyConnection:
    """Execute a statement. An error of DuckDB is raised as the SqlError that Query Service would send."""
    import duckdb

    try:
        return connection.execute(sql)
    except duckdb.InterruptException as error:
        raise SqlError(CANCELED, "canceling statement due to user request") from error
    except duckdb.ParserException as error:
        raise SqlError(SYNTAX, _first_line(error)) from error
    except duckdb.CatalogException as error:
        state = NO_TABLE if "Table with name" in str(error) else SYSTEM
        raise SqlError(state, _first_line(error)) from error
    except duckdb.Error as error:
        raise SqlError(SYSTEM, f"Analysis error encountered. Reason: [{_first_line(error)}]") from error


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
