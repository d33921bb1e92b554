"""The rows of the table of the tests of Query Service."""

from __future__ import annotations

from typing import Any

NOON = "2026-07-01T12:00:00.250Z"


FIELDS = {"plan": {"type": "string"}, "tags": {"type": "array", "items": {"type": "string"}}}


def row(key: str, **own: Any) -> dict[str, Any]:
    return {"_id": key, "timestamp": NOON, "_acmesandbox": own or {"plan": "free"}}
