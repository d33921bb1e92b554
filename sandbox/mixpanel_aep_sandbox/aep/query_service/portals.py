"""Prepared statements and portals of the extended query protocol of PostgreSQL."""

from __future__ import annotations

from dataclasses import dataclass

from mixpanel_aep_sandbox.aep.query_service.engine import Result
from mixpanel_aep_sandbox.aep.query_service.errors import SYNTAX, SqlError


@dataclass(frozen=True)
class Prepared:
    """A parsed statement, and the types of its parameters that the client named (0: any)."""

    sql: str
    types: list[int]

    def type_of(self, number: int) -> int:
        """Return the type of a parameter."""
        return self.types[number - 1] if number <= len(self.types) else 0


@dataclass
class Portal:
    """A statement with its parameters. ``result``: its result after it has run; ``sent``: the number of rows already sent."""

    prepared: Prepared
    values: list[str]
    formats: list[int]
    result: Result | None = None
    tag: str = ""
    sent: int = 0

    def value(self, number: int) -> str:
        """Return a parameter as SQL. Raises SqlError."""
        if not 1 <= number <= len(self.values):
            raise SqlError(SYNTAX, f"parameter ${number} does not exist")
        return self.values[number - 1]

    def is_binary(self, column: int) -> bool:
        """Return whether a column is sent in binary form."""
        if len(self.formats) > 1:
            return column < len(self.formats) and self.formats[column] == 1
        return self.formats == [1]
