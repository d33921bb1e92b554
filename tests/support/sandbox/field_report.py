"""Registers the reproductions of field reports, and reads exports for them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from mixpanel_aep_sandbox import demo_data as data
from tests.support.sandbox.http_client import Sandbox
from tests.support.sandbox.json_types import JsonObject
from tests.support.sandbox.raw_socket import RawResponse, ask

HOSTILE, SHOP, NEW = data.HOSTILE_PROJECT_ID, data.SHOP_PROJECT_ID, 4000001
DAY = "2026-06-01"
EXPORT = {"path": "/api/2.0/export"}


def arrived(
    sandbox: Sandbox, first: str = DAY, last: str = "", *, seconds: float = 5, headers: str = "", **query: Any
) -> RawResponse:
    """Return an export of the test's project."""
    asked = {"project_id": NEW, "from_date": first, "to_date": last or first, **query}
    target = "/api/2.0/export?" + urlencode(
        {name: value for name, value in asked.items() if value is not None}
    )
    return ask(sandbox, target, seconds=seconds, headers=headers)


def event(name: str = "E", at: str | int = f"{DAY}T10:00:00Z", **properties: object) -> JsonObject:
    return {"event": name, "at": at, "properties": properties}


def names(found: RawResponse) -> list[str]:
    return [json.loads(line)["event"] for line in found.lines]


def properties(found: RawResponse) -> list[JsonObject]:
    return [json.loads(line)["properties"] for line in found.lines]


Report = Callable[[Sandbox], None]
REPORTS: dict[str, Report] = {}


def report(*numbers: str) -> Callable[[Report], Report]:
    def add(check: Report) -> Report:
        REPORTS.update(dict.fromkeys(numbers, check))
        return check

    return add
