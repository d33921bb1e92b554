"""Network settings of the deployment: a proxy, a certificate bundle, and permission for private addresses."""

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
    """A proxy for https, a file or folder of CA certificates that replaces the public ones, and a permission.

    The settings come from the environment of Airflow's processes, under names that only this project uses: not from
    a connection, which others may edit, and not from variables that are meant for other programs.
    """

    proxy: str | None = field(default=None, repr=False)
    """The URL of the proxy, which may contain a user name and a password; None: no proxy."""
    ca_bundle: Path | None = None
    private_network: bool = False
    """Whether the services' names may resolve to private addresses, such as those of a company's gateway."""

    @classmethod
    def of_environment(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Read ``MIXPANEL_AEP_PROXY``, ``MIXPANEL_AEP_CA_BUNDLE`` and ``MIXPANEL_AEP_PRIVATE_NETWORK``.

        Raises:
            ConfigError: the proxy is not a URL (the message does not contain it), the certificates do not exist, or the
                third variable is neither empty nor ``allow``.
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
    """Return the hint of the error for a service that cannot be reached: one or two sentences on what to check.

    ``fault_name``: the class name of the network exception. ``environment``: ``os.environ`` if None.
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
    """Return whether ``text`` is an http or https URL with a host and, if given, a valid port."""
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # an invalid port
        return False
