"""Sends HTTP requests to AEP's services, with the headers that all services require, and reads their responses."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

import msgspec

from include.aep.errors import AEP_RULES
from include.aep.settings import AepSettings
from include.aep.token_source import TokenSource
from include.clock import SYSTEM_CLOCK, Clock
from include.errors import NotFound, ServiceUnavailable
from include.http.client import HttpClient
from include.http.request import Body, HttpRequest, RetryPolicy, Service
from include.http.response import Response, StreamedResponse
from include.http.session import join_path
from include.json_types import JsonObject, JsonValue

JSON = "application/json"
T = TypeVar("T")


class AepHttp:
    """Sends requests with the credential of a connection, for its organization and AEP sandbox.

    The methods have these arguments in common. ``path``: the segments of the URL's path, each of which is escaped, so
    that a slash in a name cannot change the path. ``what``: the request as an infinitive clause for error messages,
    such as ``create a batch``.

    Error responses raise a ``PipelineError`` according to the table ``AEP_RULES``.
    """

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
        service = Service(
            "AEP", AEP_RULES, facts, tokens.secrets, self._headers, discard_token=tokens.discard
        )
        self._http = HttpClient(service, clock, retry_policy)

    def get(
        self,
        path: tuple[str, ...],
        what: str,
        read: Callable[[Response], T],
        params: Mapping[str, str] | None = None,
        accept: str = JSON,
    ) -> T:
        """Send a GET request and return ``read(response)``; retry it if ``read`` raises ServiceUnavailable.

        Raises:
            PipelineError: for an error response, according to ``AEP_RULES``.
        """
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
        """Send a GET request like ``get``, but return None for a 404 response."""
        try:
            return self.get(path, what, read, params)
        except NotFound:
            return None

    def send_json(
        self, method: str, path: tuple[str, ...], what: str, body: object, read: Callable[[Response], T]
    ) -> T:
        """Send ``body`` as JSON in a request that creates or changes an object of AEP, and return ``read(response)``.

        A request that AEP may have executed is not retried here: the next try of the task first reads AEP's state.
        """
        headers = {"Accept": JSON, "Content-Type": JSON}
        content = msgspec.json.encode(body)
        request = HttpRequest(
            method, self._url(path), what, headers=headers, content=content, idempotent=False
        )
        return self._http.fetch(request, read)

    def post_action(self, path: tuple[str, ...], what: str, action: str) -> JsonValue:
        """Send the idempotent request ``POST <path>?action=<action>``.

        Returns the JSON of the response; None for an empty response.
        """
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
        """Send the bytes of a file in a request.

        ``open_body``: returns the body from its beginning; called again for every attempt. ``idempotent``: whether the
        request can be retried after AEP may have executed it.
        """
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
        """Send a HEAD request and return the response's headers."""
        return self._http.send(HttpRequest("HEAD", self._url(path), what)).headers

    def stream(self, path: tuple[str, ...], what: str, params: Mapping[str, str]) -> StreamedResponse:
        """Send a GET request and return the response before its body is read; the caller reads and closes it."""
        return self._http.stream(HttpRequest("GET", self._url(path), what, params, {"Accept": "*/*"}))

    def close(self) -> None:
        """Close the client's connections to AEP."""
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


def response_objects(response: Response, key: str | None = None) -> list[JsonObject]:
    """Return the list of JSON objects that is the response's body or, if ``key`` is given, the body's member ``key``.

    Raises:
        ServiceUnavailable: the list is missing, or one of its entries is not an object.
    """
    entries = response.json() if key is None else response.json_object().get(key)
    if isinstance(entries, list) and all(isinstance(entry, dict) for entry in entries):
        return list(objects_in(entries))
    raise response.unexpected("JSON that is not a list of objects")


def endless_list(what: str) -> ServiceUnavailable:
    """Return the error for a list with more pages than the caller reads at most; ``what``: see ``AepHttp``."""
    return ServiceUnavailable(
        f"Could not {what}: AEP keeps returning the same pages of a list.",
        "Run the task again. If it happens every time, contact Adobe support.",
    )


def objects_in(value: object) -> Iterator[JsonObject]:
    """Yield the entries of a list that are JSON objects; nothing if ``value`` is not a list."""
    if isinstance(value, list):
        yield from (entry for entry in value if isinstance(entry, dict))
