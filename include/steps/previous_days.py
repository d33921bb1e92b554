"""What the partitions before this one held, for expectations that compare a day with the days before it."""

from __future__ import annotations

from datetime import timedelta

from include.lake import manifest as manifests
from include.lake.keys import PartitionKey
from include.steps.workspace import Workspace


def events_before(workspace: Workspace, days: int) -> list[dict[str, int]]:
    """Valid rows by event name of each of the ``days`` before the partition that has been validated and has some."""
    found = []
    for number in range(1, days + 1):
        day = PartitionKey(workspace.pipeline.name, workspace.partition.day - timedelta(days=number))
        keys = [k for k in workspace.lake.keys(day.step("validate")) if k.endswith("/manifest.json")]
        loaded = [manifest for key in keys if (manifest := manifests.load(workspace.lake, key)) is not None]
        newest = max(loaded, key=lambda manifest: manifest.created_at, default=None)
        by_event = (newest.details.get("by_event") or {}) if newest else {}
        if by_event:
            found.append({str(name): int(count) for name, count in by_event.items()})
    return found
