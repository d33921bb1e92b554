"""What Profile takes of a dataset that is enabled for it (EP:profile/guardrails.md, EP:collection/event-duplication.md).

The data lake keeps every row; Profile drops an event that is too large, and one whose ``_id`` it has.
"""

from __future__ import annotations

import json
from typing import Any

from include.sandbox.aep.active import active_batches, active_rows
from include.sandbox.aep.catalog_rules import profile_enabled
from include.sandbox.aep.ingest_settings import IngestSettings
from include.sandbox.aep.place import DATASETS, Place


def profile_of(place: Place, dataset: str) -> dict[str, Any]:
    """``ids`` of the events in Profile, in the order in which they came, and how many were not taken, and why."""
    body = place.get(DATASETS, dataset)
    answer: dict[str, Any] = {
        "enabled": bool(body and profile_enabled(body)),
        "ids": [],
        "too_large": 0,
        "repeated": 0,
    }
    if not answer["enabled"]:
        return answer
    most = IngestSettings.of(place.world).profile_event_bytes
    taken: dict[str, None] = {}
    for batch in active_batches(place, dataset):
        for row in active_rows(place, batch):
            if len(json.dumps(row, separators=(",", ":"), ensure_ascii=False).encode()) > most:
                answer["too_large"] += 1
            elif row.get("_id", "") in taken:
                answer["repeated"] += 1
            else:
                taken[row.get("_id", "")] = None
    return {**answer, "ids": list(taken)}
