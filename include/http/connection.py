"""What both connections have in common: fields that are checked, and addresses that are not free text."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from include.errors import ConfigError

ENVIRONMENT_VARIABLE = "MIXPANEL_AEP_ENV"
_HTTPS_PORT = 443
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


def sandbox_address(
    conn_id: str, *, sandbox: bool, host: str | None, port: int | None, own_hosts: Iterable[str]
) -> str | None:
    """The URL of a sandbox, or None for the real service.

    Raises:
        ConfigError: an address is given that is neither the service's own nor a sandbox's.
    """
    if sandbox:
        if not host or not port:
            raise ConfigError(
                f"Connection {conn_id} is a sandbox connection and needs a host and a port.",
                "`python -m include.sandbox` says which.",
            )
        bare = host.removeprefix("[").removesuffix("]")
        return f"http://[{bare}]:{port}" if ":" in bare else f"http://{bare}:{port}"
    if (host or "") not in ("", *own_hosts) or port not in (None, 0, _HTTPS_PORT):
        raise ConfigError(
            f"Connection {conn_id} names a host or port; the address follows from its other fields.",
            "Leave host and port empty. Only a sandbox connection (extra sandbox: true) has an address of its own.",
        )
    return None


def check_sandbox_url(conn_id: str, url: str | None, environment: Mapping[str, str] | None = None) -> None:
    """Refuses a sandbox that is not on this machine, and every sandbox in production.

    Raises:
        ConfigError: saying which of the two it is.
    """
    if url is None:
        return
    if (os.environ if environment is None else environment).get(
        ENVIRONMENT_VARIABLE, ""
    ).lower() == "production":
        raise ConfigError(
            f"Connection {conn_id} points to a sandbox, and {ENVIRONMENT_VARIABLE} says that this is production.",
            "Remove sandbox, host and port from the connection.",
        )
    match = re.fullmatch(r"http://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+):([0-9]{1,5})", url)
    if match is None or not _is_loopback(match[1].strip("[]")) or not 0 < int(match[2]) < 65536:
        raise ConfigError(
            f"Connection {conn_id}: a sandbox has to be on this machine (127.0.0.1, ::1 or localhost, with a port).",
            "To reach the real service, leave sandbox, host and port empty.",
        )


def real_host(url: str) -> str:
    """The host of one of the table's own URLs."""
    return urlsplit(url).hostname or ""


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return address.is_loopback and getattr(address, "ipv4_mapped", None) is None
