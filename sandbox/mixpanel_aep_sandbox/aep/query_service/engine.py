"""Runs one query of a session in DuckDB."""

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
from mixpanel_aep_sandbox.aep.query_service.tables import add_tables, literal, remove_tables

if TYPE_CHECKING:
    import duckdb


_WRITING = frozenset(
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
_READING = ("select", "with", "values", "describe", "explain")


@dataclass(frozen=True)
class Column:
    """A column of a result; ``kind`` is DuckDB's name of the type."""

    name: str
    kind: str


@dataclass(frozen=True)
class Result:
    """The result of a query."""

    columns: list[Column]
    rows: list[tuple[object, ...]]


class Running:
    """A running query, which another thread may cancel."""

    def __init__(self) -> None:
        self.canceled = threading.Event()
        self._lock = threading.Lock()
        self._connection: duckdb.DuckDBPyConnection | None = None

    def use(self, connection: duckdb.DuckDBPyConnection | None) -> None:
        """Set the connection that the query runs in; None when it has ended."""
        with self._lock:
            self._connection = connection

    def cancel(self) -> None:
        """Cancel the query."""
        with self._lock:
            self.canceled.set()
            if self._connection is not None:
                self._connection.interrupt()

    def check(self) -> None:
        """Raise SqlError if the query was canceled."""
        if self.canceled.is_set():
            raise SqlError(CANCELED, "canceling statement due to user request")


class Engine:
    """Queries over the tables of one AEP sandbox, one after the other, in an in-memory database."""

    def __init__(self, scope: AepSandboxScope) -> None:
        self._scope = scope
        self._connection: duckdb.DuckDBPyConnection | None = None

    def describe(self, sql: str, value: Callable[[int], str], *, with_system_columns: bool) -> list[Column]:
        """Return the columns of a query. Raises SqlError."""
        self._checked(sql)
        with self._tables(sql, with_system_columns) as connection:
            rows = _execute(connection, "DESCRIBE " + rewrite_for_duckdb(sql, value)).fetchall()
            return [Column(name, kind) for name, kind, *_ in rows]

    def run(
        self, sql: str, value: Callable[[int], str], running: Running, *, with_system_columns: bool
    ) -> Result:
        """Return the rows of a query, truncated as Query Service does. Raises SqlError."""
        most = self._checked(sql)
        with self._tables(sql, with_system_columns) as connection:
            running.use(connection)
            try:
                running.check()
                done = _execute(connection, rewrite_for_duckdb(sql, value))
                columns = [Column(each[0], str(each[1])) for each in done.description]
                rows = _rows(done, most)
                running.check()
                return Result(columns, rows)
            finally:
                running.use(None)

    def close(self) -> None:
        """Close the database."""
        if self._connection is not None:
            self._connection.close()

    def _checked(self, sql: str) -> int | None:
        """Return the maximum number of rows of a query, or None. Raises SqlError for a statement that does not only read."""
        first = (re.findall(r"[a-z]+|[$]+", sql.lower()) or [""])[0]
        if first in _WRITING:
            raise SqlError(NOT_SUPPORTED, "The command is not supported by this sandbox: it only reads.")
        if first not in _READING:
            raise SqlError(SYNTAX, "syntax error: a query begins with SELECT or WITH")
        settings = QuerySettings.of(self._scope.state)
        limit, most = explicit_limit(sql), settings.query_rows
        if limit is None:
            return most
        if settings.query_largest_limit is not None and limit > settings.query_largest_limit:
            raise SqlError(OVER_LIMIT, f"LIMIT exceeds max value {settings.query_largest_limit}")
        return None if settings.query_explicit_limit == "honoured" else most

    @contextmanager
    def _tables(self, sql: str, with_system_columns: bool) -> Iterator[duckdb.DuckDBPyConnection]:
        """Yield the database, with the current tables that a query names."""
        if self._connection is None:
            self._connection = self._open()
        tables = add_tables(self._connection, self._scope, sql, with_system_columns=with_system_columns)
        try:
            yield self._connection
        finally:
            remove_tables(self._connection, tables)

    def _open(self) -> duckdb.DuckDBPyConnection:
        import duckdb  # imported late, for a quick start

        connection = duckdb.connect(":memory:", config={"threads": 2})
        connection.execute("SET TimeZone = 'UTC'")
        add_functions(connection)
        # Only the sandbox's own files can be read.
        connection.execute(f"SET allowed_directories = [{literal(str(self._files()))}]")
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        return connection

    def _files(self) -> str:
        return str((self._scope.state.store.folder / "files").resolve()) + "/"


def _rows(done: duckdb.DuckDBPyConnection, most: int | None) -> list[tuple[object, ...]]:
    found: list[tuple[object, ...]] = []
    while some := done.fetchmany(2048 if most is None else min(2048, most - len(found))):
        found += some
        if most is not None and len(found) >= most:
            break
    return found


def _execute(connection: duckdb.DuckDBPyConnection, sql: str) -> duckdb.DuckDBPyConnection:
    """Execute a statement; convert DuckDB's errors to Query Service's, without values of rows."""
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
