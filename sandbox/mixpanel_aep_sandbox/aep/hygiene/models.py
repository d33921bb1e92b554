"""Stored expirations of datasets, which delete datasets at a planned time (EP:hygiene/api/dataset-expiration.md)."""

from __future__ import annotations

from datetime import UTC, datetime

from mixpanel_aep_sandbox.aep.core.scope import DATASETS, AepSandboxScope
from mixpanel_aep_sandbox.core.json_types import JsonObject

EXPIRATIONS = "expirations"
TAG = "adobe/hygiene/ttl"
"""Name of the dataset's tag in Catalog with the time of its expiration, in epoch milliseconds."""
_EXECUTING_MS = 7 * 86400 * 1000
"""Duration of a deletion. Adobe's deletions begin within 24 hours and take up to 7 days; here they begin at once."""


def expire_due(scope: AepSandboxScope) -> list[str]:
    """Start all deletions of datasets that are due, complete those that have taken long enough.

    Returns:
        The ids of the datasets whose deletion has started now.
    """
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
    """Return whether the dataset with this id has an expiration whose time has passed and that was not cancelled."""
    body = scope.get(EXPIRATIONS, dataset)
    return bool(body and body["status"] != "cancelled" and scope.now >= body["expiry"])


def expiry_tags(scope: AepSandboxScope, dataset: str) -> dict[str, list[str]]:
    """Return the tag with the expiration time of a dataset, or an empty dict if no expiration is pending or executing.

    Args:
        scope: The AEP sandbox.
        dataset: The id of the dataset.
    """
    body = scope.get(EXPIRATIONS, dataset)
    return {TAG: [str(body["expiry"])]} if body and body["status"] in ("pending", "executing") else {}


def save_expiration(scope: AepSandboxScope, body: JsonObject, event: str = "") -> JsonObject:
    """Store an expiration with an additional entry in its history, and return the stored document.

    Args:
        scope: The AEP sandbox.
        body: The expiration.
        event: The status of the entry; empty: the status of the expiration.
    """
    now = scope.now
    entry = {"status": event or body["status"], "expiry": body["expiry"], "at": now}
    stored = {**body, "updated": now, "history": [*body.get("history", []), entry]}
    scope.put(EXPIRATIONS, body["datasetId"], stored)
    return stored


def iso(milliseconds: int) -> str:
    """Format epoch milliseconds as ISO 8601 in UTC, with milliseconds only if they are not 0."""
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return moment.isoformat(timespec="milliseconds" if milliseconds % 1000 else "seconds").replace(
        "+00:00", "Z"
    )
