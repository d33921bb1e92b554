"""SQL commands of a session that are not queries: ``SET``, ``SHOW``, and the commands of transactions."""

from __future__ import annotations

import re

from mixpanel_aep_sandbox.aep.core.scope import DATASETS, AepSandboxScope
from mixpanel_aep_sandbox.aep.query_service.engine import Column, Result
from mixpanel_aep_sandbox.aep.query_service.errors import IN_FAILED_TRANSACTION, SYNTAX, SqlError
from mixpanel_aep_sandbox.aep.query_service.statements import parse_assignment
from mixpanel_aep_sandbox.aep.query_service.table_names import tables_of

_IGNORED = ("reset", "discard", "close", "deallocate", "unlisten", "listen")
_SHOW_VALUES = {
    "server_version": "9.6.0",
    "client_encoding": "UTF8",
    "server_encoding": "UTF8",
    "standard_conforming_strings": "on",
    "datestyle": "ISO, MDY",
    "timezone": "UTC",
    "integer_datetimes": "on",
    "transaction isolation level": "read committed",
}
PARAMETERS = {
    "server_version": "9.6.0",
    "server_encoding": "UTF8",
    "client_encoding": "UTF8",
    "DateStyle": "ISO, MDY",
    "TimeZone": "UTC",
    "integer_datetimes": "on",
    "standard_conforming_strings": "on",
}
"""Parameters that the server sends to the client at the start of a session."""


class Commands:
    """Executes the statements of a session that are not queries.

    It has the values of the session's parameters and the state of its transaction.
    """

    def __init__(self, scope: AepSandboxScope) -> None:
        self._scope = scope
        self._values = {**_SHOW_VALUES, "drop_system_columns": "true", "statement_timeout": "0"}
        self.state = b"I"
        """State of the transaction in PostgreSQL's protocol: ``I`` (no transaction), ``T`` (open) or ``E`` (failed)."""

    @property
    def with_system_columns(self) -> bool:
        """Whether the tables of this session have Adobe's system columns, such as ``_acp_batchid``."""
        return self._values["drop_system_columns"] in ("false", "off", "0")

    @property
    def statement_seconds(self) -> float | None:
        """The session's ``statement_timeout`` in seconds, or None for no timeout; a number without a unit is in ms."""
        match = re.fullmatch(r"(\d+)\s*(ms|s|min|h)?", self._values["statement_timeout"])
        if match is None:
            return None
        factor = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0}[match[2] or "ms"]
        return int(match[1]) * factor or None

    def fail_transaction(self) -> None:
        """Mark the current transaction as failed; do nothing outside of a transaction."""
        if self.state == b"T":
            self.state = b"E"

    def run(self, statement: str) -> tuple[str, Result | None] | None:
        """Run a statement if it is a command, and return its tag and its result (None: no rows).

        Return None if the statement is a query, which the caller must run.

        Raises:
            SqlError: the command is invalid, or the transaction has failed and the statement does not end it.
        """
        words = statement.lower().split()
        first = words[0]
        if self.state == b"E" and first not in ("rollback", "abort", "commit", "end"):
            raise SqlError(IN_FAILED_TRANSACTION, "current transaction is aborted")
        if first in ("begin", "start"):
            self.state = b"T"
            return "BEGIN", None
        if first in ("commit", "end", "rollback", "abort"):
            failed, self.state = self.state == b"E", b"I"
            return "ROLLBACK" if failed or first in ("rollback", "abort") else "COMMIT", None
        if first == "set":
            self._set(statement)
            return "SET", None
        if first == "show":
            return "SHOW", self._show(" ".join(words[1:]))
        return (first.upper(), None) if first in _IGNORED else None

    def _set(self, statement: str) -> None:
        """Set a parameter. Any name is accepted (assumed [I]), as Query Service passes unknown parameters to Spark."""
        if re.match(r"set\s+(session\s+characteristics|transaction)\b", statement, re.IGNORECASE):
            return
        try:
            name, value = parse_assignment(statement)
        except ValueError as error:
            raise SqlError(SYNTAX, "SET needs a name and a value") from error
        self._values[name] = value

    def _show(self, name: str) -> Result:
        """Return the result of ``SHOW name``. Raises SqlError for an unknown parameter."""
        if name == "tables":
            return self._tables()
        if name not in self._values:
            raise SqlError(SYNTAX, f'unrecognized configuration parameter "{name}"')
        return Result([Column(name, "VARCHAR")], [(self._values[name],)])

    def _tables(self) -> Result:
        """Return the result of ``SHOW TABLES`` (EP:query-service/best-practices/writing-queries.md)."""
        names = ("name", "dataSetId", "dataSet", "description", "resolved")
        rows: list[tuple[object, ...]] = []
        for table, key in sorted(tables_of(self._scope).items()):
            body = self._scope.get(DATASETS, key) or {}
            rows.append((table, key, str(body.get("name", "")), str(body.get("description") or ""), "false"))
        return Result([Column(name, "VARCHAR") for name in names], rows)
