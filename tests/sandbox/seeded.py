"""A sandbox with one resource of each kind, whose ids stand in the document's paths."""

from __future__ import annotations

import copy
from typing import Any

import requests

from include.sandbox.openapi import document
from include.sandbox.server import SandboxServer

PLACES: list[tuple[str, str, str]] = [("/_sandbox/faults/", "fault_id", "fault")]


def with_seeded_ids() -> dict[str, Any]:
    return copy.deepcopy(document())


class Seeded:
    def __init__(self, server: SandboxServer) -> None:
        self.url = server.url
        self.session = requests.Session()
        self.ids: dict[str, str] = {}
        self.headers: dict[str, str] = {}
        self._for = ""

    def renew(self, label: str) -> None:
        if label == self._for:
            return
        self._for = label
        self.session.post(self.url + "/_sandbox/reset", timeout=20)
