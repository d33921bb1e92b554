"""When datasets expire (EP:hygiene/api/dataset-expiration.md): a delete that is put off."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from mixpanel_aep_sandbox.aep.core.scope import DATASETS, Place

EXPIRATIONS = "expirations"
TAG = "adobe/hygiene/ttl"
"""Where Catalog shows the moment, in epoch milliseconds."""
_EXECUTING_MS = 7 * 86400 * 1000
"""Adobe: up to 7 days until the dataset is gone, after up to 24 hours until that begins; here it begins at once [I]."""


def expire_due(place: Place) -> list[str]:
    """Moves every expiration on whose time has come; returns the datasets that have just expired."""
    expired = []
    for dataset, body in place.items(EXPIRATIONS):
        if body["status"] == "pending" and place.now >= body["expiry"]:
            keep(place, {**body, "status": "executing"})
            expired.append(dataset)
        elif body["status"] == "executing" and place.now >= body["expiry"] + _EXECUTING_MS:
            keep(place, {**body, "status": "completed"})
            place.delete(DATASETS, dataset)
    return expired


def has_expired(place: Place, dataset: str) -> bool:
    body = place.get(EXPIRATIONS, dataset)
    return bool(body and body["status"] != "cancelled" and place.now >= body["expiry"])


def expiry_tags(place: Place, dataset: str) -> dict[str, list[str]]:
    """The tag of a dataset with "an active expiration"."""
    body = place.get(EXPIRATIONS, dataset)
    return {TAG: [str(body["expiry"])]} if body and body["status"] in ("pending", "executing") else {}


def keep(place: Place, body: dict[str, Any], event: str = "") -> dict[str, Any]:
    """Writes an expiration down, with what has become of it in its history; ``event``: instead of its status."""
    now = place.now
    past = {"status": event or body["status"], "expiry": body["expiry"], "at": now}
    kept = {**body, "updated": now, "history": [*body.get("history", []), past]}
    place.put(EXPIRATIONS, body["datasetId"], kept)
    return kept


def iso(milliseconds: int) -> str:
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return moment.isoformat(timespec="milliseconds" if milliseconds % 1000 else "seconds").replace(
        "+00:00", "Z"
    )
