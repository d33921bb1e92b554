"""Reads the address of Query Service from AEP, checks it, and returns the logins with which a session can be opened."""

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
    "In Adobe Experience Platform the credential's role needs the permission Manage Queries, and the organization needs a "
    "licence with Query Service."
)
_PATH = ("data", "foundation", "query", "connection_parameters")
_HOST = re.compile(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+platform-query\.adobe\.io")


@dataclass(frozen=True)
class Login:
    """The address and the credential for one attempt to open a session of Query Service. ``repr`` shows no password.

    Attributes:
        host: the host name, which TLS compares with the server's certificate.
        address: the IP address of the host name, which has been checked (``include/http/peer_address.py``).
        port: the TCP port.
        user: the user name.
        password: the access token, or the non-expiring credential.
        database: the name of the database.
        kind: the kind of ``password``, for messages, such as ``the access token``.
        certificates: the path of the file with the CA certificates to trust; None for the local sandbox, without TLS.
    """

    host: str
    address: str
    port: int
    user: str
    password: str = field(repr=False)
    database: str
    kind: str
    certificates: str | None

    def parameters(self) -> dict[str, str | int]:
        """Return the connection parameters for libpq.

        All those are included that environment variables such as ``PGHOSTADDR`` could otherwise set.
        """
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
            # Adobe documents this authentication method; libpq sends no password to a server that requests another.
            "require_auth": "password",
            "application_name": "mixpanel-aep",
            **(with_tls if self.certificates else {"sslmode": "disable"}),
        }


def logins(
    settings: AepSettings,
    http: AepHttp,
    tokens: TokenSource,
    resolve: Callable[[str, int], str] | None = None,
    network: NetworkSettings | None = None,
) -> list[Login]:
    """Read the address of Query Service from AEP, and return the logins in the order in which to try them.

    The first has the access token as its password, the second the non-expiring credential of the connection, if any.
    ``resolve``: returns the IP address of a host name and port; None: by DNS.

    Raises:
        LakeNotReadable: the permission or the licence is missing, or the address does not belong to Query Service.
        ServiceUnavailable: AEP does not respond, or the host name cannot be resolved.
    """
    body = _parameters(http)
    host, port = str(body.get("host") or "").lower(), body.get("port")
    if not isinstance(port, int) or isinstance(port, bool) or not 0 < port < 65536 or not body.get("dbName"):
        raise ServiceUnavailable(
            "AEP's connection parameters of Query Service have no usable host, port or dbName.",
            "Run the task again.",
        )
    network = network or NetworkSettings.of_environment()
    if settings.sandbox_url is None and not _HOST.fullmatch(host):
        raise LakeNotReadable(
            f"AEP returned a host for Query Service that does not end with {QUERY_SERVICE_DOMAIN}; no data was sent to it.",
            "Check for a proxy that changes AEP's responses, or contact Adobe support for the host name.",
        )
    address = (resolve or _resolve)(host, port)
    if settings.sandbox_url is not None:
        require_sandbox(host, address, listed=_is_sandbox_host(settings.sandbox_url, host))
    elif host == "localhost":
        raise AddressRefused(
            f"AEP returned {host} as the host of Query Service.", "Contact Adobe support for the host name."
        )
    else:
        require_public(host, address, private_network=network.private_network)
    return [
        Login(
            host,
            address,
            port,
            str(body.get("username") or settings.org_id),
            password,
            str(body["dbName"]),
            kind,
            None if settings.sandbox_url is not None else _ca_bundle_path(network),
        )
        for kind, password in _passwords(settings, tokens)
    ]


def _is_sandbox_host(sandbox_url: str, host: str) -> bool:
    """Return whether ``host`` is that of ``sandbox_url``, a sandbox on another machine that the deployment permits."""
    return is_listed_elsewhere(sandbox_url) and urlsplit(sandbox_url).hostname == host


def _parameters(http: AepHttp) -> dict[str, object]:
    try:
        return http.get(_PATH, "read the connection parameters of Query Service", Response.json_object)
    except (AccessDenied, RequestRefused) as error:
        raise LakeNotReadable(f"Query Service cannot be used: {error.sentence}", MANAGE_QUERIES) from error


def _passwords(settings: AepSettings, tokens: TokenSource) -> list[tuple[str, str]]:
    """Return the kind and the text of each password: the access token, then the non-expiring credential if any."""
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
            "Check this machine's DNS, then run the task again.",
        ) from error
    return str(entries[0][4][0])


def _ca_bundle_path(network: NetworkSettings) -> str:
    if network.ca_bundle is None:
        import certifi  # the default of requests as well

        return str(certifi.where())
    if not network.ca_bundle.is_file():
        raise LakeNotReadable(
            f"{CA_VARIABLE} is a folder, but connections to Query Service need one file of certificates.",
            "Write the certificates into one PEM file, or set verify.reader: data_access.",
        )
    return str(network.ca_bundle)
