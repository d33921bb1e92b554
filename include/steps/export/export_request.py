"""Find and publish the exports of a partition by the parameters of the request, whichever run has sent the request."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from include.failpoint import failpoint
from include.json_types import JsonMapping, JsonObject
from include.lake.history import Source
from include.lake.keys import PartitionKey
from include.lake.lake import Lake
from include.lake.manifest import Manifest, digest_of, upload_file
from include.lake.manifests import manifests_of
from include.lake.records import create_record
from include.lake.refreshes import read_refresh
from include.mixpanel.event_time import require_closed, settled_at
from include.mixpanel.raw_file import RawFile
from include.mixpanel.stored_day import stored_day
from include.steps.export.compare_exports import ComparedExport, ExportComparer
from include.steps.export.export_delta import publish_delta
from include.steps.export.suppress import Suppressor
from include.steps.rewritten import INSTEAD_OF
from include.steps.workspace import Workspace

__all__ = ["ExportRequest", "latest_export", "seen_until", "stored_day"]

_SETTLED = "settled"
"""The name of the refresh that is recorded if the export of a settled day equals an export from before it settled."""
_VISIBILITY_LAG = timedelta(minutes=45)
"""An event may be missing from exports for this long after Mixpanel has processed it (observed; without an SLA)."""


@dataclass(frozen=True)
class ExportRequest:
    """The request for the export of one partition; the parameters in ``request`` identify its exports in the lake."""

    workspace: Workspace
    project: Source
    request: Mapping[str, str]

    @classmethod
    def of(cls, workspace: Workspace, project: Source) -> ExportRequest:
        """Return the export request for the workspace's pipeline and day, in the Mixpanel project ``project``.

        Raises:
            PartitionNotClosed: the day is not over in the project's time zone.
        """
        source, day = workspace.pipeline.mixpanel, workspace.partition.day
        require_closed(day, source, workspace.clock.now())
        return cls(
            workspace,
            project,
            {
                "region": project.region,
                "project_id": str(project.project_id),
                "day": str(day),
                "events": ",".join(sorted(source.events)),
                "where": source.where or "",
                "time_in_ms": str(source.time_in_ms),
            },
        )

    @property
    def digest(self) -> str:
        """The digest of the parameters of the request."""
        return digest_of(self.request)

    @property
    def digests(self) -> tuple[str, str]:
        """The current digest of the request, and the digest that data version 5 and older used, without the region."""
        return self.digest, digest_of({name: text for name, text in self.request.items() if name != "region"})

    @property
    def settled(self) -> datetime:
        """The time from which an export of the day is complete enough to be used."""
        pipeline = self.workspace.pipeline
        return settled_at(self.workspace.partition.day, pipeline.mixpanel, pipeline.settle_hours)

    def latest(self) -> Manifest | None:
        """Return the newest export of the day, or None.

        Once the day has settled, only exports that were requested after that time are returned.
        """
        is_settled = self.workspace.clock.now() >= self.settled
        return latest_export(self.workspace, self.digests, self.settled if is_settled else None)

    def refreshed_export(self, refresh: str) -> Manifest | None:
        """Return the export that the refresh of this name selected; None if the export or the refresh does not exist.

        A refresh is a repeated export of the day.
        """
        keys = (self.workspace.partition.refresh(f"{refresh} {digest}") for digest in self.digests)
        found = next(filter(None, (read_refresh(self.workspace.lake, key) for key in keys)), None)
        return _existing_export(self.workspace, found["export"]) if found else None

    def publish(
        self, raw: RawFile, refresh: str | None, requested_at: datetime, *, with_files: bool = False
    ) -> Manifest:
        """Publish a complete export, and return its manifest.

        ``requested_at``: the time at which the export was requested. The export contains every event that Mixpanel had
        processed 45 minutes before that time, and may contain later events. ``refresh`` is recorded as the name of the
        request. The events of forgotten people are removed before anything is stored.

        If an earlier export has the same lines, in any order or encoding, that export is returned, and no later step
        has to be repeated (``with_files``: only if its file exists). If few lines differ from the newest export that is
        not a delta, only the differing lines are published, as a delta.
        """
        workspace = self.workspace
        suppressor = Suppressor.of(workspace.lake, workspace.pipeline, self.project.project_id)
        raw = suppressor.without_forgotten(workspace, raw, raw.path.with_name(f"kept-{raw.path.name}"))
        seen_until = (requested_at - _VISIBILITY_LAG).isoformat(timespec="milliseconds")
        named = {"export": "bytes", "asked": self.digest, "sha256": raw.sha256}
        output = workspace.find_output("export", named, with_files=with_files)
        if output.manifest is not None and _existing_export(workspace, output.manifest.digest) is None:
            output = workspace.find_output("export", named, with_files=True)
        done, compared = output.manifest, ComparedExport()
        if done is None:
            with workspace.scratch() as scratch:
                compared = self._compare(raw, scratch, with_files=with_files)
                done = compared.same
                if done is None and compared.difference is not None:
                    details = self._details(seen_until, compared)
                    done = publish_delta(
                        workspace,
                        raw,
                        compared,
                        self.digest,
                        details,
                        scratch,
                        suppressor,
                        with_files=with_files,
                    )
        if done is None:
            key = f"{workspace.partition.output('export', output.digest)}/events-{raw.sha256[:16]}.jsonl.gz"
            file = upload_file(workspace.lake, key, raw.path, raw.rows, sha256=raw.sha256)
            suppressor.require_current(workspace.lake)
            done = workspace.publish(
                step="export",
                digest=output.digest,
                inputs={"request": self.digest},
                files=(file,),
                counts=raw.counts,
                details=self._details(seen_until, compared),
            )
        if not refresh and _requested_at(done) < self.settled <= requested_at:
            refresh = _SETTLED  # makes an export from before the day had settled valid from now on
        if refresh:
            self._record(refresh, done, seen_until, compared)
        return done

    def _details(self, seen_until: str, compared: ComparedExport) -> JsonObject:
        return {
            "request": dict(self.request),
            "project_id": self.project.project_id,
            "region": self.project.region,
            "seen_until": seen_until,
            **({"lines": compared.lines} if compared.lines else {}),
        }

    def _record(self, refresh: str, done: Manifest, seen_until: str, compared: ComparedExport) -> None:
        """Store the export that a refresh selected, and the sums of lines that were computed for the comparison."""
        workspace = self.workspace
        at = workspace.clock.now().isoformat(timespec="milliseconds")
        record = {"export": done.digest, "at": at, "seen_until": seen_until, "request": self.digest}
        lines = {"lines": compared.lines} if compared.lines else {}
        sums = {"sums": compared.sums} if compared.sums else {}
        failpoint("refresh.before")
        body = json.dumps({**record, **lines, **sums}).encode()
        create_record(workspace.lake, workspace.partition.refresh(f"{refresh} {self.digest}"), body)
        failpoint("refresh.after")

    def _compare(self, raw: RawFile, scratch: Path, *, with_files: bool) -> ComparedExport:
        """Compare the new export ``raw`` with the earlier exports of the same request."""
        workspace = self.workspace
        earlier = sorted(
            exports(workspace.lake, workspace.partition, self.digests),
            key=lambda each: each.created_at,
            reverse=True,
        )
        sums: dict[str, str] = {}
        for refresh in refreshes_of(workspace.lake, workspace.partition) if earlier else ():
            sums |= refresh.get("sums", {})
            sums |= {refresh["export"]: refresh["lines"]} if refresh.get("lines") else {}
        return ExportComparer(workspace, raw, earlier, sums, scratch, with_files).compare()


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
        if INSTEAD_OF not in each.details and (since is None or _requested_at(each) >= since)
    ]
    found += [
        (refresh["at"], refresh["export"])
        for refresh in refreshes_of(lake, partition)
        if refresh.get("request") in requests and (since is None or _exported_at(refresh) >= since)
    ]
    newest_first = (_existing_export(workspace, digest) for _, digest in sorted(found, reverse=True))
    return next(filter(None, newest_first), None)


def _existing_export(workspace: Workspace, digest: str) -> Manifest | None:
    """Return the manifest of an export; None if it, or the base of a delta, was removed (for example as damaged)."""
    done = workspace.find("export", digest)
    if done is not None and done.delta is not None and workspace.find("export", done.delta.base) is None:
        return None
    return done


def _requested_at(export: Manifest) -> datetime:
    # Data version 5 and older recorded the end of an export as its time.
    stamped = export.details.get("seen_until")
    return (
        datetime.fromisoformat(stamped) + _VISIBILITY_LAG
        if stamped
        else datetime.fromisoformat(export.created_at)
    )


def _exported_at(refresh: JsonMapping) -> datetime:
    stamped = refresh.get("seen_until")
    return (
        datetime.fromisoformat(stamped) + _VISIBILITY_LAG
        if stamped
        else datetime.fromisoformat(refresh["at"])
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
