"""Export: one day of raw events, as Mixpanel sends them, proven whole before anything of it is published."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from contextlib import AbstractContextManager
from datetime import date
from pathlib import Path
from typing import Protocol

from include.lake import manifest as manifests
from include.lake.manifest import Manifest, digest_of, upload_file
from include.mixpanel.time import require_closed
from include.steps.jsonl import gzip_writer
from include.steps.workspace import DATA_VERSION, Workspace


class Exporter(Protocol):
    """What the step needs of a Mixpanel client: lines without their newline, or an error."""

    def export(
        self, from_date: date, to_date: date, *, events: tuple[str, ...], where: str | None, time_in_ms: bool
    ) -> AbstractContextManager[Iterable[bytes]]: ...


def export_partition(workspace: Workspace, project_id: int, mixpanel: Exporter) -> Manifest:
    """Exports the partition, or finds it exported. ``counts``: ``exported`` lines.

    Raises:
        PartitionNotClosed: the day is not over in the project's zone.
        TruncatedExport: Mixpanel's answer was not whole; nothing was published.
    """
    source, day = workspace.pipeline.mixpanel, workspace.partition.day
    require_closed(day, source, workspace.clock.now())
    request = {
        "project_id": str(project_id),
        "day": str(day),
        "events": ",".join(sorted(source.events)),
        "where": source.where or "",
        "time_in_ms": str(source.time_in_ms),
    }
    asked = digest_of(request)
    done = latest_export(workspace, asked)
    if done is not None:
        return done
    workspace.lake.check_writable()
    with workspace.scratch() as scratch:
        path = scratch / "events.jsonl.gz"
        with mixpanel.export(
            day, day, events=source.events, where=source.where, time_in_ms=source.time_in_ms
        ) as lines:
            rows, digest = _write(lines, path, asked)
        key = f"{workspace.partition.output('export', digest)}/{path.name}"
        files = (upload_file(workspace.lake, key, path, rows),)
    return workspace.publish(
        step="export",
        digest=digest,
        inputs={"request": asked},
        files=files,
        counts={"exported": rows},
        details={"request": request, "project_id": project_id},
    )


def latest_export(workspace: Workspace, request: str) -> Manifest | None:
    """The newest finished export that asked Mixpanel the same question."""
    found = [
        manifest
        for key in workspace.lake.keys(workspace.partition.step("export"))
        if key.endswith("/manifest.json")
        and (manifest := manifests.load(workspace.lake, key)) is not None
        and manifest.inputs["request"] == request
    ]
    return max(found, key=lambda manifest: (manifest.created_at, manifest.digest), default=None)


def _write(lines: Iterable[bytes], path: Path, asked: str) -> tuple[int, str]:
    """Writes the lines compressed; returns their number and the digest of the question and of what they say."""
    rows, content = 0, hashlib.sha256(f"export {DATA_VERSION} {asked}\n".encode())
    with gzip_writer(path) as file:
        for line in lines:
            row = line + b"\n"
            content.update(row)
            file.write(row)
            rows += 1
    return rows, content.hexdigest()[:32]
