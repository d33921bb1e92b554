"""What both connections have in common: fields that are checked, and addresses that are not free text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any
from urllib.parse import urlsplit

from include.errors import ConfigError

CORRECT_IT = "Correct it under Admin > Connections; README.md says where each value is found."


def refuse_unknown(conn_id: str, extra: Mapping[str, Any], known: Iterable[str]) -> None:
    """An allow-list: nobody who may edit a connection can switch off TLS, or add a proxy or an address.

    Raises:
        ConfigError: naming the unknown key, the nearest known one and all known ones.
    """
    names = sorted(known)
    for key in extra:
        if key not in names:
            near = get_close_matches(str(key), names, n=1)
            raise ConfigError(
                f"Connection {conn_id} has an extra field {str(key)[:80]!r} that is not known"
                + (f"; did you mean {near[0]!r}?" if near else "."),
                f"Known: {', '.join(names)}.",
            )


def check(conn_id: str, field: str, value: object, pattern: str, meaning: str) -> None:
    """Refuses a value that is not wholly of ``pattern``; the value itself is in no message.

    Raises:
        ConfigError: naming the field and what it should hold.
    """
    if not isinstance(value, str) or not re.fullmatch(pattern, value):
        given = "is empty" if value in ("", None) else "does not look like one"
        raise ConfigError(f"Connection {conn_id}: {field} should be {meaning}, and {given}.", CORRECT_IT)


def flag(conn_id: str, name: str, value: object) -> bool:
    """A yes or no from an extra field; connections that are given as a URI hold it as text.

    Raises:
        ConfigError: it is neither.
    """
    text = "" if value is None else str(value).lower()
    if text not in ("true", "false", "") or not isinstance(value, bool | str | None):
        raise ConfigError(f"Connection {conn_id}: {name} should be true or false.", CORRECT_IT)
    return text == "true"


def real_host(url: str) -> str:
    """The host of one of the table's own URLs."""
    return urlsplit(url).hostname or ""
