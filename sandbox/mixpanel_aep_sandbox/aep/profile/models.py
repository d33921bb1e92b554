"""The events that Profile accepts from a dataset (EP:profile/guardrails.md, EP:collection/event-duplication.md).

The data lake keeps every row; Profile drops an event that is too large, has no primary identity, or has an ``_id`` that
is known already.
"""

from __future__ import annotations

import json

from mixpanel_aep_sandbox.aep.catalog.validation import profile_enabled
from mixpanel_aep_sandbox.aep.core.scope import DATASETS, AepSandboxScope
from mixpanel_aep_sandbox.aep.ingestion.active_rows import active_batches, active_rows
from mixpanel_aep_sandbox.aep.ingestion.rows.rules import IDENTITY_MAP, has_primary
from mixpanel_aep_sandbox.aep.ingestion.settings import IngestSettings
from mixpanel_aep_sandbox.aep.registry.validation.profile import primary_identity
from mixpanel_aep_sandbox.core.json_types import JsonObject

_DAY_MS = 86_400_000


def profile_of(scope: AepSandboxScope, dataset: str) -> JsonObject:
    """Return the ids of the events that Profile accepted, in order of arrival, and the counts of dropped events by reason."""
    body = scope.get(DATASETS, dataset)
    settings = IngestSettings.of(scope.state)
    answer: JsonObject = {
        "enabled": bool(body and profile_enabled(body)),
        "ids": [],
        "too_large": 0,
        "repeated": 0,
        "without_identity": 0,
        "batches_above_guardrail": max(0, _batches_of_a_day(scope) - settings.profile_batches_per_day),
    }
    if not answer["enabled"]:
        return answer
    most = settings.profile_event_bytes
    primary = primary_identity(scope, body["schemaRef"]["id"]) if body else None
    path = primary["xdm:sourceProperty"] if primary else f"/{IDENTITY_MAP}"
    taken: dict[str, None] = {}
    for batch in active_batches(scope, dataset):
        for row in active_rows(scope, batch):
            if len(json.dumps(row, separators=(",", ":"), ensure_ascii=False).encode()) > most:
                answer["too_large"] += 1
            elif not _has_primary_identity(row, path):
                answer["without_identity"] += 1
            elif row.get("_id", "") in taken:
                answer["repeated"] += 1
            else:
                taken[row.get("_id", "")] = None
    return {**answer, "ids": list(taken)}


def _batches_of_a_day(scope: AepSandboxScope) -> int:
    """Return how many batches of the AEP sandbox's Profile datasets were ingested in the last 24 hours."""
    enabled = {key for key, body in scope.items(DATASETS) if profile_enabled(body)}
    since = scope.now - _DAY_MS
    return sum(batch["finished"] > since for dataset in enabled for batch in active_batches(scope, dataset))


def _has_primary_identity(row: JsonObject, path: str) -> bool:
    """Return whether a row has a primary identity: in the field at ``path``, or in the identityMap at ``path``."""
    value: object = row
    for part in path[1:].split("/"):
        fields = value if isinstance(value, dict) else {}
        value = fields.get(part, fields.get(part.removeprefix("xdm:")))
    return has_primary(value) if path == f"/{IDENTITY_MAP}" else value is not None
