"""What a company's network may add between this machine and the services: a proxy, and certificates of its own."""

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
    """A proxy for https, and a file or folder of certificates that are trusted instead of the public ones.

    All come from the environment of whoever runs Airflow, under names of this project alone: they are neither in a
    connection, which others may edit, nor in variables that were meant for other programs.
    """

    proxy: str | None = field(default=None, repr=False)
    """May hold a user name and a password."""
    ca_bundle: Path | None = None
    private_network: bool = False
    """Whether the services' names may lead to private addresses: those of a company's gateway."""

    @classmethod
    def of_environment(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Reads ``MIXPANEL_AEP_PROXY``, ``MIXPANEL_AEP_CA_BUNDLE`` and ``MIXPANEL_AEP_PRIVATE_NETWORK``.

        Raises:
            ConfigError: the proxy is no URL, or there are no such certificates; the URL is not in the message.
        """
        given = os.environ if environment is None else environment
        proxy, bundle = given.get(PROXY_VARIABLE, "").strip(), given.get(CA_VARIABLE, "").strip()
        if proxy and not _is_proxy(proxy):
            raise ConfigError(
                f"{PROXY_VARIABLE} is not the address of a proxy.",
                "Write it as http://proxy.example.com:3128.",
            )
        if bundle and not Path(bundle).exists():
            raise ConfigError(
                f"{CA_VARIABLE} names {bundle!r}, which is not on this machine.",
                "It should be a PEM file with the certificates of your company's proxy, or leave it out.",
            )
        private = given.get(PRIVATE_VARIABLE, "").strip().lower()
        if private not in ("", "allow"):
            raise ConfigError(
                f"{PRIVATE_VARIABLE} says something that is not known.", "Write allow, or leave it out."
            )
        return cls(proxy or None, Path(bundle) if bundle else None, private == "allow")


def network_hint(trouble: str, environment: Mapping[str, str] | None = None) -> str:
    """What to look at when a service cannot be reached; ``trouble`` is the name of the exception's class."""
    given = os.environ if environment is None else environment
    if trouble == "SSLError":
        return (
            f"Its certificate is not trusted here: where a company's proxy looks into TLS, name that proxy's "
            f"certificates in {CA_VARIABLE}."
        )
    if trouble == "ProxyError":
        return f"The proxy of {PROXY_VARIABLE} does not let the request through; the task may be run again."
    usual = next(filter(given.get, _USUAL_PROXY_VARIABLES), "")
    if usual and not given.get(PROXY_VARIABLE):
        return (
            f"This machine has a proxy in {usual}, which is used only if {PROXY_VARIABLE} names it too; "
            "otherwise look for a firewall or an outage. The task may be run again."
        )
    return "Look for a firewall or an outage between this machine and the service; the task may be run again."


def _is_proxy(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is none
        return False
