"""What Mixpanel is asked for a partition, and what it answered: kept by the question, whoever asks again."""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from include.errors import BadManifest, FilesRemoved, LakeError
from include.failpoint import failpoint
from include.lake import manifest as manifests
from include.lake.history import Source
from include.lake.keys import PartitionKey
from include.lake.lake import Lake
from include.lake.manifest import Manifest, digest_of, upload_file
from include.lake.records import create_record
from include.lake.refreshes import read_refresh
from include.mixpanel.raw_file import RawFile, read_lines
from include.mixpanel.stored_day import stored_day
from include.mixpanel.time import require_closed
from include.steps.line_sum import line_sum
from include.steps.workspace import Workspace

__all__ = ["Question", "latest_export", "seen_until", "stored_day"]

log = logging.getLogger(__name__)
_VISIBILITY_LAG = timedelta(minutes=45)
"""An event may be missing from exports for so long after Mixpanel has processed it (observed; there is no SLA)."""


@dataclass(frozen=True)
class Question:
    """What Mixpanel is asked for a partition; answers are kept by it."""

    workspace: Workspace
    project: Source
    request: Mapping[str, str]

    @classmethod
    def of(cls, workspace: Workspace, project: Source) -> Question:
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
        return digest_of(self.request)

    @property
    def digests(self) -> tuple[str, str]:
        """Also that of the same question in data version 5 and older, which did not name the region."""
        return self.digest, digest_of({name: text for name, text in self.request.items() if name != "region"})

    def latest(self) -> Manifest | None:
        return latest_export(self.workspace, self.digests)

    def looked(self, look: str) -> Manifest | None:
        """What a look of this name has found."""
        keys = (self.workspace.partition.look(f"{look} {digest}") for digest in self.digests)
        found = next(filter(None, (read_refresh(self.workspace.lake, key) for key in keys)), None)
        return self.workspace.require("export", found["export"]) if found else None

    def publish(
        self, raw: RawFile, look: str | None, asked_at: datetime, *, with_files: bool = False
    ) -> Manifest:
        """Publish what an export returned. ``asked_at``: the moment before it was requested.

        An export shows what Mixpanel had processed by then, less its lag: later events may be in it or not. It is named
        by its bytes. Where the same lines were published before, in another order or another coding, that export is
        returned, and nothing after it has to be done again; ``with_files``: only if its file is there.
        """
        place = self.workspace
        seen_until = (asked_at - _VISIBILITY_LAG).isoformat(timespec="milliseconds")
        named = {"export": "bytes", "asked": self.digest, "sha256": raw.sha256}
        output = place.find_output("export", named, with_files=with_files)
        done, lines = output.manifest, None
        if done is None:
            done, lines = self._same_lines(raw, with_files=with_files)
        if done is None:
            key = f"{place.partition.output('export', output.digest)}/events-{raw.sha256[:16]}.jsonl.gz"
            done = place.publish(
                step="export",
                digest=output.digest,
                inputs={"request": self.digest},
                files=(upload_file(place.lake, key, raw.path, raw.rows, sha256=raw.sha256),),
                counts=raw.counts,
                details={
                    "request": dict(self.request),
                    "project_id": self.project.project_id,
                    "region": self.project.region,
                    "seen_until": seen_until,
                    **({"lines": lines} if lines else {}),
                },
            )
        if look:
            self._record(look, done, seen_until, lines)
        return done

    def _record(self, look: str, done: Manifest, seen_until: str, lines: str | None) -> None:
        """Keep what a refresh found, and the sum of its lines where it was needed."""
        place = self.workspace
        at = place.clock.now().isoformat(timespec="milliseconds")
        record = {"export": done.digest, "at": at, "seen_until": seen_until, "request": self.digest}
        body = json.dumps({**record, **({"lines": lines} if lines else {})}).encode()
        failpoint("look.before")
        create_record(place.lake, place.partition.look(f"{look} {self.digest}"), body)
        failpoint("look.after")

    def _same_lines(self, raw: RawFile, *, with_files: bool) -> tuple[Manifest | None, str | None]:
        """The newest earlier export with exactly these lines, and the sum of the lines if it had to be computed.

        Hashing every line costs as much as the rest of the export, so it is done only where an earlier export has as
        many lines. Of that one the sum is read from where it was recorded, or computed from its file.
        """
        place = self.workspace
        found = [
            each
            for each in exports(place.lake, place.partition, self.digests)
            if each.rows == raw.rows and (not with_files or place.has_files(each))
        ]
        if not found:
            return None, None
        lines = line_sum(read_lines([raw.path]))
        known = {look["export"]: look.get("lines") for look in looks_of(place.lake, place.partition)}
        for manifest in sorted(found, key=lambda each: each.created_at, reverse=True):
            earlier = manifest.details.get("lines") or known.get(manifest.digest) or self._line_sum(manifest)
            if earlier == lines:
                return manifest, lines
        return None, lines

    def _line_sum(self, manifest: Manifest) -> str | None:
        """The sum of an export's lines, from its file; None where the file is damaged or missing."""
        place = self.workspace
        try:
            with place.scratch() as scratch:
                return line_sum(read_lines(place.local_files(manifest, scratch)))
        except (BadManifest, FilesRemoved, LakeError) as error:
            log.warning("An earlier export cannot be compared, so this one is kept as another: %s", error)
            return None


def latest_export(workspace: Workspace, requests: Collection[str]) -> Manifest | None:
    """The newest answer to a question: the last look's, also where it was an older one over again."""
    lake, partition = workspace.lake, workspace.partition
    found = [(each.created_at, each.digest) for each in exports(lake, partition, requests)]
    looks = looks_of(lake, partition)
    found += [(look["at"], look["export"]) for look in looks if look.get("request") in requests]
    return workspace.require("export", max(found)[1]) if found else None


def seen_until(lake: Lake, partition: PartitionKey) -> datetime | None:
    """Up to which moment of processing the partition's exports show every event; None: it was never exported."""
    # Data version 5 and older stamped an export when it ended.
    moments = [str(each.details.get("seen_until", each.created_at)) for each in exports(lake, partition)]
    moments += [str(look.get("seen_until", look["at"])) for look in looks_of(lake, partition)]
    return max(map(datetime.fromisoformat, moments), default=None)


def exports(
    lake: Lake, partition: PartitionKey, requests: Collection[str] | None = None
) -> Iterator[Manifest]:
    """The partition's exports; with ``requests``, those that answer one of them."""
    for key in lake.keys(partition.step("export")):
        manifest = manifests.load(lake, key) if key.endswith("/manifest.json") else None
        if manifest is not None and (requests is None or manifest.inputs["request"] in requests):
            yield manifest


def looks_of(lake: Lake, partition: PartitionKey) -> list[dict[str, Any]]:
    """What the partition's refreshes found."""
    return [found for key in lake.keys(partition.looks) if (found := read_refresh(lake, key)) is not None]
