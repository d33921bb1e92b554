"""SQL literals and identifiers."""

from __future__ import annotations


def quote(text: str) -> str:
    """Return a text as a quoted SQL string literal, so that data cannot become SQL code."""
    return "'" + text.replace("'", "''") + "'"


def ident(name: str) -> str:
    """Return a name as a quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'
