"""Find the exports of a day and the records of its refreshes in the lake."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from include.json_types import JsonMapping, JsonObject
from include.lake.keys import PartitionKey
from include.lake.lake import Lake
from include.lake.manifest import Manifest
from include.lake.manifests import manifests_of
from include.lake.refreshes import read_refresh
from include.steps.rewritten import INSTEAD_OF
from include.steps.workspace import Workspace

VISIBILITY_LAG = timedelta(minutes=45)
"""An event may be missing from exports for this long after Mixpanel has processed it (observed; without an SLA)."""


def latest_export(
    workspace: Workspace, requests: Collection[str], since: datetime | None = None
) -> Manifest | None:
    """Return the current export of a day: the one that the newest export or refresh selected; None without an export.

    A refresh may select an older export. ``requests``: digests of export requests. ``since``: ignore exports that were
    requested before that time. Exports whose manifest, or whose base's manifest, was removed are ignored. An export
    that was rewritten to forget a person is still found, so that the outputs that were created from it are found
    (``include.steps.rewritten``).
    """
    lake, partition = workspace.lake, workspace.partition
    found = [
        (each.created_at, each.digest)
        for each in exports(lake, partition, requests)
        if INSTEAD_OF not in each.details and (since is None or time_of_request(each) >= since)
    ]
    found += [
        (refresh["at"], refresh["export"])
        for refresh in refreshes_of(lake, partition)
        if refresh.get("request") in requests and (since is None or _exported_at(refresh) >= since)
    ]
    newest_first = (existing_export(workspace, digest) for _, digest in sorted(found, reverse=True))
    return next(filter(None, newest_first), None)


def existing_export(workspace: Workspace, digest: str) -> Manifest | None:
    """Return the manifest of an export; None if it, or the base of a delta, was removed (for example as damaged)."""
    done = workspace.find("export", digest)
    if done is not None and done.delta is not None and workspace.find("export", done.delta.base) is None:
        return None
    return done


def time_of_request(export: Manifest) -> datetime:
    """Return the time at which the export was requested."""
    # Data version 5 and older recorded the end of an export as its time.
    stamped = export.details.get("seen_until")
    return (
        datetime.fromisoformat(stamped) + VISIBILITY_LAG
        if stamped
        else datetime.fromisoformat(export.created_at)
    )


def _exported_at(refresh: JsonMapping) -> datetime:
    stamped = refresh.get("seen_until")
    return (
        datetime.fromisoformat(stamped) + VISIBILITY_LAG if stamped else datetime.fromisoformat(refresh["at"])
    )


def seen_until(lake: Lake, partition: PartitionKey) -> datetime | None:
    """Return the time up to which every event that Mixpanel processed is in an export of the partition.

    Return None if the partition has no export.
    """
    # Data version 5 and older recorded the end of an export as its time.
    moments = [str(each.details.get("seen_until", each.created_at)) for each in exports(lake, partition)]
    moments += [str(refresh.get("seen_until", refresh["at"])) for refresh in refreshes_of(lake, partition)]
    return max(map(datetime.fromisoformat, moments), default=None)


def exports(lake: Lake, partition: PartitionKey, requests: Collection[str] | None = None) -> list[Manifest]:
    """Return the manifests of the partition's exports; with ``requests`` (digests), only exports for these requests.

    A delta whose base was removed by hand is left out.
    """
    found = {manifest.digest: manifest for manifest in manifests_of(lake, partition, "export")}
    return [
        manifest
        for manifest in found.values()
        if (requests is None or manifest.inputs["request"] in requests)
        and (manifest.delta is None or manifest.delta.base in found)
    ]


def refreshes_of(lake: Lake, partition: PartitionKey) -> list[JsonObject]:
    """Return the records of the partition's refreshes: each has the selected ``export`` and the time ``at``."""
    return [found for key in lake.keys(partition.refreshes) if (found := read_refresh(lake, key)) is not None]
