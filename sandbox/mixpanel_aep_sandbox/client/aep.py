"""Client of the sandbox for tests of Adobe Experience Platform (AEP) code."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar
from urllib.parse import quote

import requests

from mixpanel_aep_sandbox.aep.core.constants import (
    CATALOG,
    DEMO_CLIENT_ID,
    DEMO_CLIENT_SECRET,
    DEMO_ORG,
    DEMO_SCOPE,
    EXPERIENCE_EVENT,
    IMPORT,
    NAMESPACES,
    QUERY,
    REGISTRY,
)
from mixpanel_aep_sandbox.client.control import Sandbox, SandboxError
from mixpanel_aep_sandbox.core.json_types import JsonObject

_UNDER_WAY = ("loading", "loaded", "staging", "processing", "staged", "queued", "retrying", "stalled")
_CONTENT_TYPE = "application/vnd.adobe.xed+json;version=1"


class AepSandbox(Sandbox):
    """The Adobe services: IMS and one AEP sandbox, ready credentials, and helpers that create and read resources."""

    service: ClassVar[str | None] = "aep"
    client_id: str = DEMO_CLIENT_ID
    client_secret: str = DEMO_CLIENT_SECRET
    org: str = DEMO_ORG
    scope: str = DEMO_SCOPE

    def __init__(self, url: str, aep_sandbox: str = "prod") -> None:
        """Connect to an AEP sandbox of the organization; ``aep_sandbox`` is ``prod`` or ``dev``."""
        super().__init__(url)
        self.aep_sandbox = aep_sandbox
        self._token = ""

    @property
    def token_url(self) -> str:
        """Return the address of the IMS token endpoint."""
        return f"{self.url}/ims/token/v3"

    def reset(self) -> None:
        """Reset the sandbox and forget the token."""
        self._token = ""
        super().reset()

    def token(self) -> str:
        """Return a valid access token; the first call requests it."""
        if not self._token:
            form = {
                "grant_type": "client_credentials",
                "client_id": self.client_id,
                "client_secret": self.client_secret,
                "scope": self.scope,
            }
            answer = self._session.post(self.token_url, data=form, timeout=60)
            self._token = str(_raise_for_error("POST /ims/token/v3", answer).json()["access_token"])
        return self._token

    def headers(self, **more: str) -> dict[str, str]:
        """Return the headers that Adobe's gateway requires."""
        return {
            "Authorization": f"Bearer {self.token()}",
            "x-api-key": self.client_id,
            "x-gw-ims-org-id": self.org,
            "x-sandbox-name": self.aep_sandbox,
            **more,
        }

    def request(self, method: str, path: str, **options: Any) -> requests.Response:
        """Send a request with the gateway's headers. ``options``: arguments of ``requests.request``.

        Raises SandboxError for an error status.
        """
        options["headers"] = self.headers(**options.get("headers", {}))
        answer = self._session.request(method, self.url + path, timeout=60, **options)
        return _raise_for_error(f"{method} {path}", answer)

    def add_schema(self, fields: Mapping[str, object] | None = None, *, title: str = "Events") -> str:
        """Create an ExperienceEvent schema and return its ``$id``.

        ``fields``: JSON Schemas by name, under the tenant.
        """
        refs = [EXPERIENCE_EVENT]
        if fields:
            refs.append(self._add_field_group(fields, f"{title}: fields"))
        body = {"title": title, "type": "object", "allOf": [{"$ref": ref} for ref in refs]}
        return str(self.request("POST", f"{REGISTRY}/tenant/schemas", json=body).json()["$id"])

    def _add_field_group(self, fields: Mapping[str, object], title: str) -> str:
        tenant = f"_{self.control('GET', '/aep/settings')['tenant_id']}"
        body = {
            "title": title,
            "type": "object",
            "meta:intendedToExtend": [EXPERIENCE_EVENT],
            "definitions": {
                "fields": {"properties": {tenant: {"type": "object", "properties": dict(fields)}}}
            },
            "allOf": [{"$ref": "#/definitions/fields"}],
        }
        return str(self.request("POST", f"{REGISTRY}/tenant/fieldgroups", json=body).json()["$id"])

    def add_dataset(
        self,
        name: str = "Events",
        fields: Mapping[str, object] | None = None,
        *,
        schema: str | None = None,
        **more: object,
    ) -> str:
        """Create a dataset of a schema (its ``$id``), or of a new schema with these fields; return the dataset's id."""
        schema = schema or self.add_schema(fields, title=f"{name}: schema")
        body = {"name": name, "schemaRef": {"id": schema, "contentType": _CONTENT_TYPE}, **more}
        [ref] = self.request("POST", f"{CATALOG}/dataSets", json=body).json()
        return str(ref).removeprefix("@/dataSets/")

    def add_namespace(self, code: str, id_type: str = "CROSS_DEVICE") -> None:
        """Create an identity namespace."""
        self.request("POST", NAMESPACES, json={"name": code, "code": code, "idType": id_type})

    def load(self, dataset: str, rows: Iterable[Mapping[str, object]], **more: object) -> JsonObject:
        """Load rows as one batch of JSON Lines and wait until the batch has ended. ``more``: further fields of the batch.

        Returns it as ``batch``.
        """
        body = {
            "datasetId": dataset,
            "inputFormat": {"format": "json"},
            "enableErrorDiagnostics": True,
            **more,
        }
        batch = str(self.request("POST", f"{IMPORT}/batches", json=body).json()["id"])
        content = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
        path = f"{IMPORT}/batches/{batch}/datasets/{dataset}/files/rows.json"
        self.request("PUT", path, data=content, headers={"Content-Type": "application/octet-stream"})
        self.request("POST", f"{IMPORT}/batches/{batch}?action=COMPLETE")
        return self.ended(batch)

    def batch(self, batch: str) -> JsonObject:
        """Return a batch as Catalog shows it: ``status``, ``metrics``, ``errors`` ..."""
        return dict(self.request("GET", f"{CATALOG}/batches/{quote(batch)}").json()[batch])

    def batches(self) -> list[JsonObject]:
        """Return all batches of this AEP sandbox, oldest first, including those that Catalog does not show."""
        return list(self.control("GET", "/aep/batches", params=self._scope_query())["batches"])

    def ended(self, batch: str, *, within_seconds: float = 20) -> JsonObject:
        """Wait until the batch is no longer loading or in progress, and return it.

        Raises SandboxError after a timeout.
        """
        deadline = time.monotonic() + within_seconds
        while (found := self.batch(batch))["status"] in _UNDER_WAY:
            if time.monotonic() > deadline:
                raise SandboxError(f"Batch {batch} is still {found['status']}.")
            time.sleep(0.02)
        return found

    def active_ids(self, dataset: str) -> list[str]:
        """Return the ``_id`` of every active row of a dataset (id or name), in the order of the batches."""
        return [str(row["_id"]) for row in self.lines("/aep/active", dataset=dataset, **self._scope_query())]

    def rows(self, dataset: str, *, limit: int = 1000) -> list[JsonObject]:
        """Return the active rows as AEP stores them."""
        return list(self.lines("/aep/rows", dataset=dataset, limit=limit, **self._scope_query()))

    def settings(self, **changes: object) -> JsonObject:
        """Change settings and return all of them: see ``docs/sandbox.md``."""
        if changes:
            return dict(self.control("POST", "/aep/settings", json=changes))
        return dict(self.control("GET", "/aep/settings"))

    def query_parameters(self) -> JsonObject:
        """Return Query Service's ``host``, ``port``, ``dbName``, ``username`` and ``token``, which is the password."""
        return dict(self.request("GET", f"{QUERY}/connection_parameters").json())

    def add_query_credential(self) -> dict[str, str]:
        """Create a non-expiring credential of Query Service: ``technicalAccountId`` and ``credential``."""
        return dict(self.control("POST", "/aep/query-credentials", json={}, params=self._scope_query()))

    def plan_batches(self, *ends: Mapping[str, object]) -> None:
        """Plan the outcomes of the next batches: ``{"outcome": "failed"}``, for example.

        Without arguments, they succeed again.
        """
        self.settings(next_batches=list(ends))

    def _scope_query(self) -> dict[str, str]:
        return {"org": self.org, "sandbox": self.aep_sandbox}


def _raise_for_error(what: str, answer: requests.Response) -> requests.Response:
    if not answer.ok:
        raise SandboxError(f"{what}: {answer.status_code} {answer.text}")
    return answer
