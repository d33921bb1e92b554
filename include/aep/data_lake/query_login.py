"""Where Query Service is, and with which passwords a session may be opened."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from include.aep.http import AepHttp
from include.aep.settings import AepSettings
from include.aep.token_source import TokenSource
from include.errors import AccessDenied, AddressRefused, LakeNotReadable, RequestRefused, ServiceUnavailable
from include.http.network import CA_VARIABLE, NetworkSettings
from include.http.peer_address import require_public, require_sandbox
from include.http.response import Response
from include.http.sandbox_address import is_listed_elsewhere

QUERY_SERVICE_DOMAIN = ".platform-query.adobe.io"
MANAGE_QUERIES = (
    "In Adobe Experience Platform the credential's role needs the permission Manage Queries, and the organization a "
    "licence with Query Service."
)
_PATH = ("data", "foundation", "query", "connection_parameters")
_HOST = re.compile(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+platform-query\.adobe\.io")


@dataclass(frozen=True)
class Login:
    """One way to open a session; ``repr`` shows no password. ``kind`` names the password for messages."""

    host: str
    address: str
    """The IP address that the host's name leads to, already checked."""
    port: int
    user: str
    password: str = field(repr=False)
    database: str
    kind: str
    certificates: str | None
    """The file of certificates to check the server with; None: the local sandbox, without TLS."""

    def parameters(self) -> dict[str, str | int]:
        """Return libpq's parameters; also those that the environment could else set (``PGHOSTADDR`` ...)."""
        with_tls = {
            "sslmode": "verify-full",
            "sslrootcert": self.certificates or "",
        }
        return {
            "host": self.host,
            "hostaddr": self.address,
            "port": self.port,
            "user": self.user,
            "password": self.password,
            "dbname": self.database,
            "options": "",
            "gssencmode": "disable",
            "target_session_attrs": "any",
            "client_encoding": "UTF8",
            # The documented kind of login; a server that asks for another one learns nothing.
            "require_auth": "password",
            "application_name": "mixpanel-aep",
            **(with_tls if self.certificates else {"sslmode": "disable"}),
        }


def logins(
    settings: AepSettings,
    http: AepHttp,
    tokens: TokenSource,
    resolve: Callable[[str, int], str] | None = None,
    surroundings: NetworkSettings | None = None,
) -> list[Login]:
    """Ask AEP where Query Service is; the logins in the order in which they are to be tried.

    ``resolve``: the IP address of a host and port.

    Raises:
        LakeNotReadable: the permission or the licence is missing, or the address is not Query Service's.
        ServiceUnavailable: AEP does not answer, or its host name is not known.
    """
    body = _parameters(http)
    host, port = str(body.get("host") or "").lower(), body.get("port")
    if not isinstance(port, int) or isinstance(port, bool) or not 0 < port < 65536 or not body.get("dbName"):
        raise ServiceUnavailable(
            "AEP's connection parameters of Query Service have no usable host, port or dbName.",
            "The task may be run again.",
        )
    given = surroundings or NetworkSettings.of_environment()
    if settings.sandbox_url is None and not _HOST.fullmatch(host):
        raise LakeNotReadable(
            f"AEP names a host for Query Service that does not end with {QUERY_SERVICE_DOMAIN}; nothing was sent there.",
            "Look for a proxy that changes AEP's answers, or ask Adobe for the host's name.",
        )
    address = (resolve or _resolve)(host, port)
    if settings.sandbox_url is not None:
        require_sandbox(host, address, listed=_is_sandbox_host(settings.sandbox_url, host))
    elif host == "localhost":
        raise AddressRefused(f"Query Service cannot be at {host}.", "Ask Adobe for the host's name.")
    else:
        require_public(host, address, private_network=given.private_network)
    return [
        Login(
            host,
            address,
            port,
            str(body.get("username") or settings.org_id),
            password,
            str(body["dbName"]),
            kind,
            None if settings.sandbox_url is not None else _certificates(given),
        )
        for kind, password in _passwords(settings, tokens)
    ]


def _is_sandbox_host(sandbox_url: str, host: str) -> bool:
    """Whether Query Service is said to be on the machine of a sandbox that the deployment lists."""
    return is_listed_elsewhere(sandbox_url) and urlsplit(sandbox_url).hostname == host


def _parameters(http: AepHttp) -> dict[str, object]:
    try:
        return http.get(_PATH, "give the connection parameters of Query Service", Response.json_object)
    except (AccessDenied, RequestRefused) as error:
        raise LakeNotReadable(f"Query Service cannot be used: {error.sentence}", MANAGE_QUERIES) from error


def _passwords(settings: AepSettings, tokens: TokenSource) -> list[tuple[str, str]]:
    """The token of IMS, then the non-expiring credential where the connection has one."""
    found = [("the access token", tokens.token())]
    if settings.query_secret is not None:
        found.append(("the non-expiring credential", f"{settings.query_account}:{settings.query_secret}"))
    return found


def _resolve(host: str, port: int) -> str:
    try:
        entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise ServiceUnavailable(
            f"The host name of Query Service cannot be resolved ({type(error).__name__}).",
            "Look at this machine's name server; the task may be run again.",
        ) from error
    return str(entries[0][4][0])


def _certificates(given: NetworkSettings) -> str:
    if given.ca_bundle is None:
        import certifi  # what requests trusts, too

        return str(certifi.where())
    if not given.ca_bundle.is_file():
        raise LakeNotReadable(
            f"{CA_VARIABLE} names a folder; connections to Query Service need one file of certificates.",
            "Write the certificates into one PEM file, or let verify use Data Access.",
        )
    return str(given.ca_bundle)
