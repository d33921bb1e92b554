"""Prepared statements, and portals (statements with bound parameters), of PostgreSQL's extended query protocol."""

from __future__ import annotations

from dataclasses import dataclass

from mixpanel_aep_sandbox.aep.query_service.engine import Result
from mixpanel_aep_sandbox.aep.query_service.errors import SYNTAX, SqlError


@dataclass(frozen=True)
class PreparedStatement:
    """A prepared statement of PostgreSQL's protocol.

    Attributes:
        sql: The statement.
        types: The type OIDs of its parameters that the client specified (0: unspecified).
    """

    sql: str
    types: list[int]

    def type_of(self, number: int) -> int:
        """Return the type OID of the parameter ``number`` (from 1), or 0 if it is unspecified."""
        return self.types[number - 1] if number <= len(self.types) else 0


@dataclass
class Portal:
    """A prepared statement with values for its parameters, and its result once it has run."""

    prepared: PreparedStatement
    values: list[str]
    """The parameters as SQL literals."""
    formats: list[int]
    """Format codes of the result's columns: 0 for text, 1 for binary; one code applies to all columns."""
    result: Result | None = None
    """The result after the statement has run, or None for a statement without rows."""
    tag: str = ""
    """The command tag after the statement has run, such as ``SELECT``; empty before."""
    sent: int = 0
    """Number of rows that were already sent."""

    def value(self, number: int) -> str:
        """Return the parameter ``number`` (from 1) as an SQL literal. Raises SqlError if it does not exist."""
        if not 1 <= number <= len(self.values):
            raise SqlError(SYNTAX, f"parameter ${number} does not exist")
        return self.values[number - 1]

    def is_binary(self, column: int) -> bool:
        """Return whether the column with this index (from 0) is sent in binary form."""
        if len(self.formats) > 1:
            return column < len(self.formats) and self.formats[column] == 1
        return self.formats == [1]
