"""Checks the address of a sandbox, this project's local stand-in for Mixpanel, Adobe's identity service and AEP.

A sandbox runs on this machine, or at an address that ``MIXPANEL_AEP_SANDBOXES`` lists. It is not allowed in production.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from ipaddress import ip_address

from include.environment import ENVIRONMENT_VARIABLE, UnknownEnvironment, is_production
from include.errors import ConfigError

SANDBOXES_VARIABLE = "MIXPANEL_AEP_SANDBOXES"
_HTTPS_PORT = 443
REAL_SERVICES = ("mixpanel.com", "adobe.io", "adobe.com", "adobe.net", "adobelogin.com")
"""Domains of the real services. A sandbox cannot have them, because a connection to a sandbox does not use TLS."""
_URL = re.compile(r"http://(\[[0-9A-Fa-f:.]{1,45}\]|[A-Za-z0-9.-]{1,255}):([0-9]{1,5})")


def sandbox_address(
    conn_id: str, *, sandbox: bool, host: str | None, port: int | None, own_hosts: Iterable[str]
) -> str | None:
    """Return the base URL of the sandbox that a connection leads to; None if it leads to the real service.

    Args:
        conn_id: the id of the connection, for messages.
        sandbox: whether the connection is for a sandbox (extra ``sandbox``).
        host: the host of the connection.
        port: the port of the connection.
        own_hosts: the host names of the real service.

    Raises:
        ConfigError: the connection is for a sandbox that is not allowed, or without a host or a port; or it is for the
            real service, but has another host or port.
    """
    if sandbox:
        if not host or not port:
            raise ConfigError(
                f"Connection {conn_id} is a sandbox connection and needs a host and a port.",
                "`python -m mixpanel_aep_sandbox` prints both.",
            )
        bare = host.removeprefix("[").removesuffix("]")
        url = f"http://[{bare}]:{port}" if ":" in bare else f"http://{bare}:{port}"
        check_sandbox_url(conn_id, url)
        require_allowed_sandbox(conn_id, url)
        return url
    if (host or "") not in ("", *own_hosts) or port not in (None, 0, _HTTPS_PORT):
        raise ConfigError(
            f"Connection {conn_id} has a host or port; the address is derived from its other fields.",
            "Leave host and port empty. Only a sandbox connection (extra sandbox: true) has a host and a port.",
        )
    return None


def check_sandbox_url(conn_id: str, url: str | None, environment: Mapping[str, str] | None = None) -> None:
    """Check that the URL of a sandbox is allowed: not in production, and on another machine only if it is listed.

    ``url``: the base URL; None for the real service. ``environment``: the environment variables; None: those of the
    process.

    Raises:
        ConfigError: the sandbox is not allowed, or the variable that declares the kind of deployment is invalid.
    """
    try:
        production = is_production(environment)
    except UnknownEnvironment as unknown:
        raise ConfigError(str(unknown), "Correct the variable and restart the process.") from None
    if url is None:
        return
    if production:
        raise ConfigError(
            f"Connection {conn_id} points to a sandbox, but {ENVIRONMENT_VARIABLE} declares this deployment as production.",
            "Remove sandbox, host and port from the connection.",
        )
    match = _URL.fullmatch(url)
    is_here = match is not None and _is_loopback(match[1].strip("[]")) and 0 < int(match[2]) < 65536
    if not is_here and not is_listed_elsewhere(url, environment):
        raise ConfigError(
            f"Connection {conn_id}: a sandbox must be on this machine (127.0.0.1, ::1 or localhost, with a port), or "
            f"listed in {SANDBOXES_VARIABLE} in the environment of every Airflow process, as http://host:port.",
            "To reach the real service, leave sandbox, host and port empty.",
        )


def is_listed_elsewhere(url: str, environment: Mapping[str, str] | None = None) -> bool:
    """Return whether ``MIXPANEL_AEP_SANDBOXES`` lists ``url``, so that this sandbox may run on another machine.

    False in production, and for host names of the real services. The IP address is checked later, when a client
    connects (``include/http/peer_address.py``).
    """
    given = os.environ if environment is None else environment
    match = _URL.fullmatch(url)
    if match is None or not 0 < int(match[2]) < 65536 or is_production(given):
        return False
    host = match[1].lower().rstrip(".")
    if any(host == domain or host.endswith(f".{domain}") for domain in REAL_SERVICES):
        return False
    return url in {entry.strip().rstrip("/") for entry in given.get(SANDBOXES_VARIABLE, "").split(",")}


def require_allowed_sandbox(conn_id: str, url: str, environment: Mapping[str, str] | None = None) -> None:
    """Check that ``MIXPANEL_AEP_SANDBOXES`` lists ``url``, if the variable is set.

    It prevents users who may edit connections from sending data to another program of this machine by another port:
    they cannot edit the environment. If the variable is not set, as in development, every port of this machine is
    allowed.

    Raises:
        ConfigError: the variable is set and does not list the sandbox.
    """
    listed = (os.environ if environment is None else environment).get(SANDBOXES_VARIABLE)
    if listed is None:
        return
    allowed = {entry.strip().rstrip("/") for entry in listed.split(",")}
    if not {url, f"{url.rpartition(':')[0]}:*"} & allowed:
        raise ConfigError(
            f"Connection {conn_id} points to {url}, a sandbox that this deployment does not allow; no data was sent.",
            f"If it is your own sandbox, set {SANDBOXES_VARIABLE}={url} in the environment of this process. To reach the "
            "real service, remove sandbox, host and port from the connection.",
        )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return address.is_loopback and getattr(address, "ipv4_mapped", None) is None
