"""S3 with faults: a proxy before the S3 server that also checks what S3 checks and the server does not."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

import requests

from tests.support.http_server import Reply, Request, serve_http
from tests.support.s3_server import SIGNED

Conditions = Literal["kept", "stripped", "ignored", "overwritten"]
"""What becomes of ``If-None-Match`` on a PUT: it works; the store never sees it and overwrites; the store keeps the
first object and answers 200; the store answers 412 and overwrites."""
_OWN = {"content-length", "transfer-encoding", "connection", "date", "server"}


@dataclass(frozen=True)
class S3Fault:
    """What happens to the requests whose ``"METHOD target"`` matches; after ``skip`` of them, ``times`` times.

    ``after``: the request is processed nevertheless. ``damage``: one byte of the body changes in transit. ``hold``: it hangs.
    """

    match: str
    status: int = 503
    code: str = "SlowDown"
    times: int = 1
    skip: int = 0
    after: bool = False
    damage: bool = False
    hold: bool = False


@dataclass
class S3Proxy:
    """The address of the proxy, and its planned faults."""

    behind: str
    url: str = ""
    conditions: Conditions = "kept"
    _planned: list[list[object]] = field(default_factory=list)
    held: threading.Event = field(default_factory=threading.Event)
    let_go: threading.Event = field(default_factory=threading.Event)
    _session: requests.Session = field(default_factory=requests.Session)

    def plan(self, fault: S3Fault) -> None:
        self._planned.append([fault, 0])

    def calm(self) -> None:
        self._planned.clear()
        self.conditions = "kept"
        self.let_go.set()
        self.held.clear()
        self.let_go.clear()

    def unfinished_uploads(self, lake: str) -> int:
        """Return how many multipart uploads below ``s3://bucket/prefix`` were begun and not completed."""
        bucket, _, prefix = lake.removeprefix("s3://").partition("/")
        answer = requests.get(f"{self.behind}/{bucket}?uploads", headers=SIGNED, timeout=10)
        answer.raise_for_status()
        return answer.text.count(f"<Key>{prefix}/")

    def handle(self, request: Request) -> Reply:
        fault = self._due(f"{request.method} {request.target}")
        if fault is None:
            return self._forward(request, request.body)
        if fault.hold:
            self.held.set()
            self.let_go.wait(20)
            return Reply(503)
        if fault.damage:
            return self._forward(request, bytes([request.body[0] ^ 1]) + request.body[1:])
        if fault.after:
            self._forward(request, request.body)
        body = f"<?xml version='1.0'?><Error><Code>{fault.code}</Code><Message>planned</Message></Error>".encode()
        return Reply(fault.status, body, {"Content-Type": "application/xml"})

    def _due(self, line: str) -> S3Fault | None:
        for entry in self._planned:
            fault, met = entry
            assert isinstance(fault, S3Fault)
            assert isinstance(met, int)
            if re.match(fault.match, line):
                entry[1] = met + 1
                if fault.skip <= met < fault.skip + fault.times:
                    return fault
        return None

    def _forward(self, request: Request, body: bytes) -> Reply:
        promised = request.headers.get("x-amz-content-sha256", "")
        if re.fullmatch(r"[0-9a-f]{64}", promised) and hashlib.sha256(body).hexdigest() != promised:
            return Reply(
                400,
                b"<Error><Code>XAmzContentSHA256Mismatch</Code></Error>",
                {"Content-Type": "application/xml"},
            )
        sent = {
            name: value
            for name, value in request.headers.items()
            if name.lower() != "if-none-match" or self.conditions in ("kept", "ignored")
        }
        conditional = len(sent) < len(request.headers) or "if-none-match" in map(str.lower, sent)
        there = conditional and self.conditions == "overwritten" and self._holds(request.target)
        answer = self._session.request(
            request.method, self.behind + request.target, headers=sent, data=body, timeout=30
        )
        if conditional and (there or (self.conditions == "ignored" and answer.status_code == 412)):
            return Reply(412 if there else 200, b"", {"ETag": '"planned"'})
        headers = {name: text for name, text in answer.headers.items() if name.lower() not in _OWN}
        if request.method == "HEAD":
            headers["Content-Length"] = answer.headers.get("Content-Length", "0")
        return Reply(answer.status_code, answer.content, headers)

    def _holds(self, target: str) -> bool:
        answer = requests.head(self.behind + target, headers=SIGNED, timeout=10)
        return answer.status_code == 200


@contextmanager
def proxied(behind: str) -> Iterator[S3Proxy]:
    proxy = S3Proxy(behind)
    with serve_http(proxy.handle) as served:
        proxy.url = served.url
        yield proxy
        proxy.calm()
