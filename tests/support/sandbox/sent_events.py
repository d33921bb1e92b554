"""Sends events as SDKs do, and reads them back from the export."""

from __future__ import annotations

import json
from typing import Any

import requests

from tests.support.sandbox.http_client import Sandbox
from tests.support.sandbox.json_types import JsonObject

NEW = 4000007


TOKEN = "0123456789abcdef0123456789abcdef"


NOW = "2026-07-02T12:00:00Z"


NOW_S = 1782993600


JSON = {"Content-Type": "application/json"}


def post(sandbox: Sandbox, path: str, **options: Any) -> requests.Response:
    return sandbox.session.post(sandbox.url + path, timeout=20, **options)


def event(name: str = "Sign up", **properties: object) -> JsonObject:
    given = {"token": TOKEN, "distinct_id": "ann", "time": NOW_S - 60, "$insert_id": "id-1", **properties}
    return {"event": name, "properties": {key: value for key, value in given.items() if value is not ...}}


def exported(sandbox: Sandbox, *days: str) -> list[JsonObject]:
    first, last = (*days, "2026-07-02", "2026-07-02")[:2]
    return [json.loads(line) for line in sandbox.lines(NEW, first, last if days[1:] else first)]
