"""Validation of Airflow connection fields, shared by the Mixpanel and the Adobe Experience Platform connection."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import NotRequired, TypedDict
from urllib.parse import urlsplit

from include.errors import ConfigError

CORRECT_IT = (
    "Correct the field under Admin > Connections; docs/own-project.md lists where to find each value."
)


class ConnectionFields(TypedDict):
    """The fields of an Airflow connection from which a client's settings are read.

    ``schema``: the text of the standard field of that name in Airflow's connection form.
    """

    conn_id: str
    login: str | None
    password: str | None
    host: str | None
    port: int | None
    extra: Mapping[str, object]
    schema: NotRequired[str | None]


def refuse_unknown(conn_id: str, extra: Mapping[str, object], known: Iterable[str]) -> None:
    """Raise if ``extra`` has a field that is not in ``known``.

    Thus an edited connection cannot switch off TLS, or add a proxy or an address.

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
    """Raise unless ``value`` is a string that the regular expression ``pattern`` matches completely.

    ``meaning``: the expected kind of value, for the message, which never contains the value itself.

    Raises:
        ConfigError: naming the field and the expected kind of value.
    """
    if not isinstance(value, str) or not re.fullmatch(pattern, value):
        problem = "is empty" if value in ("", None) else "has another format"
        raise ConfigError(f"Connection {conn_id}: {field} must be {meaning}; it {problem}.", CORRECT_IT)


def required_field(conn_id: str, name: str, extra: Mapping[str, object], schema: str | None) -> str:
    """Return the value of field ``name`` of a connection, from ``schema`` or the extra fields; "" if both are empty.

    Airflow's form hides extra fields until a user opens them, so the required field uses the standard field ``schema``.

    Raises:
        ConfigError: the two places have different values.
    """
    values = {text for value in (extra.get(name), schema) if (text := str(value or ""))}
    if len(values) > 1:
        raise ConfigError(
            f"Connection {conn_id}: {name} of the extra fields differs from the field of the form.",
            CORRECT_IT,
        )
    return values.pop() if values else ""


def flag(conn_id: str, name: str, value: object) -> bool:
    """Return the boolean ``value`` of an extra field; False if it is None or empty.

    The texts "true" and "false" are also accepted, because a connection that is given as a URI contains only texts.

    Raises:
        ConfigError: the value is not a boolean.
    """
    text = "" if value is None else str(value).lower()
    if text not in ("true", "false", "") or not isinstance(value, bool | str | None):
        raise ConfigError(f"Connection {conn_id}: {name} must be true or false.", CORRECT_IT)
    return text == "true"


def real_host(url: str) -> str:
    """Return the host name of ``url``, which is a URL of a service that this project uses; "" if it has no host."""
    return urlsplit(url).hostname or ""
