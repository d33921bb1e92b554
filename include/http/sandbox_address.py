"""Checks of sandbox addresses, which replace the real services in tests and development.

A sandbox runs on this machine or is listed by the deployment. It is never allowed in production.
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
"""Domains that no sandbox may have, even if the deployment lists one: credentials would be sent there without TLS."""
_URL = re.compile(r"http://(\[[0-9A-Fa-f:.]{1,45}\]|[A-Za-z0-9.-]{1,255}):([0-9]{1,5})")


def sandbox_address(
    conn_id: str, *, sandbox: bool, host: str | None, port: int | None, own_hosts: Iterable[str]
) -> str | None:
    """Return the URL of the sandbox that a connection uses, or None if the connection uses the real service.

    ``sandbox``: the connection declares a sandbox. ``own_hosts``: the host names of the real service.

    Raises:
        ConfigError: the sandbox has no host or port or is not allowed, or a connection to the real service has a host
            or port other than the service's own.
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
    """Raise if ``url`` is a sandbox in production, or one on another machine that the deployment does not list.

    ``url``: None for the real service. ``environment``: ``os.environ`` if None.

    Raises:
        ConfigError: naming the reason; also if the environment variable for the kind of deployment is invalid.
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
    """Return whether ``MIXPANEL_AEP_SANDBOXES`` lists ``url``, a sandbox that may run on another machine.

    Always False in production, and for host names of the real services. ``include.http.peer_address`` checks the IP
    address when the client connects.
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
    """Raise if ``MIXPANEL_AEP_SANDBOXES`` is set and does not list ``url``: another program may listen on that port.

    Roles below Airflow's admin may edit a connection's host and port, but not the environment. If the variable is not
    set, every sandbox on this machine is allowed, for development; ``check_sandbox_url`` refuses those in production.

    Raises:
        ConfigError: the sandbox is not in the list.
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
