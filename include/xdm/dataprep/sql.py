"""SQL literals and identifiers."""

from __future__ import annotations


def quote(text: str) -> str:
    """Return a SQL string literal. No customer's text is ever code."""
    return "'" + text.replace("'", "''") + "'"


def ident(name: str) -> str:
    """Return a SQL identifier."""
    return '"' + name.replace('"', '""') + '"'
