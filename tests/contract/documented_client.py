"""A client that knows only the documents and remembers the ids that it received."""

from __future__ import annotations

from typing import Any

import requests

from mixpanel_aep_sandbox.client import AepSandbox, MixpanelSandbox, Sandbox
from tests.contract.example import Call, Example, answer_differences, filled, url_of

NOW = "2026-07-02T12:00:00Z"


class DocumentedClient:
    """Sends calls with the credentials that the documents require, unless a call says otherwise."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.names: dict[str, str] = {}
        self._session = requests.Session()
        self._session.trust_env = False
        sandbox.clock.set(NOW, freeze=True)
        self.renew()

    def send(self, call: Call) -> requests.Response:
        headers = {**self._credentials, **filled(dict(call.headers), self.names)}
        return self._session.request(
            call.method,
            self.sandbox.url + url_of(call, self.names),
            json=filled(call.json, self.names),
            data=filled(call.data, self.names),
            # None also removes what the library sends by itself.
            headers=headers,
            timeout=60,
        )

    def fine(self, call: Call) -> Any:
        """Return the JSON of a response to a preparation, which must succeed."""
        answer = self.send(call)
        assert answer.ok, f"{call.method} {call.path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def check(self, pair: Example) -> None:
        """Prepare, send and compare."""
        if pair.settings:
            self.sandbox.control("POST", "/aep/settings", json=dict(pair.settings))
        for prepare in pair.given:
            prepare(self)
        answer = self.send(pair.call)
        found = answer_differences(pair, answer, self.names)
        assert not found, "\n".join([f"{pair.call.method} {answer.request.url}", *found])

    def renew(self) -> None:
        """Return currently valid credentials."""
        if isinstance(self.sandbox, AepSandbox):
            self.sandbox = AepSandbox(self.sandbox.url)
        self._credentials = self._documented_credentials()

    def _documented_credentials(self) -> dict[str, str | None]:
        match self.sandbox:
            case MixpanelSandbox():
                return {"Authorization": requests.auth._basic_auth_str(*self.sandbox.auth)}
            case AepSandbox():
                return dict(self.sandbox.headers())
            case _:
                return {}
