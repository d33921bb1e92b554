"""Responses as a bare socket reads them, so that no library repairs them."""

from __future__ import annotations

import socket
from typing import NamedTuple
from urllib.parse import urlsplit

import requests

from tests.support.sandbox.http_client import ACCOUNT, Sandbox


class RawResponse(NamedTuple):
    """The received bytes, and how the connection ended: ``whole``, ``cut``, ``inside`` (a chunk), ``reset``, ``open``, ``closed``.

    ``open``: in silence; ``closed``: with the connection, so that a truncation cannot be detected.
    """

    status: int
    headers: dict[str, str]
    body: bytes
    ended: str

    @property
    def lines(self) -> list[bytes]:
        return self.body.split(b"\n")[:-1]


def ask(sandbox: Sandbox, target: str, *, seconds: float = 5, headers: str = "") -> RawResponse:
    """Send a GET as the demo account; read until the connection ends or the time is up."""
    basic = requests.auth._basic_auth_str(*ACCOUNT)
    head = f"host: x\r\nauthorization: {basic}\r\nconnection: close\r\n{headers}\r\n"
    parts = urlsplit(sandbox.url)
    got, ended = b"", ""
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=seconds) as wire:
        wire.sendall(f"GET {target} HTTP/1.1\r\n{head}".encode())
        try:
            while piece := wire.recv(65536):
                got += piece
        except ConnectionResetError:
            ended = "reset"
        except TimeoutError:
            ended = "open"
    return unframed(got, ended)


def unframed(got: bytes, ended: str) -> RawResponse:
    head, _, rest = got.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    status = int(first.split(" ")[1]) if first else 0
    if headers.get("transfer-encoding") != "chunked":
        length = int(headers.get("content-length", -1))
        found = "closed" if length < 0 else "whole" if len(rest) == length else "cut"
        return RawResponse(status, headers, rest, ended or found)
    body = b""
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        count = int(size or b"0", 16)
        if not count:
            return RawResponse(status, headers, body, ended or "whole")
        body += rest[:count]
        if len(rest) < count:
            return RawResponse(status, headers, body, ended or "inside")
        rest = rest[count + 2 :]
    return RawResponse(status, headers, body, ended or "cut")
