"""What Mixpanel is asked for a partition, and what it answered: kept by the question, whoever asks again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from include.failpoint import failpoint
from include.lake import manifest as manifests
from include.lake.history import Source
from include.lake.keys import PartitionKey
from include.lake.lake import Lake, sha256_file
from include.lake.manifest import Manifest, digest_of, upload_file
from include.mixpanel.stored_day import stored_day
from include.mixpanel.stream import is_event
from include.mixpanel.time import require_closed
from include.steps.workspace import DATA_VERSION, Workspace

__all__ = ["DayFile", "Question", "Writer", "latest_export", "seen_until", "stored_day"]

_MODULUS = 2**256
_VISIBILITY_LAG = timedelta(minutes=45)
"""An event may be missing from exports for so long after Mixpanel has processed it (observed; there is no SLA)."""


class Writer(Protocol):
    """Takes the bytes of a file."""

    def write(self, data: bytes, /) -> int: ...


@dataclass
class DayFile:
    """The lines of one day, and the digest of the question and of what they say, in whatever order they came.

    Mixpanel promises no order: a day that is looked at again is the same one where every line is there as often as
    before, and then nothing after it has to be done again. Hence the sum of the lines' hashes, not the hash of them all.
    """

    path: Path
    asked: str
    rows: int = 0
    not_events: int = 0
    """Of the rows, those that are something else than an event; the transform step quarantines them."""
    _sum: int = 0

    def write(self, file: Writer, line: bytes) -> None:
        file.write(line + b"\n")
        self._sum += int.from_bytes(hashlib.sha256(line).digest(), "big")
        self.rows += 1
        self.not_events += not is_event(line)

    @property
    def counts(self) -> dict[str, int]:
        """``exported`` events, and ``not_events`` where there are other lines."""
        others = {"not_events": self.not_events} if self.not_events else {}
        return {"exported": self.rows - self.not_events, **others}

    @property
    def digest(self) -> str:
        return digest_of(
            {"export": DATA_VERSION, "asked": self.asked, "rows": self.rows, "sum": self._sum % _MODULUS}
        )


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
        body = next(filter(None, map(self.workspace.lake.read, keys)), None)
        return self.workspace.require("export", json.loads(body)["export"]) if body else None

    def publish(self, day_file: DayFile, look: str | None, asked_at: datetime) -> Manifest:
        """Publish what an export returned. ``asked_at``: the moment before it was requested.

        An export shows what Mixpanel had processed by then, less its lag: later events may be in it or not.
        """
        place, digest = self.workspace, day_file.digest
        seen_until = (asked_at - _VISIBILITY_LAG).isoformat(timespec="milliseconds")
        done = place.find("export", digest)
        if done is None:
            # Named by its bytes: two runs may hold the same lines in another order at the same time.
            name = f"events-{sha256_file(day_file.path)[:16]}.jsonl.gz"
            key = f"{place.partition.output('export', digest)}/{name}"
            done = place.publish(
                step="export",
                digest=digest,
                inputs={"request": self.digest},
                files=(upload_file(place.lake, key, day_file.path, day_file.rows),),
                counts=day_file.counts,
                details={
                    "request": dict(self.request),
                    "project_id": self.project.project_id,
                    "region": self.project.region,
                    "seen_until": seen_until,
                },
            )
        if look:
            at = place.clock.now().isoformat(timespec="milliseconds")
            record = {"export": digest, "at": at, "seen_until": seen_until, "request": self.digest}
            body = json.dumps(record).encode()
            failpoint("look.before")
            place.lake.create(place.partition.look(f"{look} {self.digest}"), body)
            failpoint("look.after")
        return done


def latest_export(workspace: Workspace, requests: Collection[str]) -> Manifest | None:
    """The newest answer to a question: the last look's, also where it was an older one over again."""
    lake, partition = workspace.lake, workspace.partition
    found = [
        (manifest.created_at, manifest.digest)
        for key in lake.keys(partition.step("export"))
        if key.endswith("/manifest.json")
        and (manifest := manifests.load(lake, key)) is not None
        and manifest.inputs["request"] in requests
    ]
    looks = [json.loads(lake.read(key) or b"{}") for key in lake.keys(partition.looks)]
    found += [(look["at"], look["export"]) for look in looks if look.get("request") in requests]
    return workspace.require("export", max(found)[1]) if found else None


def seen_until(lake: Lake, partition: PartitionKey) -> datetime | None:
    """Up to which moment of processing the partition's exports show every event; None: it was never exported."""
    manifest_keys = (key for key in lake.keys(partition.step("export")) if key.endswith("/manifest.json"))
    found = [manifest for key in manifest_keys if (manifest := manifests.load(lake, key)) is not None]
    # Data version 5 and older stamped an export when it ended.
    moments = [str(manifest.details.get("seen_until", manifest.created_at)) for manifest in found]
    looks = [json.loads(lake.read(key) or b"{}") for key in lake.keys(partition.looks)]
    moments += [str(look.get("seen_until", look["at"])) for look in looks]
    return max(map(datetime.fromisoformat, moments), default=None)
