"""Client of the sandbox's own Mixpanel, which sends the requests that Adobe's Mixpanel connector would send."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from tempfile import TemporaryFile
from typing import BinaryIO

from mixpanel_aep_sandbox.aep.flows.source.internal_request import IncompleteResponse, send_internally
from mixpanel_aep_sandbox.core.json_types import JsonObject
from mixpanel_aep_sandbox.core.state import SandboxState

HOSTS = {
    "data.mixpanel.com": "mixpanel.com",
    "data-eu.mixpanel.com": "eu.mixpanel.com",
    "data-in.mixpanel.com": "in.mixpanel.com",
}
"""Hosts of the raw export, each with the host of the application API in the same region."""
_DEFAULT_HOST = "data.mixpanel.com"
"""The US host, because connections have no parameter ``host`` any more; only the beta version had it."""
_ATTEMPTS = 4
_RETRY_SECONDS = 0.35
_TOO_MANY = 429
_OK = 200
_TEXT_BYTES = 2000


class MixpanelRequestError(Exception):
    """Mixpanel did not return the requested data.

    Attributes:
        status: The HTTP status; None for an incomplete response.
        text: The error text.
    """

    def __init__(self, status: int | None, text: str) -> None:
        super().__init__(text)
        self.status, self.text = status, text


@dataclass(frozen=True)
class MixpanelClient:
    """The client with which a source flow reads raw exports from the sandbox's own Mixpanel.

    It has the credentials of a service account and the address of an export host.
    """

    state: SandboxState
    username: str
    password: str
    host: str = _DEFAULT_HOST

    @classmethod
    def of(cls, state: SandboxState, params: JsonObject) -> MixpanelClient:
        """Return a client with the credentials in ``params``, the ``auth.params`` of a base connection."""
        host = export_host(params.get("host")) or _DEFAULT_HOST
        return cls(state, str(params.get("username", "")), str(params.get("password", "")), host)

    def projects(self) -> JsonObject:
        """Return the projects of the service account, by id as text. Raises MixpanelRequestError."""
        with self._request(HOSTS[self.host], "/api/app/me", {}) as body:
            found: JsonObject = json.loads(body.read())["results"]["projects"]
            return found

    @contextmanager
    def export(self, project: str, first: date, last: date, limit: int | None = None) -> Iterator[BinaryIO]:
        """Export the raw events of some days, and yield a temporary file with the JSON Lines.

        Args:
            project: The id of the project.
            first: The first day.
            last: The last day, which is included.
            limit: The maximum number of events; None: no limit.

        Raises:
            MixpanelRequestError: Mixpanel did not return the events.
        """
        query = {"project_id": project, "from_date": first.isoformat(), "to_date": last.isoformat()}
        more = {} if limit is None else {"limit": str(limit)}
        with self._request(self.host, "/api/2.0/export", query | more) as body:
            yield body

    @contextmanager
    def _request(self, host: str, path: str, query: dict[str, str]) -> Iterator[BinaryIO]:
        """Send a GET request, and yield a temporary file with the body of the response.

        After status 429, the request is sent again, for a limited number of times.
        """
        account = base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
        headers = {"host": host, "x-original-host": host, "authorization": f"Basic {account}"}
        for attempt in range(_ATTEMPTS):
            with TemporaryFile() as body:
                try:
                    status = send_internally(self.state, path, query, headers, body)
                except IncompleteResponse as error:
                    raise MixpanelRequestError(None, str(error)) from error
                body.seek(0)
                if status == _OK:
                    yield body
                    return
                if status != _TOO_MANY or attempt == _ATTEMPTS - 1:
                    raise MixpanelRequestError(status, _error_text(body))
            # Three exports a second are allowed, but after a large change of the clock, more runs are due at once.
            threading.Event().wait(_RETRY_SECONDS)


def export_host(given: object) -> str | None:
    """Return the host name in the ``host`` of a base connection, such as ``https://data.mixpanel.com``.

    Return None if the value is missing, or is not one of Mixpanel's export hosts.
    """
    host = given.removeprefix("https://").strip("/").lower() if isinstance(given, str) else ""
    return host if host in HOSTS else None


def _error_text(body: BinaryIO) -> str:
    """Return the error text in the JSON body of an error response, or the start of the body if it is not JSON."""
    text = body.read(_TEXT_BYTES).decode("utf-8", "replace")
    try:
        return str(json.loads(text)["error"])
    except (ValueError, KeyError, TypeError):
        return text
