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

_UNFINISHED = ("loading", "loaded", "staging", "processing", "staged", "queued", "retrying", "stalled")
_CONTENT_TYPE = "application/vnd.adobe.xed+json;version=1"


class AepSandbox(Sandbox):
    """Client of the Adobe stand-ins: IMS and one AEP sandbox, with the demo credentials as attributes.

    Its methods send requests with a valid token, and create and read datasets, batches and rows.
    """

    service: ClassVar[str | None] = "aep"
    client_id: str = DEMO_CLIENT_ID
    client_secret: str = DEMO_CLIENT_SECRET
    org: str = DEMO_ORG
    scope: str = DEMO_SCOPE

    def __init__(self, url: str, aep_sandbox: str = "prod") -> None:
        """Store the URL of the running sandbox and the name of the AEP sandbox to use, ``prod`` or ``dev``."""
        super().__init__(url)
        self.aep_sandbox = aep_sandbox
        self._token = ""

    @property
    def token_url(self) -> str:
        """URL of the IMS token endpoint."""
        return f"{self.url}/ims/token/v3"

    def reset(self) -> None:
        """Reset the sandbox to its initial state, and discard the cached access token."""
        self._token = ""
        super().reset()

    def token(self) -> str:
        """Return an access token of the demo credential. Only the first call requests a token from IMS."""
        if not self._token:
            form = {
                "grant_type": "client_credentials",
                "client_id": self.client_id,
                "client_secret": self.client_secret,
                "scope": self.scope,
            }
            response = self._session.post(self.token_url, data=form, timeout=60)
            self._token = str(_raise_for_error("POST /ims/token/v3", response).json()["access_token"])
        return self._token

    def headers(self, **more: str) -> dict[str, str]:
        """Return the headers that Adobe's API gateway requires, and the additional headers ``more``."""
        return {
            "Authorization": f"Bearer {self.token()}",
            "x-api-key": self.client_id,
            "x-gw-ims-org-id": self.org,
            "x-sandbox-name": self.aep_sandbox,
            **more,
        }

    def request(self, method: str, path: str, **options: Any) -> requests.Response:
        """Send a request to ``path`` with the headers of Adobe's API gateway, and return the response.

        ``options``: keyword arguments of ``requests.request``. Raises SandboxError for an error status.
        """
        options["headers"] = self.headers(**options.get("headers", {}))
        response = self._session.request(method, self.url + path, timeout=60, **options)
        return _raise_for_error(f"{method} {path}", response)

    def add_schema(self, fields: Mapping[str, object] | None = None, *, title: str = "Events") -> str:
        """Create a schema of class XDM ExperienceEvent and return its ``$id``.

        ``fields``: JSON Schemas by field name, which become fields under the tenant id.
        """
        refs = [EXPERIENCE_EVENT]
        if fields:
            refs.append(self._add_field_group(fields, f"{title}: fields"))
        body = {"title": title, "type": "object", "allOf": [{"$ref": ref} for ref in refs]}
        return str(self.request("POST", f"{REGISTRY}/tenant/schemas", json=body).json()["$id"])

    def _add_field_group(self, fields: Mapping[str, object], title: str) -> str:
        """Create a field group with these fields under the tenant id, and return its ``$id``."""
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
        """Create a dataset and return its id.

        ``schema``: ``$id`` of the dataset's schema; without it, a schema with ``fields`` is created. ``more``: further
        fields of the dataset.
        """
        schema = schema or self.add_schema(fields, title=f"{name}: schema")
        body = {"name": name, "schemaRef": {"id": schema, "contentType": _CONTENT_TYPE}, **more}
        [ref] = self.request("POST", f"{CATALOG}/dataSets", json=body).json()
        return str(ref).removeprefix("@/dataSets/")

    def add_namespace(self, code: str, id_type: str = "CROSS_DEVICE") -> None:
        """Create an identity namespace with this code (also its name) and this ``idType``."""
        self.request("POST", NAMESPACES, json={"name": code, "code": code, "idType": id_type})

    def load(self, dataset: str, rows: Iterable[Mapping[str, object]], **more: object) -> JsonObject:
        """Load rows as one batch of JSON Lines, wait until the batch has succeeded or failed, and return the batch.

        ``dataset``: id of the dataset. ``more``: further fields of the batch. The result has the form of :meth:`batch`.
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
        """Return the batch with this id as Catalog returns it, with ``status``, ``metrics`` and ``errors``."""
        return dict(self.request("GET", f"{CATALOG}/batches/{quote(batch)}").json()[batch])

    def batches(self, dataset: str | None = None) -> list[JsonObject]:
        """Return the batches of a dataset (its id or name), or all batches of this AEP sandbox, oldest first.

        Batches that Catalog does not return yet are included.
        """
        query = self._scope_query() | ({"dataset": dataset} if dataset is not None else {})
        return list(self.control("GET", "/aep/batches", params=query)["batches"])

    def ended(self, batch: str, *, within_seconds: float = 20) -> JsonObject:
        """Wait until the batch with this id has a final status, and return the batch as :meth:`batch` does.

        Raises SandboxError if the batch has no final status after ``within_seconds``.
        """
        deadline = time.monotonic() + within_seconds
        while (found := self.batch(batch))["status"] in _UNFINISHED:
            if time.monotonic() > deadline:
                raise SandboxError(
                    f"Batch {batch} is still {found['status']} after {within_seconds} seconds."
                )
            time.sleep(0.02)
        return found

    def active_ids(self, dataset: str) -> list[str]:
        """Return the ``_id`` of every row in the active batches of a dataset (its id or name), in batch order."""
        return [str(row["_id"]) for row in self.lines("/aep/active", dataset=dataset, **self._scope_query())]

    def rows(self, dataset: str, *, limit: int = 1000) -> list[JsonObject]:
        """Return at most ``limit`` rows of the active batches of a dataset (its id or name), as AEP stores them."""
        return list(self.lines("/aep/rows", dataset=dataset, limit=limit, **self._scope_query()))

    def settings(self, **changes: object) -> JsonObject:
        """Change the given settings of the AEP stand-in, and return all settings; ``docs/sandbox.md`` lists them."""
        if changes:
            return dict(self.control("POST", "/aep/settings", json=changes))
        return dict(self.control("GET", "/aep/settings"))

    def query_parameters(self) -> JsonObject:
        """Return the connection parameters of Query Service: ``host``, ``port``, ``dbName``, ``username``, ``token``.

        ``token`` is the password.
        """
        return dict(self.request("GET", f"{QUERY}/connection_parameters").json())

    def add_query_credential(self) -> dict[str, str]:
        """Create a non-expiring Query Service credential; return its ``technicalAccountId`` and ``credential``."""
        return dict(self.control("POST", "/aep/query-credentials", json={}, params=self._scope_query()))

    def plan_batches(self, *outcomes: Mapping[str, object]) -> None:
        """Set the outcomes of the next batches, one argument for each batch, such as ``{"outcome": "failed"}``.

        Without arguments, all planned outcomes are removed, so the next batches succeed.
        """
        self.settings(next_batches=list(outcomes))

    def _scope_query(self) -> dict[str, str]:
        return {"org": self.org, "sandbox": self.aep_sandbox}


def _raise_for_error(request: str, response: requests.Response) -> requests.Response:
    if not response.ok:
        raise SandboxError(f"{request}: {response.status_code} {response.text}")
    return response
