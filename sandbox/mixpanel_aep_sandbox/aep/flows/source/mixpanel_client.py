"""Adobe's connector as a client of Mixpanel, with a service account and a host."""

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
"""The hosts of the export, each with the one of its region's application API."""
_DEFAULT = "data.mixpanel.com"
"""Since the beta, which had ``host``, a residency other than the US cannot be chosen."""
_ATTEMPTS = 4
_AGAIN_SECONDS = 0.35
_TOO_MANY = 429
_OK = 200
_TEXT_BYTES = 2000


class MixpanelRequestError(Exception):
    """Mixpanel did not return the requested data: its status (None for a broken connection) and its text."""

    def __init__(self, status: int | None, text: str) -> None:
        super().__init__(text)
        self.status, self.text = status, text


@dataclass(frozen=True)
class MixpanelClient:
    """A client of the sandbox's own Mixpanel."""

    state: SandboxState
    username: str
    password: str
    host: str = _DEFAULT

    @classmethod
    def of(cls, state: SandboxState, params: JsonObject) -> MixpanelClient:
        """Return a client with the ``auth.params`` of a base connection."""
        host = export_host(params.get("host")) or _DEFAULT
        return cls(state, str(params.get("username", "")), str(params.get("password", "")), host)

    def projects(self) -> JsonObject:
        """Return the projects that the account can see, by id. Raises MixpanelRequestError."""
        with self._requested(HOSTS[self.host], "/api/app/me", {}) as body:
            found: JsonObject = json.loads(body.read())["results"]["projects"]
            return found

    @contextmanager
    def export(self, project: str, first: date, last: date, limit: int | None = None) -> Iterator[BinaryIO]:
        """Export the raw events of these days as JSON Lines, in a file that exists inside the block.

        Raises MixpanelRequestError.
        """
        query = {"project_id": project, "from_date": first.isoformat(), "to_date": last.isoformat()}
        more = {} if limit is None else {"limit": str(limit)}
        with self._requested(self.host, "/api/2.0/export", query | more) as body:
            yield body

    @contextmanager
    def _requested(self, host: str, path: str, query: dict[str, str]) -> Iterator[BinaryIO]:
        account = base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
        headers = {"host": host, "x-original-host": host, "authorization": f"Basic {account}"}
        for attempt in range(_ATTEMPTS):
            with TemporaryFile() as body:
                try:
                    status = send_internally(self.state, path, query, headers, body)
                except IncompleteResponse as broken:
                    raise MixpanelRequestError(None, str(broken)) from broken
                body.seek(0)
                if status == _OK:
                    yield body
                    return
                if status != _TOO_MANY or attempt == _ATTEMPTS - 1:
                    raise MixpanelRequestError(status, _error_text(body))
            # Three exports a second are allowed; a large change of the clock makes more runs due.
            threading.Event().wait(_AGAIN_SECONDS)


def export_host(given: object) -> str | None:
    """Return the host of a base connection's ``host``, such as ``https://data.mixpanel.com``; None if it is unknown."""
    host = given.removeprefix("https://").strip("/").lower() if isinstance(given, str) else ""
    return host if host in HOSTS else None


def _error_text(body: BinaryIO) -> str:
    """Return the sentence in an error's body."""
    text = body.read(_TEXT_BYTES).decode("utf-8", "replace")
    try:
        return str(json.loads(text)["error"])
    except (ValueError, KeyError, TypeError):
        return text
