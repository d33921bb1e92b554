"""Requests to AEP's services: the common headers, and JSON requests and responses."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import msgspec

from include.aep.errors import AEP_RULES
from include.aep.settings import AepSettings
from include.aep.token_source import TokenSource
from include.clock import SYSTEM_CLOCK, Clock
from include.errors import NotFound
from include.http.client import HttpClient
from include.http.request import Body, HttpRequest, RetryPolicy, Service
from include.http.response import Response, StreamedResponse
from include.http.session import join_path

JsonObject = dict[str, Any]
JSON = "application/json"
T = TypeVar("T")


class AepHttp:
    """Requests for one organization and one AEP sandbox. Paths are segments, so that a name cannot change the path."""

    def __init__(
        self,
        settings: AepSettings,
        tokens: TokenSource,
        clock: Clock = SYSTEM_CLOCK,
        retry_policy: RetryPolicy | None = None,
    ) -> None:
        self._settings = settings
        self._tokens = tokens
        facts = {"conn_id": settings.conn_id, "aep_sandbox": settings.aep_sandbox}
        service = Service("AEP", AEP_RULES, facts, tokens.secrets, self._headers, renew=tokens.forget)
        self._http = HttpClient(service, clock, retry_policy)

    def get(
        self,
        path: tuple[str, ...],
        what: str,
        read: Callable[[Response], T],
        params: Mapping[str, str] | None = None,
        accept: str = JSON,
    ) -> T:
        """Return ``read(response)``; where ``read`` raises ServiceUnavailable, the request is repeated."""
        return self._http.fetch(
            HttpRequest("GET", self._url(path), what, params or {}, {"Accept": accept}), read
        )

    def find(
        self,
        path: tuple[str, ...],
        what: str,
        read: Callable[[Response], T],
        params: Mapping[str, str] | None = None,
    ) -> T | None:
        """Return what ``get`` returns, or None for a 404 response."""
        try:
            return self.get(path, what, read, params)
        except NotFound:
            return None

    def send_json(
        self, method: str, path: tuple[str, ...], what: str, body: object, read: Callable[[Response], T]
    ) -> T:
        """Send a request that creates or changes something, and return ``read(response)``.

        The client does not retry where AEP may have applied it: the task's next try reads the state first.
        """
        headers = {"Accept": JSON, "Content-Type": JSON}
        content = msgspec.json.encode(body)
        request = HttpRequest(
            method, self._url(path), what, headers=headers, content=content, idempotent=False
        )
        return self._http.fetch(request, read)

    def act(self, path: tuple[str, ...], what: str, action: str) -> Any:
        """Send the idempotent request ``POST ...?action=``; return the response's JSON, or None for an empty response."""
        request = HttpRequest("POST", self._url(path), what, {"action": action}, {"Accept": JSON})
        return self._http.fetch(request, Response.optional_json)

    def send_bytes(
        self,
        method: str,
        path: tuple[str, ...],
        what: str,
        open_body: Callable[[], Body],
        headers: Mapping[str, str] | None = None,
        *,
        idempotent: bool = True,
    ) -> None:
        """Upload the body that ``open_body`` opens; it is opened again for every attempt."""
        request = HttpRequest(
            method,
            self._url(path),
            what,
            headers={"Content-Type": "application/octet-stream", "Accept": JSON, **(headers or {})},
            open_body=open_body,
            idempotent=idempotent,
        )
        self._http.fetch(request, Response.optional_json)

    def head(self, path: tuple[str, ...], what: str) -> Mapping[str, str]:
        """Return the headers of ``path``."""
        return self._http.send(HttpRequest("HEAD", self._url(path), what)).headers

    def stream(self, path: tuple[str, ...], what: str, params: Mapping[str, str]) -> StreamedResponse:
        """Return the bytes at ``path`` as a stream; the caller closes it."""
        return self._http.stream(HttpRequest("GET", self._url(path), what, params, {"Accept": "*/*"}))

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _url(self, path: tuple[str, ...]) -> str:
        return self._settings.platform_url + join_path(*path)

    def _headers(self) -> Mapping[str, str]:
        return {
            "Authorization": f"Bearer {self._tokens.token()}",
            "x-api-key": self._settings.client_id,
            "x-gw-ims-org-id": self._settings.org_id,
            "x-sandbox-name": self._settings.aep_sandbox,
        }


def objects(response: Response, key: str | None = None) -> list[JsonObject]:
    """Return the response as a list of objects, or the list at its ``key``.

    Raises:
        ServiceUnavailable: the body is not such a list; it must not look like an empty list.
    """
    entries = response.json() if key is None else response.json_object().get(key)
    if isinstance(entries, list) and all(isinstance(entry, dict) for entry in entries):
        return entries
    raise response.unexpected("JSON that is not a list of objects")


def items(value: object) -> Iterator[JsonObject]:
    """Yield the objects in a list and skip all other values; for data that is informational only."""
    if isinstance(value, list):
        yield from (entry for entry in value if isinstance(entry, dict))
