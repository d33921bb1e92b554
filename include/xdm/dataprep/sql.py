"""SQL literals and identifiers."""

from __future__ import annotations


def quote(text: str) -> str:
    """Return a SQL string literal, so that no text from data becomes code."""
    return "'" + text.replace("'", "''") + "'"


def ident(name: str) -> str:
    """Return a SQL identifier."""
    return '"' + name.replace('"', '""') + '"'
