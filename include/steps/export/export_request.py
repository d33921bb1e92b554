"""Find and publish the exports of a partition by the parameters of the request, whichever run has sent the request."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from include.failpoint import failpoint
from include.json_types import JsonObject
from include.lake.history import Source
from include.lake.manifest import Manifest, digest_of, upload_file
from include.lake.records import create_record
from include.lake.refreshes import read_refresh
from include.mixpanel.event_time import require_closed, settled_at
from include.mixpanel.raw_file import RawFile
from include.steps.export.compare_exports import ComparedExport, ExportComparer
from include.steps.export.export_delta import publish_delta
from include.steps.export.stored_exports import (
    VISIBILITY_LAG,
    existing_export,
    exports,
    latest_export,
    refreshes_of,
    time_of_request,
)
from include.steps.export.suppress import Suppressor
from include.steps.workspace import Workspace

_SETTLED = "settled"
"""The name of the refresh that is recorded if the export of a settled day equals an export from before it settled."""


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
        return existing_export(self.workspace, found["export"]) if found else None

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
        seen_until = (requested_at - VISIBILITY_LAG).isoformat(timespec="milliseconds")
        named = {"export": "bytes", "asked": self.digest, "sha256": raw.sha256}
        output = workspace.find_output("export", named, with_files=with_files)
        if output.manifest is not None and existing_export(workspace, output.manifest.digest) is None:
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
        if not refresh and time_of_request(done) < self.settled <= requested_at:
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
