"""A step's manifest: its files, counts and digests. The step's output exists once this does, and not before."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from include.errors import BadManifest, Conflict
from include.failpoint import failpoint
from include.lake.keys import PartitionKey
from include.lake.lake import Lake, sha256_file
from include.lake.places import require_place
from include.lake.records import create_record, read_record

VERSION = 1
Step = Literal["export", "transform", "validate", "stage"]


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LakeFile(_Record):
    """One file of a step's output; ``key`` is relative to the lake."""

    key: str
    bytes: int
    sha256: str
    rows: int


class Manifest(_Record):
    """What one step made of one partition. ``counts`` are numbers of events; ``inputs`` name what it was made of."""

    version: int = VERSION
    step: Step
    pipeline: str
    partition: str
    digest: str
    inputs: dict[str, str]
    files: tuple[LakeFile, ...]
    counts: dict[str, int]
    details: dict[str, Any] = {}
    created_at: str

    @property
    def rows(self) -> int:
        """Rows that go on to the next step."""
        return sum(file.rows for file in self.files)

    @property
    def keys(self) -> set[str]:
        """The keys of all files that a later step reads; they may be in the folder of an earlier step."""
        events = self.details.get("events")  # of transform
        return {file.key for file in self.files} | ({str(events["key"])} if events else set())

    @property
    def content(self) -> str:
        """The digest of the files alone: equal content, equal digest, however it was made."""
        return digest_of({"files": sorted(file.sha256 for file in self.files)})


def digest_of(parts: Mapping[str, Any]) -> str:
    """The first 32 hex digits of the SHA-256 of ``parts`` as canonical JSON."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def upload_file(lake: Lake, key: str, path: Path, rows: int, *, sha256: str | None = None) -> LakeFile:
    """Puts a local file into the lake and says what was put. ``sha256``: of the file, where the caller knows it."""
    lake.upload(key, path)
    return LakeFile(key=key, bytes=path.stat().st_size, sha256=sha256 or sha256_file(path), rows=rows)


def load(lake: Lake, key: str) -> Manifest | None:
    """The manifest at ``key``, or None.

    Raises:
        BadManifest: it is unreadable, of a newer version, or about another output or files of another partition; it is
            never taken for "nothing there".
    """
    body = read_record(lake, key)
    if body is None:
        return None
    try:
        data = json.loads(body)
        if isinstance(data, dict) and data.get("version", 0) > VERSION:
            raise BadManifest(
                f"{lake.uri(key)} was written by a newer version of mixpanel-aep.", "Upgrade this one."
            )
        manifest = Manifest.model_validate(data)
    except (ValueError, TypeError, ValidationError):
        raise BadManifest(
            f"{lake.uri(key)} is not a readable manifest.",
            "If it was damaged, move it away and run the partition again; every step before it is kept.",
        ) from None
    require_place(lake, key, manifest)
    return manifest


def publish(lake: Lake, partition: PartitionKey, manifest: Manifest) -> Manifest:
    """Makes a step's output real, once. Of two runs that made the same, the first one's manifest stays.

    Raises:
        Conflict: the same inputs gave other content before.
    """
    key = partition.manifest(manifest.step, manifest.digest)
    failpoint(f"manifest.{manifest.step}.before")
    created = create_record(lake, key, manifest.model_dump_json(indent=1).encode())
    failpoint(f"manifest.{manifest.step}.after")
    if created:
        return manifest
    there = load(lake, key)
    if there is None or there.content != manifest.content:
        raise Conflict(
            f"{lake.uri(key)} already describes other content than this run made of the same inputs.",
            "The code changed what it writes without a new data version; keep one of the two.",
        )
    return there
