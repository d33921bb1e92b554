"""Analysis and rewriting of SQL text: separate statements, names, parameters, limits and assignments."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

_TOKENS = re.compile(
    r"[eE]'(?:[^'\\]|''|\\.)*'|'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`[^`]*`|--[^\n]*|/\*.*?\*/|\$(\d+)|;|[A-Za-z_][A-Za-z0-9_]*|.",
    re.DOTALL,
)
_LIMIT = re.compile(r"\blimit\s+(\d+)\s*(?:offset\s+\d+\s*)?\Z", re.IGNORECASE)


def _tokens(sql: str) -> Iterator[re.Match[str]]:
    return _TOKENS.finditer(sql)


def split_statements(sql: str) -> list[str]:
    """Split an SQL text at semicolons, and return its statements without comments; omit empty statements."""
    found, current = [], ""
    for token in _tokens(sql):
        text = token[0]
        if text == ";":
            found.append(current)
            current = ""
        else:
            current += " " if text.startswith(("--", "/*")) else text
    return [part.strip() for part in [*found, current] if part.strip()]


def words(sql: str) -> list[str]:
    """Return the keywords and names in a statement, in order: quoted names unchanged, all others in lower case.

    String literals and numbers are omitted.
    """
    found = []
    for token in _tokens(sql):
        text = token[0]
        if text[0] in '"`':
            found.append(text[1:-1])
        elif (text[0].isalpha() or text[0] == "_") and "'" not in text:
            found.append(text.lower())
    return found


def rewrite_for_duckdb(sql: str, value: Callable[[int], str]) -> str:
    """Convert a statement of Query Service to DuckDB's syntax.

    Names in backticks get double quotes, and the value of the parameter n replaces ``$n``.

    Args:
        sql: The statement.
        value: Returns the SQL literal of the parameter with a number, from 1.
    """
    parts = []
    for token in _tokens(sql):
        text = token[0]
        if token[1]:
            parts.append(value(int(token[1])))
        elif text[0] == "`":
            parts.append('"' + text[1:-1].replace('"', '""') + '"')
        else:
            parts.append(text)
    return "".join(parts)


def parameter_count(sql: str) -> int:
    """Return the number of parameters of a statement, which is the highest n of a ``$n`` in it."""
    return max((int(token[1]) for token in _tokens(sql) if token[1]), default=0)


def explicit_limit(sql: str) -> int | None:
    """Return the number in the ``LIMIT`` clause at the end of a statement, or None without such a clause."""
    match = _LIMIT.search(sql)
    return int(match[1]) if match else None


def parse_assignment(statement: str) -> tuple[str, str]:
    """Return name and value of ``SET name = value`` or ``SET name TO value``, both in lower case.

    Raises ValueError for another statement.
    """
    match = re.fullmatch(
        r"set\s+(?:session\s+|local\s+)?([\w.]+)\s*(=|\bto\b)\s*(.+)", statement, re.IGNORECASE | re.DOTALL
    )
    if match is None:
        raise ValueError("not an assignment")
    return match[1].lower(), match[3].strip().strip("'\"").lower()
