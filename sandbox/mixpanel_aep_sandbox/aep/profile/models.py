"""The events that Profile accepts from a dataset (EP:profile/guardrails.md, EP:collection/event-duplication.md).

The data lake stores every valid row. Profile drops an event that is too large, has no primary identity, or has the
``_id`` of an earlier event.
"""

from __future__ import annotations

import json

from mixpanel_aep_sandbox.aep.catalog.validation import profile_enabled
from mixpanel_aep_sandbox.aep.core.scope import DATASETS, AepSandboxScope
from mixpanel_aep_sandbox.aep.ingestion.active_rows import active_batches, active_rows
from mixpanel_aep_sandbox.aep.ingestion.row_validation.rules import IDENTITY_MAP, has_primary
from mixpanel_aep_sandbox.aep.ingestion.settings import IngestSettings
from mixpanel_aep_sandbox.aep.registry.validation.profile import primary_identity
from mixpanel_aep_sandbox.core.json_types import JsonObject

_DAY_MS = 86_400_000


def profile_of(scope: AepSandboxScope, dataset: str) -> JsonObject:
    """Return whether a dataset is enabled for Profile, and what Profile did with the rows of its active batches.

    Returns:
        An object with these keys. ``enabled``: whether the dataset is enabled for Profile. ``ids``: the ``_id`` of the
            accepted events, in order of arrival. ``too_large``, ``repeated`` and ``without_identity``: the numbers of
            dropped events, by the reason. ``batches_above_guardrail``: how many of the batches in the last 24 hours are
            above Adobe's guardrail.
    """
    body = scope.get(DATASETS, dataset)
    settings = IngestSettings.of(scope.state)
    result: JsonObject = {
        "enabled": bool(body and profile_enabled(body)),
        "ids": [],
        "too_large": 0,
        "repeated": 0,
        "without_identity": 0,
        "batches_above_guardrail": max(0, _count_recent_batches(scope) - settings.profile_batches_per_day),
    }
    if not result["enabled"]:
        return result
    max_bytes = settings.profile_event_bytes
    primary = primary_identity(scope, body["schemaRef"]["id"]) if body else None
    path = primary["xdm:sourceProperty"] if primary else f"/{IDENTITY_MAP}"
    accepted: dict[str, None] = {}
    for batch in active_batches(scope, dataset):
        for row in active_rows(scope, batch):
            if len(json.dumps(row, separators=(",", ":"), ensure_ascii=False).encode()) > max_bytes:
                result["too_large"] += 1
            elif not _has_primary_identity(row, path):
                result["without_identity"] += 1
            elif row.get("_id", "") in accepted:
                result["repeated"] += 1
            else:
                accepted[row.get("_id", "")] = None
    return {**result, "ids": list(accepted)}


def _count_recent_batches(scope: AepSandboxScope) -> int:
    """Return the number of batches of all Profile datasets of the AEP sandbox that ended in the last 24 hours."""
    enabled = {key for key, body in scope.items(DATASETS) if profile_enabled(body)}
    since = scope.now - _DAY_MS
    return sum(batch["finished"] > since for dataset in enabled for batch in active_batches(scope, dataset))


def _has_primary_identity(row: JsonObject, path: str) -> bool:
    """Return whether a row has a primary identity at ``path``, such as ``/identityMap`` or ``/_tenant/userId``."""
    value: object = row
    for part in path[1:].split("/"):
        fields = value if isinstance(value, dict) else {}
        value = fields.get(part, fields.get(part.removeprefix("xdm:")))
    return has_primary(value) if path == f"/{IDENTITY_MAP}" else value is not None
