"""A step's manifest: its files, counts and digests. A step's output is complete only when its manifest exists."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from include.errors import BadManifest, Conflict
from include.failpoint import failpoint
from include.json_types import JsonMapping, JsonObject
from include.lake.keys import PartitionKey
from include.lake.lake import Lake, sha256_file
from include.lake.manifest_check import require_own_files
from include.lake.records import create_record, read_record

VERSION = 2
"""The newest supported version. Only deltas have it, because programs without support for deltas must not read them."""
_DELTA_VERSION = 2
StepName = Literal["export", "transform", "validate_shard", "validate", "stage"]
"""What publishes an output: a step of a day, or ``validate_shard``, which checks a part of a large day for ``validate``."""
STEPS: tuple[StepName, ...] = ("export", "transform", "validate", "stage")
"""The steps of a day that publish an output, in their order."""
PREVIOUS_STEP: dict[StepName, StepName] = {
    "transform": "export", "validate_shard": "transform", "validate": "transform", "stage": "validate",
}  # fmt: skip
"""The step that creates the input of a step; its digest is among the inputs under the step's name."""


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LakeFile(_Record):
    """One file of a step's output; ``key`` is relative to the lake."""

    key: str
    bytes: int
    sha256: str
    rows: int


class Delta(_Record):
    """A day as the difference from a base output of the same step: the base's rows without superseded ones, plus the rows of the output's own files.

    ``base``: the digest of that output, which is not a delta. ``rows``: of the whole day. ``without``: the rows of the base
    that do not belong to the day: gzipped lines in the base's order for an export, else a Parquet file of ``_id``.
    """

    base: str
    rows: int
    without: LakeFile | None = None


class Manifest(_Record):
    """The output of one step for one partition. ``counts`` are numbers of events; ``inputs`` identify the inputs.

    ``files`` hold all rows of the day, or a ``delta``'s rows in addition to its base; counts are those of the day.
    """

    version: int = 1
    step: StepName
    pipeline: str
    partition: str
    digest: str
    inputs: dict[str, str]
    files: tuple[LakeFile, ...]
    counts: dict[str, int]
    details: JsonObject = {}
    created_at: str

    @property
    def delta(self) -> Delta | None:
        """The difference from the base output; None where the files hold the whole day."""
        found = self.details.get("delta")
        return Delta.model_validate(found) if found else None

    @property
    def rows(self) -> int:
        """The number of the day's rows for the next step."""
        return self.delta.rows if self.delta else self.own_rows

    @property
    def own_rows(self) -> int:
        """The number of rows of the output's own files."""
        return sum(file.rows for file in self.files)

    @property
    def keys(self) -> set[str]:
        """The keys of all own files that a later step reads; they may be in the folder of an earlier step."""
        listed = (self.details.get("events"), self.details.get("refused"))  # of transform; of validate_shard
        without = self.delta.without if self.delta else None
        return (
            {file.key for file in self.files}
            | {str(each["key"]) for each in listed if each}
            | ({without.key} if without else set())
        )

    @property
    def content(self) -> str:
        """The digest of the files alone: equal content has an equal digest, independent of how it was produced."""
        files = {"files": sorted(file.sha256 for file in self.files)}
        if (delta := self.delta) is None:
            return digest_of(files)
        return digest_of({**files, "base": delta.base, "without": delta.without and delta.without.sha256})


def delta_fields(delta: Delta, details: JsonMapping) -> JsonObject:
    """Return the version and the details for the manifest of a delta."""
    return {"version": _DELTA_VERSION, "details": {**details, "delta": delta.model_dump()}}


def digest_of(parts: Mapping[str, object]) -> str:
    """Return the first 32 hex digits of the SHA-256 of ``parts`` as canonical JSON."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def upload_file(lake: Lake, key: str, path: Path, rows: int, *, sha256: str | None = None) -> LakeFile:
    """Upload a local file and return its description. ``sha256``: the file's digest, where the caller knows it."""
    lake.upload(key, path)
    return LakeFile(key=key, bytes=path.stat().st_size, sha256=sha256 or sha256_file(path), rows=rows)


def load(lake: Lake, key: str) -> Manifest | None:
    """Return the manifest at ``key``, or None.

    Raises:
        BadManifest: the manifest is unreadable, of a newer version, or refers to another output or to files of another
            partition; such a manifest never counts as missing.
    """
    body = read_record(lake, key)
    if body is None:
        return None
    try:
        data = json.loads(body)
        if isinstance(data, dict) and data.get("version", 0) > VERSION:
            raise BadManifest(
                f"{lake.uri(key)} was written by a newer version of mixpanel-aep.", "Upgrade mixpanel-aep."
            )
        manifest = Manifest.model_validate(data)
    except (ValueError, TypeError, ValidationError):
        raise BadManifest(
            f"{lake.uri(key)} is not a readable manifest.",
            "If it is damaged, move it out of the lake and run the partition again; the outputs of earlier steps are kept.",
        ) from None
    require_own_files(lake, key, manifest)
    return manifest


def publish(lake: Lake, partition: PartitionKey, manifest: Manifest) -> Manifest:
    """Publish a step's output, once. Of two runs with the same output, the first one's manifest is kept.

    Raises:
        Conflict: an earlier run produced other content from the same inputs.
    """
    key = partition.manifest(manifest.step, manifest.digest)
    failpoint(f"manifest.{manifest.step}.before")
    created = create_record(lake, key, manifest.model_dump_json(indent=1).encode())
    failpoint(f"manifest.{manifest.step}.after")
    if created:
        return manifest
    existing = load(lake, key)
    if existing is None or existing.content != manifest.content:
        raise Conflict(
            f"{lake.uri(key)} already describes other content than this run produced from the same inputs.",
            "The code changed its output without a new data version. Use only one of the two versions of the code.",
        )
    return existing
