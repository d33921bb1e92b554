"""When datasets expire (EP:hygiene/api/dataset-expiration.md): a delete that is put off."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from mixpanel_aep_sandbox.aep.core.scope import DATASETS, AepSandboxScope

EXPIRATIONS = "expirations"
TAG = "adobe/hygiene/ttl"
"""Where Catalog shows the moment, in epoch milliseconds."""
_EXECUTING_MS = 7 * 86400 * 1000
"""Adobe: up to 7 days until the dataset is gone, after up to 24 hours until that begins; here it begins at once [I]."""


def expire_due(scope: AepSandboxScope) -> list[str]:
    """Moves every expiration on whose time has come; returns the datasets that have just expired."""
    expired = []
    for dataset, body in scope.items(EXPIRATIONS):
        if body["status"] == "pending" and scope.now >= body["expiry"]:
            keep(scope, {**body, "status": "executing"})
            expired.append(dataset)
        elif body["status"] == "executing" and scope.now >= body["expiry"] + _EXECUTING_MS:
            keep(scope, {**body, "status": "completed"})
            scope.delete(DATASETS, dataset)
    return expired


def has_expired(scope: AepSandboxScope, dataset: str) -> bool:
    body = scope.get(EXPIRATIONS, dataset)
    return bool(body and body["status"] != "cancelled" and scope.now >= body["expiry"])


def expiry_tags(scope: AepSandboxScope, dataset: str) -> dict[str, list[str]]:
    """The tag of a dataset with "an active expiration"."""
    body = scope.get(EXPIRATIONS, dataset)
    return {TAG: [str(body["expiry"])]} if body and body["status"] in ("pending", "executing") else {}


def keep(scope: AepSandboxScope, body: dict[str, Any], event: str = "") -> dict[str, Any]:
    """Writes an expiration down, with what has become of it in its history; ``event``: instead of its status."""
    now = scope.now
    past = {"status": event or body["status"], "expiry": body["expiry"], "at": now}
    kept = {**body, "updated": now, "history": [*body.get("history", []), past]}
    scope.put(EXPIRATIONS, body["datasetId"], kept)
    return kept


def iso(milliseconds: int) -> str:
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return moment.isoformat(timespec="milliseconds" if milliseconds % 1000 else "seconds").replace(
        "+00:00", "Z"
    )
