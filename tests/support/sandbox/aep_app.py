"""A client for tests of the sandbox's Adobe side: plain requests to an app with only its two routers."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI
from httpx import Response
from starlette.testclient import TestClient

from mixpanel_aep_sandbox.aep import routes as aep
from mixpanel_aep_sandbox.aep.core.constants import (
    CATALOG,
    DEMO_CLIENT_ID,
    DEMO_CLIENT_SECRET,
    DEMO_ORG,
    DEMO_SCOPE,
    EXPERIENCE_EVENT,
    IMPORT,
    NAMESPACES,
    REGISTRY,
)
from mixpanel_aep_sandbox.aep.core.scope import AepSandboxScope
from mixpanel_aep_sandbox.core.path_parameters import register_key_converter
from mixpanel_aep_sandbox.core.state import SandboxState, Settings
from mixpanel_aep_sandbox.core.store import Store
from mixpanel_aep_sandbox.ims.routes import tokens as ims
from tests.support.sandbox.json_types import JsonObject

FULL = "application/vnd.adobe.xed-full+json; version=1"
RAW = "application/vnd.adobe.xed+json; version=1"
FORM = {
    "grant_type": "client_credentials",
    "client_id": DEMO_CLIENT_ID,
    "client_secret": DEMO_CLIENT_SECRET,
    "scope": DEMO_SCOPE,
}
FIELDS = {
    "distinctId": {"type": "string", "title": "Distinct Id"},
    "plan": {"type": "string", "enum": ["free", "paid"]},
    "code": {"type": "string", "pattern": "^[A-Z]{2}$", "maxLength": 2},
    "count": {"type": "integer", "minimum": -9007199254740992, "maximum": 9007199254740992},
    "small": {"type": "integer"},
    "price": {"type": "number"},
    "paid": {"type": "boolean"},
    "seen": {"type": "string", "format": "date-time"},
    "day": {"type": "string", "format": "date"},
    "tags": {"type": "array", "items": {"type": "string"}},
    "labels": {"type": "object", "meta:xdmType": "map", "additionalProperties": {"type": "string"}},
    "place": {
        "type": "object",
        "properties": {"city": {"type": "string"}, "zip": {"type": "string"}},
        "required": ["city"],
    },
}


class AepApp:
    """One caller of the sandbox. ``request`` sends the gateway's headers; other methods are the usual first steps."""

    def __init__(self, state: SandboxState) -> None:
        self.state = state
        self._made = 0
        register_key_converter()
        app = FastAPI(openapi_url=None, redirect_slashes=False)
        app.include_router(ims.router(state))
        app.include_router(aep.router(state))
        self.http = TestClient(app, base_url="http://sandbox")
        self.headers = {
            "Authorization": f"Bearer {self.token()}",
            "x-api-key": DEMO_CLIENT_ID,
            "x-gw-ims-org-id": DEMO_ORG,
            "x-sandbox-name": "prod",
        }

    @property
    def scope(self) -> AepSandboxScope:
        """Return the state of the AEP sandbox that this client calls."""
        return AepSandboxScope(self.state, DEMO_ORG, self.headers["x-sandbox-name"])

    def token(self, **form: str) -> str:
        return str(self.http.post("/ims/token/v3", data={**FORM, **form}).json()["access_token"])

    def request(self, method: str, url: str, **options: Any) -> Response:
        options["headers"] = {**self.headers, **options.get("headers", {})}
        return self.http.request(method, url, **options)

    def ok(self, method: str, url: str, **options: Any) -> Any:
        response = self.request(method, url, **options)
        assert response.status_code < 300, (response.status_code, response.text)
        return response.json() if response.content else None

    def field_group(self, fields: JsonObject | None = None, title: str = "Fields") -> JsonObject:
        return dict(
            self.ok("POST", f"{REGISTRY}/tenant/fieldgroups", json=field_group(fields or FIELDS, title))
        )

    def schema(self, *refs: str, title: str = "Events", of: str = EXPERIENCE_EVENT) -> JsonObject:
        body = {"title": title, "type": "object", "allOf": [{"$ref": ref} for ref in (of, *refs)]}
        return dict(self.ok("POST", f"{REGISTRY}/tenant/schemas", json=body))

    def dataset(self, schema: str, name: str = "Events", **more: Any) -> str:
        body = {
            "name": name,
            "schemaRef": {"id": schema, "contentType": "application/vnd.adobe.xed+json;version=1"},
        }
        (ref,) = self.ok("POST", f"{CATALOG}/dataSets", json={**body, **more})
        return str(ref).removeprefix("@/dataSets/")

    def namespace(self, code: str) -> None:
        self.ok("POST", NAMESPACES, json={"name": code, "code": code, "idType": "Cross_device"})

    def identity(self, schema: str, path: str = "/_acmesandbox/distinctId", primary: bool = True) -> Response:
        body = {
            "@type": "xdm:descriptorIdentity",
            "xdm:sourceSchema": schema,
            "xdm:sourceVersion": 1,
            "xdm:sourceProperty": path,
            "xdm:namespace": "Email",
            "xdm:property": "xdm:code",
            "xdm:isPrimary": primary,
        }
        return self.request("POST", f"{REGISTRY}/tenant/descriptors", json=body)

    def ready(self) -> str:
        """Create field group, schema and dataset, and return the dataset's id; the first dataset is called Events."""
        self._made += 1
        number = "" if self._made == 1 else f" {self._made}"
        group = self.field_group(title=f"Fields{number}")["$id"]
        return self.dataset(self.schema(group, title=f"Events{number}")["$id"], f"Events{number}")

    def create(self, dataset: str, file_format: str = "json", **more: Any) -> str:
        body = {
            "datasetId": dataset,
            "inputFormat": {"format": file_format},
            "enableErrorDiagnostics": True,
            **more,
        }
        return str(self.ok("POST", f"{IMPORT}/batches", json=body)["id"])

    def files(self, batch: str, dataset: str, name: str) -> str:
        return f"{IMPORT}/batches/{batch}/datasets/{dataset}/files/{quote(name)}"

    def put(self, batch: str, dataset: str, content: bytes, name: str = "a.json") -> Response:
        kind = {"Content-Type": "application/octet-stream"}
        return self.request("PUT", self.files(batch, dataset, name), content=content, headers=kind)

    def act(self, batch: str, action: str) -> Response:
        return self.request("POST", f"{IMPORT}/batches/{batch}", params={"action": action})

    def batch(self, batch: str) -> JsonObject:
        return dict(self.ok("GET", f"{CATALOG}/batches/{batch}")[batch])

    def load(self, dataset: str, content: bytes, file_format: str = "json", **more: Any) -> JsonObject:
        """Create one batch of one file, and wait for its end."""
        batch = self.create(dataset, file_format, **more)
        assert self.put(batch, dataset, content).status_code == 201
        assert self.act(batch, "COMPLETE").status_code == 200
        return self.ended(batch)

    def ended(self, batch: str) -> JsonObject:
        for _ in range(500):
            body = self.batch(batch)
            if body["status"] not in ("loaded", "staging", "processing", "staged"):
                return body
            time.sleep(0.02)
        raise AssertionError(body)

    def active(self, dataset: str) -> list[str]:
        text = self.http.get("/_sandbox/aep/active", params={"dataset": dataset}).text
        return [json.loads(line)["_id"] for line in text.split("\n")[:-1]]

    def rows(self, dataset: str) -> list[JsonObject]:
        text = self.http.get("/_sandbox/aep/rows", params={"dataset": dataset, "limit": "1000"}).text
        return [json.loads(line) for line in text.split("\n")[:-1]]


def field_group(fields: JsonObject, title: str = "Fields") -> JsonObject:
    return {
        "title": title,
        "type": "object",
        "meta:intendedToExtend": [EXPERIENCE_EVENT],
        "definitions": {
            "customFields": {"properties": {"_acmesandbox": {"type": "object", "properties": fields}}}
        },
        "allOf": [{"$ref": "#/definitions/customFields"}],
    }


def row(key: str = "1", **fields: object) -> JsonObject:
    """Return an event in XDM, with these fields of the tenant."""
    body: JsonObject = {"_id": f"id{key}", "timestamp": "2024-05-01T10:00:00.123Z"}
    return {**body, "_acmesandbox": fields} if fields else body


def lines(*rows: JsonObject) -> bytes:
    return b"".join(json.dumps(each).encode() + b"\n" for each in rows)


@contextmanager
def aep_app(folder: Path, **settings: Any) -> Iterator[AepApp]:
    state = SandboxState(Store(folder), Settings(**{"batch_seconds": 0.0, **settings}))
    caller = AepApp(state)
    try:
        with caller.http:  # One event loop for all requests, not one for each.
            yield caller
    finally:
        state.store.close()
