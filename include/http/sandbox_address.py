"""Addresses of sandboxes: on this machine, or listed by the deployment; never a real service, never in production."""

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
"""No sandbox has a name of these domains, whatever the deployment lists: credentials would leave without TLS."""
_URL = re.compile(r"http://(\[[0-9A-Fa-f:.]{1,45}\]|[A-Za-z0-9.-]{1,255}):([0-9]{1,5})")


def sandbox_address(
    conn_id: str, *, sandbox: bool, host: str | None, port: int | None, own_hosts: Iterable[str]
) -> str | None:
    """Return the URL of a connection's sandbox, or None for the real service.

    Raises:
        ConfigError: an address is given that is neither the service's own nor that of an allowed sandbox.
    """
    if sandbox:
        if not host or not port:
            raise ConfigError(
                f"Connection {conn_id} is a sandbox connection and needs a host and a port.",
                "`python -m mixpanel_aep_sandbox` says which.",
            )
        bare = host.removeprefix("[").removesuffix("]")
        url = f"http://[{bare}]:{port}" if ":" in bare else f"http://{bare}:{port}"
        check_sandbox_url(conn_id, url)
        require_allowed_sandbox(conn_id, url)
        return url
    if (host or "") not in ("", *own_hosts) or port not in (None, 0, _HTTPS_PORT):
        raise ConfigError(
            f"Connection {conn_id} names a host or port; the address follows from its other fields.",
            "Leave host and port empty. Only a sandbox connection (extra sandbox: true) has an address of its own.",
        )
    return None


def check_sandbox_url(conn_id: str, url: str | None, environment: Mapping[str, str] | None = None) -> None:
    """Refuse a sandbox on another machine that the deployment does not list, and every sandbox in production.

    Raises:
        ConfigError: saying which of the two it is, or that the kind of this deployment is not known.
    """
    try:
        production = is_production(environment)
    except UnknownEnvironment as unknown:
        raise ConfigError(str(unknown), "Correct it, and start the process again.") from None
    if url is None:
        return
    if production:
        raise ConfigError(
            f"Connection {conn_id} points to a sandbox, and {ENVIRONMENT_VARIABLE} says that this is production.",
            "Remove sandbox, host and port from the connection.",
        )
    match = _URL.fullmatch(url)
    is_here = match is not None and _is_loopback(match[1].strip("[]")) and 0 < int(match[2]) < 65536
    if not is_here and not is_listed_elsewhere(url, environment):
        raise ConfigError(
            f"Connection {conn_id}: a sandbox has to be on this machine (127.0.0.1, ::1 or localhost, with a port), or "
            f"listed in {SANDBOXES_VARIABLE} in the environment of every Airflow process, as http://host:port.",
            "To reach the real service, leave sandbox, host and port empty.",
        )


def is_listed_elsewhere(url: str, environment: Mapping[str, str] | None = None) -> bool:
    """Return whether ``MIXPANEL_AEP_SANDBOXES`` lists this sandbox, which is on another machine, with its port.

    Never a name of the real services, and never in production. Where its name leads is checked when it is connected to
    (``include.http.peer_address``).
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
    """Refuse a sandbox that ``MIXPANEL_AEP_SANDBOXES`` does not list: another program may listen on that port.

    Roles below Airflow's admin may edit a connection's host and port, but not the environment. Without the variable every
    sandbox of this machine is allowed, as development needs it; ``production`` has refused it before.

    Raises:
        ConfigError: the sandbox is not in the list.
    """
    listed = (os.environ if environment is None else environment).get(SANDBOXES_VARIABLE)
    if listed is None:
        return
    allowed = {entry.strip().rstrip("/") for entry in listed.split(",")}
    if not {url, f"{url.rpartition(':')[0]}:*"} & allowed:
        raise ConfigError(
            f"Connection {conn_id} points to {url}, a sandbox that this deployment does not allow; nothing was sent.",
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
