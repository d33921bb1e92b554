"""Expirations of datasets (EP:hygiene/api/dataset-expiration.md): delayed deletions."""

from __future__ import annotations

from datetime import UTC, datetime

from mixpanel_aep_sandbox.aep.core.scope import DATASETS, AepSandboxScope
from mixpanel_aep_sandbox.core.json_types import JsonObject

EXPIRATIONS = "expirations"
TAG = "adobe/hygiene/ttl"
"""The tag in which Catalog shows the time, in epoch milliseconds."""
_EXECUTING_MS = 7 * 86400 * 1000
"""Adobe: the deletion begins within 24 hours and takes up to 7 days; here it begins at once [I]."""


def expire_due(scope: AepSandboxScope) -> list[str]:
    """Apply all due expirations and return the datasets that have just expired."""
    expired = []
    for dataset, body in scope.items(EXPIRATIONS):
        if body["status"] == "pending" and scope.now >= body["expiry"]:
            save_expiration(scope, {**body, "status": "executing"})
            expired.append(dataset)
        elif body["status"] == "executing" and scope.now >= body["expiry"] + _EXECUTING_MS:
            save_expiration(scope, {**body, "status": "completed"})
            scope.delete(DATASETS, dataset)
    return expired


def has_expired(scope: AepSandboxScope, dataset: str) -> bool:
    """Return whether a dataset has expired."""
    body = scope.get(EXPIRATIONS, dataset)
    return bool(body and body["status"] != "cancelled" and scope.now >= body["expiry"])


def expiry_tags(scope: AepSandboxScope, dataset: str) -> dict[str, list[str]]:
    """Return the tag that a dataset has while it has "an active expiration"."""
    body = scope.get(EXPIRATIONS, dataset)
    return {TAG: [str(body["expiry"])]} if body and body["status"] in ("pending", "executing") else {}


def save_expiration(scope: AepSandboxScope, body: JsonObject, event: str = "") -> JsonObject:
    """Store an expiration, and add the event to its history; ``event`` replaces its status there."""
    now = scope.now
    past = {"status": event or body["status"], "expiry": body["expiry"], "at": now}
    kept = {**body, "updated": now, "history": [*body.get("history", []), past]}
    scope.put(EXPIRATIONS, body["datasetId"], kept)
    return kept


def iso(milliseconds: int) -> str:
    """Return a time as ISO 8601 in UTC."""
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return moment.isoformat(timespec="milliseconds" if milliseconds % 1000 else "seconds").replace(
        "+00:00", "Z"
    )
