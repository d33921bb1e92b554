"""Checks of the fields of Airflow connections, which the Mixpanel and the AEP connection have in common."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import NotRequired, TypedDict

from include.errors import ConfigError

CORRECT_IT = (
    "Correct the field under Admin > Connections; docs/own-project.md lists where to find each value."
)


class ConnectionFields(TypedDict):
    """The fields of an Airflow connection from which the settings of a client are read.

    They have Airflow's names. ``extra`` contains the additional fields of the connection type; ``schema`` is a standard
    field, which this project's connection forms use for the organization or the project id.
    """

    conn_id: str
    login: str | None
    password: str | None
    host: str | None
    port: int | None
    extra: Mapping[str, object]
    schema: NotRequired[str | None]


def refuse_unknown(conn_id: str, extra: Mapping[str, object], known: Iterable[str]) -> None:
    """Check that all fields in ``extra`` are in ``known``.

    Users who may edit a connection thereby cannot switch off TLS, or add a proxy or an address.

    Raises:
        ConfigError: a field is unknown; the message names it, the most similar known field, and all known fields.
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
    """Check the value of a connection's field with a regular expression, which has to match the whole value.

    ``meaning``: what the field has to contain, for the message.

    Raises:
        ConfigError: the value does not match; the message contains ``field`` and ``meaning``, but not the value.
    """
    if not isinstance(value, str) or not re.fullmatch(pattern, value):
        problem = "is empty" if value in ("", None) else "has another format"
        raise ConfigError(f"Connection {conn_id}: {field} must be {meaning}; it {problem}.", CORRECT_IT)


def required_field(conn_id: str, name: str, extra: Mapping[str, object], schema: str | None) -> str:
    """Return the value of a required field of a connection; "" if it is missing.

    It is in the standard field ``schema`` or in the extra field ``name``: Airflow's form hides extra fields until a
    user opens them, so a required field is shown as ``schema``.

    Raises:
        ConfigError: both fields have a value, and the values differ.
    """
    values = {text for value in (extra.get(name), schema) if (text := str(value or ""))}
    if len(values) > 1:
        raise ConfigError(
            f"Connection {conn_id}: {name} of the extra fields differs from the field of the form.",
            CORRECT_IT,
        )
    return values.pop() if values else ""


def flag(conn_id: str, name: str, value: object) -> bool:
    """Return the value of a boolean extra field; False if it is None or empty.

    The texts "true" and "false" are accepted as well, because the values of a connection in URI form are texts.

    Raises:
        ConfigError: the value is neither a boolean nor such a text.
    """
    text = "" if value is None else str(value).lower()
    if text not in ("true", "false", "") or not isinstance(value, bool | str | None):
        raise ConfigError(f"Connection {conn_id}: {name} must be true or false.", CORRECT_IT)
    return text == "true"
