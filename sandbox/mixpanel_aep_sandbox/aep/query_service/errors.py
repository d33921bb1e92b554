"""Errors of Query Service and their SQLSTATE codes.

Source: EP:query-service/troubleshooting-guide.md, "PostgreSQL API errors".
"""

from __future__ import annotations


class SqlError(Exception):
    """An error that is sent to the client.

    Attributes:
        state: The SQLSTATE code.
        message: The text of the error.
        fatal: Whether the error ends the session.
    """

    def __init__(self, state: str, message: str, *, fatal: bool = False) -> None:
        super().__init__(message)
        self.state = state
        self.message = message
        self.fatal = fatal


UNSUPPORTED_MESSAGE = "08P01"
WRONG_PASSWORD = "28P01"  # noqa: S105 - an error code
NOT_ALLOWED = "28000"
NO_TABLES = "42P12"
SYNTAX = "42601"
NO_TABLE = "42P01"
OVER_LIMIT = "53400"
SYSTEM = "58000"
NOT_SUPPORTED = "0A000"
# These codes are not in Adobe's table; they are PostgreSQL's own codes [I].
TOO_MANY_SESSIONS = "53300"
TOO_MANY_QUERIES = "53000"
CANCELED = "57014"
SHUTDOWN = "57P01"
IN_FAILED_TRANSACTION = "25P02"
