"""Creates the ``requests.Session`` of each client: with strict reading of responses, and checked IP addresses."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from http.client import BadStatusLine, HTTPResponse, parse_headers
from http.cookiejar import DefaultCookiePolicy
from importlib.metadata import PackageNotFoundError, version
from typing import Any
from urllib.parse import quote

import requests
from requests.adapters import HTTPAdapter
from urllib3 import ProxyManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from include.errors import RequestRefused
from include.http.network import NetworkSettings
from include.http.peer_address import require_public, require_sandbox
from include.http.sandbox_address import is_listed_elsewhere

# Without keep-alive, load balancers and NAT drop the silent connection while Mixpanel prepares an export:
# treasure-data/embulk-input-mixpanel#48. Linux has all three TCP_* options, macOS some of them.
_SOCKET_OPTIONS = [
    *HTTPConnection.default_socket_options,
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    *(
        (socket.IPPROTO_TCP, getattr(socket, name), seconds)
        for name, seconds in (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 30), ("TCP_KEEPCNT", 4))
        if hasattr(socket, name)
    ),
]
_LONGEST_CHUNK_HEAD_BYTES = 4096


_MOST_INTERIM = 20


class _StrictResponse(HTTPResponse):
    """An HTTP response that is read more strictly than by Python.

    All interim (1xx) responses are skipped: Python skips only 100, and would return 103 Early Hints as the response.
    The line with a chunk's size must be complete: Python would read ``00a0``, truncated after the first digit, as 0,
    which is the size of the last chunk, and so accept a truncated body as complete.
    """

    def _read_status(self) -> tuple[str, int, str]:
        for _ in range(_MOST_INTERIM):
            version, status, reason = super()._read_status()  # type: ignore[misc]
            if not 100 <= status < 200:
                return version, status, reason
            parse_headers(self.fp)  # RFC 9110 section 15.2: an interim response ends with its headers
        raise BadStatusLine("too many interim responses")

    def _read_next_chunk_size(self) -> int:
        line = self.fp.readline(_LONGEST_CHUNK_HEAD_BYTES)
        size = re.fullmatch(rb"([0-9A-Fa-f]{1,16})[ \t]*(;[^\n]*)?\r?\n", line)
        if size is None:
            raise ValueError("not a chunk size")  # http.client raises it as an IncompleteRead
        return int(size[1], 16)


class _Connection(HTTPConnection):
    response_class = _StrictResponse

    def _new_conn(self) -> socket.socket:
        name = f"[{self.host}]" if ":" in self.host else self.host
        listed = is_listed_elsewhere(f"http://{name}:{self.port}")
        return _require_allowed_peer(
            super()._new_conn(), lambda peer: require_sandbox(self.host, peer, listed=listed)
        )


class _SecureConnection(HTTPSConnection):
    response_class = _StrictResponse

    def _new_conn(self) -> socket.socket:
        if self.proxy is not None:  # this connection leads to the proxy, which connects to the host
            return super()._new_conn()
        private = NetworkSettings.of_environment().private_network
        return _require_allowed_peer(
            super()._new_conn(), lambda peer: require_public(self.host, peer, private_network=private)
        )


def _require_allowed_peer(connected: socket.socket, check: Callable[[str], None]) -> socket.socket:
    """Call ``check`` with the IP address to which a socket is connected, and return the socket if it is permitted.

    If ``check`` raises an error, the socket is closed before anything is sent. The address of the open connection is
    checked, because a DNS lookup before could have returned another one.
    """
    try:
        check(connected.getpeername()[0])
    except BaseException:
        connected.close()
        raise
    return connected


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class _Adapter(HTTPAdapter):
    """An adapter whose connections use TCP keep-alive, ``_StrictResponse``, and the checks of IP addresses."""

    # The arguments of urllib3's managers, as in the stubs of requests.
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        kwargs["socket_options"] = _SOCKET_OPTIONS
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> ProxyManager:
        manager: ProxyManager = super().proxy_manager_for(proxy, **kwargs, socket_options=_SOCKET_OPTIONS)
        manager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}
        return manager


def user_agent() -> str:
    """Return the value of the User-Agent header: ``mixpanel-aep/`` and the version, or 0 if it is not installed."""
    try:
        return f"mixpanel-aep/{version('mixpanel-aep')}"
    except PackageNotFoundError:  # not installed, running from a checkout
        return "mixpanel-aep/0"


def new_session() -> requests.Session:
    """Return a new session, with the proxy and CA certificates of ``NetworkSettings``, without cookies and retries.

    With ``trust_env``, requests would replace the Authorization header by an entry of ``.netrc``, and use the proxy of
    variables such as ``HTTPS_PROXY``; so it is off.

    Raises:
        ConfigError: a network setting is invalid; see ``NetworkSettings``.
    """
    network_settings = NetworkSettings.of_environment()
    session = requests.Session()
    session.trust_env = False
    if network_settings.proxy:
        session.proxies = {"https": network_settings.proxy}  # the sandbox uses plain http without a proxy
    if network_settings.ca_bundle:
        session.verify = str(network_settings.ca_bundle)
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.mount("https://", _Adapter(max_retries=0))
    session.mount("http://", _Adapter(max_retries=0))
    session.headers.clear()
    session.headers.update({"User-Agent": user_agent(), "Accept-Encoding": "identity"})
    return session


def join_path(*segments: str) -> str:
    """Return the path of a URL, such as ``/a/b``, in which each segment is quoted.

    A name with a slash or a question mark therefore cannot change the path or add a query.

    Raises:
        RequestRefused: a segment is empty, or it is ``.`` or ``..``, which HTTP clients resolve before they send a
            request.
    """
    for segment in segments:
        if segment in ("", ".", ".."):
            raise RequestRefused(
                f"{segment!r} is not allowed as a segment of a URL path.",
                "Check the name in the configuration.",
            )
    return "".join(f"/{quote(segment, safe='')}" for segment in segments)
