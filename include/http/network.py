"""The network settings of a deployment: a proxy, CA certificates, and the permission for private addresses."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from include.errors import ConfigError

PROXY_VARIABLE = "MIXPANEL_AEP_PROXY"
CA_VARIABLE = "MIXPANEL_AEP_CA_BUNDLE"
PRIVATE_VARIABLE = "MIXPANEL_AEP_PRIVATE_NETWORK"
_USUAL_PROXY_VARIABLES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")


@dataclass(frozen=True)
class NetworkSettings:
    """How this deployment reaches the services on the internet.

    The settings come from environment variables that only this project uses. They are not in a connection, which more
    people may edit, and not in variables that are meant for other programs, such as ``HTTPS_PROXY``.

    Attributes:
        proxy: the URL of the proxy for https, which may contain a user name and a password; None: no proxy.
        ca_bundle: a file or a folder of CA certificates to trust instead of the public ones; None: the public ones.
        private_network: whether the host names of services may resolve to private addresses, such as that of a
            company's gateway.
    """

    proxy: str | None = field(default=None, repr=False)
    ca_bundle: Path | None = None
    private_network: bool = False

    @classmethod
    def of_environment(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Read ``MIXPANEL_AEP_PROXY``, ``MIXPANEL_AEP_CA_BUNDLE`` and ``MIXPANEL_AEP_PRIVATE_NETWORK``.

        ``environment``: the variables; None: those of the process.

        Raises:
            ConfigError: the proxy is not a URL, the certificates do not exist, or the third variable is neither empty
                nor ``allow``. The message does not contain the proxy's URL.
        """
        given = os.environ if environment is None else environment
        proxy, bundle = given.get(PROXY_VARIABLE, "").strip(), given.get(CA_VARIABLE, "").strip()
        if proxy and not _is_proxy(proxy):
            raise ConfigError(
                f"{PROXY_VARIABLE} is not a valid proxy address.",
                "Use the form http://proxy.example.com:3128.",
            )
        if bundle and not Path(bundle).exists():
            raise ConfigError(
                f"{CA_VARIABLE} names {bundle!r}, which does not exist on this machine.",
                "Set the variable to a PEM file with the certificates of your company's proxy, or remove the variable.",
            )
        private = given.get(PRIVATE_VARIABLE, "").strip().lower()
        if private not in ("", "allow"):
            raise ConfigError(
                f"{PRIVATE_VARIABLE} has an unknown value.", "Set the variable to allow, or remove it."
            )
        return cls(proxy or None, Path(bundle) if bundle else None, private == "allow")


def network_hint(fault_name: str, environment: Mapping[str, str] | None = None) -> str:
    """Return the hint for the error that a service cannot be reached: what the user should check.

    ``fault_name``: the name of the exception's class, such as ``SSLError``. ``environment``: the environment variables;
    None: those of the process.
    """
    given = os.environ if environment is None else environment
    if fault_name == "SSLError":
        return (
            f"The certificate is not trusted on this machine. If a company proxy inspects TLS, set {CA_VARIABLE} to "
            "its certificates."
        )
    if fault_name == "ProxyError":
        return (
            f"The proxy of {PROXY_VARIABLE} refused the connection. Check its rules, then run the task again."
        )
    usual = next(filter(given.get, _USUAL_PROXY_VARIABLES), "")
    if usual and not given.get(PROXY_VARIABLE):
        return (
            f"{usual} names a proxy, but only {PROXY_VARIABLE} is used: set it if the proxy is required. "
            "Otherwise check for a firewall or an outage, then run the task again."
        )
    return "Check for a firewall or an outage between this machine and the service, then run the task again."


def _is_proxy(text: str) -> bool:
    """Return whether ``text`` is an http or https URL with a host name and, if it contains a port, a valid one."""
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # an invalid port
        return False
