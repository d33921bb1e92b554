"""One ``requests.Session`` as every client of this project needs it."""

from __future__ import annotations

import socket
from http.cookiejar import DefaultCookiePolicy
from importlib.metadata import PackageNotFoundError, version
from typing import Any
from urllib.parse import quote

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection

from include.errors import RequestRefused

# Load balancers and NAT drop connections that are silent while an export is prepared: treasure-data/
# embulk-input-mixpanel#48. The TCP_* names exist on Linux; macOS has some of them.
_KEEPALIVE = [
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    *(
        (socket.IPPROTO_TCP, getattr(socket, name), seconds)
        for name, seconds in (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 30), ("TCP_KEEPCNT", 4))
        if hasattr(socket, name)
    ),
]


class _KeepaliveAdapter(HTTPAdapter):
    """An adapter that keeps silent connections open, and never retries by itself."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        kwargs["socket_options"] = [*HTTPConnection.default_socket_options, *_KEEPALIVE]
        super().init_poolmanager(*args, **kwargs)


def user_agent() -> str:
    """``mixpanel-aep/<version>``."""
    try:
        return f"mixpanel-aep/{version('mixpanel-aep')}"
    except PackageNotFoundError:  # not installed: run from a checkout
        return "mixpanel-aep/0"


def new_session() -> requests.Session:
    """A session that takes nothing from its environment.

    ``trust_env`` is off because requests would otherwise let ``.netrc`` replace our Authorization header and send
    the traffic through any proxy that the environment names.
    """
    session = requests.Session()
    session.trust_env = False
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.mount("https://", _KeepaliveAdapter(max_retries=0))
    session.mount("http://", _KeepaliveAdapter(max_retries=0))
    session.headers.clear()
    session.headers.update({"User-Agent": user_agent(), "Accept-Encoding": "identity"})
    return session


def join_path(*segments: str) -> str:
    """``/a/b`` with every segment quoted: a name can add neither a segment, nor a query, nor a header.

    Raises:
        RequestRefused: a segment is empty or a dot segment, which clients resolve before sending.
    """
    for segment in segments:
        if segment in ("", ".", ".."):
            raise RequestRefused(f"{segment!r} cannot be a part of an address.")
    return "".join(f"/{quote(segment, safe='')}" for segment in segments)
