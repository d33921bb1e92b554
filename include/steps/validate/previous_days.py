"""Read the event counts of earlier days, for expectations that compare a day with the days before it."""

from __future__ import annotations

from datetime import timedelta

from include.lake.keys import PartitionKey
from include.lake.manifest import Manifest
from include.lake.manifests import manifests_of, newest
from include.quality.partition_expectations import DayEvents
from include.steps.workspace import Workspace


def events_before(workspace: Workspace, days: int) -> list[DayEvents]:
    """Return the counts of valid rows by event name for the ``days`` days before the partition, latest day first.

    Days that are not validated, or have no valid rows, are left out.
    """
    found = []
    for number in range(1, days + 1):
        day = PartitionKey(workspace.pipeline.name, workspace.partition.day - timedelta(days=number))
        valid = newest(manifests_of(workspace.lake, day, "validate"))
        if valid is not None and (events := events_of(valid, valid.counts["valid"])).by_event:
            found.append(events)
    return found


def events_of(manifest: Manifest, total: int) -> DayEvents:
    """Return the counts of events by name from a manifest.

    ``total``: the number of all events, from which the number of events with other names is computed if an old manifest
    lacks it.
    """
    by_event = {str(name): int(count) for name, count in (manifest.details.get("by_event") or {}).items()}
    # Manifests of data version 6 and older list 500 names, without the number of events with other names.
    others = manifest.details.get("other_events", max(0, total - sum(by_event.values())))
    return DayEvents(by_event, int(others))
