"""A small AEP that stores what it receives, validates requests, and fails as planned."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from include.aep.client import AepClient
from include.aep.settings import AepSettings
from include.aep.upload import UploadLimits
from include.http.request import RetryPolicy
from include.json_types import JsonObject
from tests.support.fake_clock import FakeClock
from tests.support.http_server import HttpServer, Reply, Request

CLIENT_SECRET = "p8e-canary/client+secret"
ORG = "0123456789ABCDEF@AdobeOrg"
Fault = Callable[[Request], Reply | None]


def settings(url: str | None = None) -> AepSettings:
    return AepSettings("client-1", CLIENT_SECRET, ORG, "prod", sandbox_url=url, conn_id="adobe")


def client(served: HttpServer, hands: FakeClock, **more: Any) -> AepClient:
    return AepClient(settings(served.url), hands.clock, retry_policy=RetryPolicy(5, 5), **more)


def small_limits() -> UploadLimits:
    return UploadLimits(chunk_from_bytes=100, chunk_bytes=40)


@dataclass
class FakeAep:
    """An AEP that answers as documented, unless one of its ``faults`` answers or disconnects instead."""

    token_seconds: float = 86399
    tokens: list[str] = field(default_factory=list)
    revoked: set[str] = field(default_factory=set)
    faults: list[Fault] = field(default_factory=list)
    datasets: dict[str, JsonObject] = field(default_factory=dict)
    batches: dict[str, JsonObject] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    parts: dict[str, list[tuple[int, bytes]]] = field(default_factory=dict)
    most_bytes: int = 256_000_000

    def __call__(self, request: Request) -> Reply:
        for fault in self.faults:
            if (reply := fault(request)) is not None:
                return reply
        if request.path == "/ims/token/v3":
            return self._token(request)
        return self._gate(request) or self._serve(request)

    def _token(self, request: Request) -> Reply:
        form = {key: values[0] for key, values in parse_qs(request.body.decode()).items()}
        assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
        assert form["grant_type"] == "client_credentials"
        assert form["scope"].split(",")[0] == "openid"
        if (form["client_id"], form["client_secret"]) != ("client-1", CLIENT_SECRET):
            return Reply.json({"error": "invalid_client"}, 401)
        self.tokens.append(f"canary-token-{len(self.tokens) + 1}")
        return Reply.json(
            {"access_token": self.tokens[-1], "token_type": "bearer", "expires_in": self.token_seconds}
        )

    def _gate(self, request: Request) -> Reply | None:
        kind, _, token = (request.headers["Authorization"] or "").partition(" ")
        if kind != "Bearer" or token not in self.tokens or token in self.revoked:
            return Reply.json({"error_code": "401013", "message": f"Oauth token {token} is not valid"}, 401)
        named = {"x-api-key": "client-1", "x-gw-ims-org-id": ORG, "x-sandbox-name": "prod"}
        for name, value in named.items():
            assert request.headers[name] == value
        return None

    def _serve(self, request: Request) -> Reply:
        path = request.path
        if path.startswith("/data/foundation/catalog/dataSets"):
            return self._datasets(request)
        if path.startswith("/data/foundation/catalog/batches"):
            return self._catalog_batches(request)
        if "/files/" in path:
            return self._file(request)
        if path.startswith("/data/foundation/import/batches"):
            return self._import(request)
        return Reply.json({"title": "NotFoundError"}, 404)

    def _datasets(self, request: Request) -> Reply:
        if request.method == "POST":
            body = json.loads(request.body)
            dataset_id = f"{len(self.datasets) + 1:024x}"
            self.datasets[dataset_id] = body
            return Reply.json([f"@/dataSets/{dataset_id}"], 201)
        if request.segments[-1] != "dataSets":
            found = {key: body for key, body in self.datasets.items() if key == request.segments[-1]}
            return Reply.json(found, 200 if found else 404)
        name = request.query["name"].lower()  # Less strict than exact: the client has to check for itself.
        return self._page(request, {k: v for k, v in self.datasets.items() if name in v["name"].lower()})

    def _catalog_batches(self, request: Request) -> Reply:
        if request.segments[-1] != "batches":
            found = {key: body for key, body in self.batches.items() if key == request.segments[-1]}
            return Reply.json(found, 200 if found else 404)
        wanted = request.query["externalId"]
        return self._page(request, {k: v for k, v in self.batches.items() if wanted in v["externalId"]})

    @staticmethod
    def _page(request: Request, entries: JsonObject) -> Reply:
        start, limit = int(request.query.get("start", 0)), int(request.query["limit"])
        assert 1 <= limit <= 100
        return Reply.json(dict(list(entries.items())[start : start + limit]))

    def _import(self, request: Request) -> Reply:
        if request.segments[-1] == "batches":
            body = json.loads(request.body)
            batch_id = f"01BATCH{len(self.batches) + 1}"
            self.batches[batch_id] = {
                "status": "loading",
                "externalId": body["externalId"],
                "created": 1000 + len(self.batches),
                "relatedObjects": [{"type": "dataSet", "id": body["datasetId"]}],
                "asked": body,
            }
            return Reply.json({"id": batch_id, "status": "loading", "externalId": body["externalId"]}, 201)
        batch = self.batches.get(request.segments[-1])
        if batch is None:
            return Reply.json({"title": "NotFoundError"}, 404)
        action = request.query["action"]
        if action == "ABORT" and batch["status"] != "loading":
            return Reply.json({"title": "BadRequestError"}, 400)
        batch["status"] = {"COMPLETE": "loaded", "ABORT": "aborted", "REVERT": "inactive"}[action]
        return Reply(200)

    def _file(self, request: Request) -> Reply:
        name = "/".join(request.segments[request.segments.index("files") + 1 :])
        if request.method == "PUT":
            assert request.headers["Content-Type"] == "application/octet-stream"
            if len(request.body) > self.most_bytes:
                return Reply(413)
            known = name in self.files
            self.files[name] = request.body
            return Reply(200 if known else 201)
        if request.method == "PATCH":
            return self._part(request, name)
        if request.method == "HEAD":
            ranges = ",".join(f"{at}-{at + len(data) - 1}" for at, data in self.parts.get(name, []))
            return Reply(200 if name in self.parts else 404, headers={"Range": f"bytes={ranges}"})
        if request.query["action"] == "INITIALIZE":
            self.parts[name] = []
            return Reply(201)
        content = b""
        for at, data in sorted(self.parts[name]):
            if at != len(content):
                return Reply.json({"title": "BadRequestError"}, 400)
            content += data
        self.files[name] = content
        return Reply.json({"name": name, "sizeInBytes": len(content)})

    def _part(self, request: Request, name: str) -> Reply:
        match = re.fullmatch(r"bytes (\d+)-(\d+)", request.headers["Content-Range"])
        assert match, request.headers["Content-Range"]
        assert int(match[2]) - int(match[1]) + 1 == len(request.body)
        if len(request.body) > self.most_bytes:
            return Reply(413)
        self.parts[name].append((int(match[1]), request.body))
        return Reply(200)


def times(count: int, reply: Reply, *, method: str = "", path: str = "") -> Fault:
    """Answer the first ``count`` matching requests with ``reply``."""
    left = [count]

    def fault(request: Request) -> Reply | None:
        if left[0] and request.method.startswith(method) and path in request.target:
            left[0] -= 1
            return reply
        return None

    return fault


def lost_answer(aep: FakeAep, count: int, *, method: str, path: str) -> Fault:
    """Process the first ``count`` matching requests, but lose their responses."""
    left = [count]

    def fault(request: Request) -> Reply | None:
        if left[0] and request.method.startswith(method) and path in request.target:
            left[0] -= 1
            aep._gate(request)
            aep._serve(request)
            return Reply(wire=b"")
        return None

    return fault
