"""Validation shared by both connections: checked fields, and addresses that are not free text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any
from urllib.parse import urlsplit

from include.errors import ConfigError

CORRECT_IT = "Correct it under Admin > Connections; docs/own-project.md lists where to find each value."


def refuse_unknown(conn_id: str, extra: Mapping[str, Any], known: Iterable[str]) -> None:
    """Refuse unknown extra fields, so that an edited connection cannot switch off TLS, or add a proxy or an address.

    Raises:
        ConfigError: naming the unknown field, the nearest known field and all known fields.
    """
    names = sorted(known)
    for key in extra:
        if key not in names:
            near = get_close_matches(str(key), names, n=1)
            raise ConfigError(
                f"Connection {conn_id} has an unknown extra field {str(key)[:80]!r}"
                + (f"; did you mean {near[0]!r}?" if near else "."),
                f"Known fields: {', '.join(names)}.",
            )


def check(conn_id: str, field: str, value: object, pattern: str, meaning: str) -> None:
    """Refuse a value that does not match ``pattern`` as a whole; the message never contains the value.

    Raises:
        ConfigError: naming the field and the expected kind of value.
    """
    if not isinstance(value, str) or not re.fullmatch(pattern, value):
        given = "is empty" if value in ("", None) else "has another format"
        raise ConfigError(f"Connection {conn_id}: {field} must be {meaning}; it {given}.", CORRECT_IT)


def required_field(conn_id: str, name: str, extra: Mapping[str, Any], schema: str | None) -> str:
    """Return a field that has to be filled: from ``schema``, a standard field of Airflow's form, or from the extra fields.

    Airflow folds extra fields away, so that its form has the required one among the standard fields.

    Raises:
        ConfigError: the two places have different values.
    """
    given = {text for value in (extra.get(name), schema) if (text := str(value or ""))}
    if len(given) > 1:
        raise ConfigError(
            f"Connection {conn_id}: {name} of the extra fields differs from the field of the form.",
            CORRECT_IT,
        )
    return given.pop() if given else ""


def flag(conn_id: str, name: str, value: object) -> bool:
    """Return a boolean extra field; connections that are given as a URI contain it as text.

    Raises:
        ConfigError: the value is not a boolean.
    """
    text = "" if value is None else str(value).lower()
    if text not in ("true", "false", "") or not isinstance(value, bool | str | None):
        raise ConfigError(f"Connection {conn_id}: {name} must be true or false.", CORRECT_IT)
    return text == "true"


def real_host(url: str) -> str:
    """Return the host of one of this project's own service URLs."""
    return urlsplit(url).hostname or ""
