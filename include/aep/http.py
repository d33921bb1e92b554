"""Calls to AEP's services: the headers that all of them want, and JSON in and out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from include.aep.auth import TokenSource
from include.aep.errors import AEP_RULES
from include.aep.settings import AepSettings
from include.clock import SYSTEM_CLOCK, Clock
from include.errors import NotFound
from include.http.answer import Answer, Streamed
from include.http.call import Body, Call, Patience, Service
from include.http.client import HttpClient
from include.http.session import join_path

JsonObject = dict[str, Any]
JSON = "application/json"


class AepHttp:
    """One organization and one AEP sandbox. Paths are given as segments, so that no name can escape its place."""

    def __init__(
        self,
        settings: AepSettings,
        tokens: TokenSource,
        clock: Clock = SYSTEM_CLOCK,
        patience: Patience | None = None,
    ) -> None:
        self._settings = settings
        self._tokens = tokens
        facts = {"conn_id": settings.conn_id, "aep_sandbox": settings.aep_sandbox}
        service = Service("AEP", AEP_RULES, facts, tokens.secrets, self._headers, renew=tokens.forget)
        self._http = HttpClient(service, clock, patience)

    def get(
        self,
        path: tuple[str, ...],
        what: str,
        params: Mapping[str, str] | None = None,
        accept: str = JSON,
    ) -> Any:
        """The JSON at ``path``."""
        call = Call("GET", self._url(path), what, params or {}, {"Accept": accept})
        return self._http.ask(call, Answer.json)

    def find(
        self,
        path: tuple[str, ...],
        what: str,
        params: Mapping[str, str] | None = None,
        accept: str = JSON,
    ) -> Any | None:
        """The JSON at ``path``, or None where AEP knows of nothing (404)."""
        try:
            return self.get(path, what, params, accept)
        except NotFound:
            return None

    def send_json(self, method: str, path: tuple[str, ...], what: str, body: object) -> Any:
        """Creates or changes something.

        The client does not repeat it where AEP may have done it: the task's next try looks first.
        """
        headers = {"Accept": JSON, "Content-Type": JSON}
        content = msgspec.json.encode(body)
        call = Call(method, self._url(path), what, headers=headers, content=content, repeatable=False)
        return self._http.ask(call, Answer.json)

    def act(self, path: tuple[str, ...], what: str, action: str, *, repeatable: bool = True) -> Answer:
        """``POST ...?action=``."""
        return self._http.send(
            Call("POST", self._url(path), what, {"action": action}, {"Accept": JSON}, repeatable=repeatable)
        )

    def send_bytes(
        self,
        method: str,
        path: tuple[str, ...],
        what: str,
        open_body: Callable[[], Body],
        headers: Mapping[str, str] | None = None,
        *,
        repeatable: bool = True,
    ) -> Answer:
        """Uploads what ``open_body`` opens; it is opened anew for every attempt."""
        return self._http.send(
            Call(
                method,
                self._url(path),
                what,
                headers={"Content-Type": "application/octet-stream", "Accept": JSON, **(headers or {})},
                open_body=open_body,
                repeatable=repeatable,
            )
        )

    def head(self, path: tuple[str, ...], what: str) -> Mapping[str, str]:
        """The headers of ``path``."""
        return self._http.send(Call("HEAD", self._url(path), what)).headers

    def stream(self, path: tuple[str, ...], what: str, params: Mapping[str, str]) -> Streamed:
        """The bytes at ``path`` as they come; to be closed."""
        return self._http.stream(Call("GET", self._url(path), what, params, {"Accept": "*/*"}))

    def close(self) -> None:
        """Closes the connections."""
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


def items(value: object) -> Iterator[JsonObject]:
    """The objects in a list that AEP answered; anything else is passed over."""
    if isinstance(value, list):
        yield from (entry for entry in value if isinstance(entry, dict))
