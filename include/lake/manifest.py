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
"""The newest supported version of a manifest. Only deltas have it, so that older code without deltas refuses them."""
_DELTA_VERSION = 2
StepName = Literal["export", "transform", "validate_shard", "validate", "stage"]
"""What publishes an output: a step, or ``validate_shard``, which validates one part of a large day for ``validate``."""
STEPS: tuple[StepName, ...] = ("export", "transform", "validate", "stage")
"""The steps that publish an output, in the order in which they run."""
PREVIOUS_STEP: dict[StepName, StepName] = {
    "transform": "export", "validate_shard": "transform", "validate": "transform", "stage": "validate",
}  # fmt: skip
"""The step whose output a step reads. ``Manifest.inputs`` has the digest of that output under the step's name."""


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LakeFile(_Record):
    """A file in the lake: its key, its size in bytes, its lower-case hex SHA-256, and the number of its rows."""

    key: str
    bytes: int
    sha256: str
    rows: int


class Delta(_Record):
    """The description of a delta: an output that stores a day as its difference from another output, the base.

    The day's rows are those of the base, except the rows in ``without``, and those of the delta's own files.

    Attributes:
        base: the digest of the base, an output of the same step that is not a delta itself.
        rows: the number of rows of the whole day.
        without: the rows of the base that do not belong to the day: for an export, a gzip file with their lines in the
            order of the base; for other steps, a Parquet file with their ``_id``s. None without such rows.
    """

    base: str
    rows: int
    without: LakeFile | None = None


class Manifest(_Record):
    """The description of one output of a step for one partition.

    Attributes:
        version: the version of the manifest's format.
        step: the step that published the output.
        pipeline: the name of the pipeline.
        partition: the day, as ``YYYY-MM-DD``.
        digest: the digest that identifies the output and names its folder.
        inputs: digests and versions of everything that determines the output, by name.
        files: the files with all rows of the day; for a delta, with the rows that the base does not have.
        counts: numbers of events of the whole day, by name.
        details: further facts that depend on the step.
        created_at: the time in ISO 8601.
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
        """The difference from the base; None if the files contain the whole day."""
        found = self.details.get("delta")
        return Delta.model_validate(found) if found else None

    @property
    def rows(self) -> int:
        """The number of rows of the whole day."""
        return self.delta.rows if self.delta else self.rows_in_files

    @property
    def rows_in_files(self) -> int:
        """The number of rows in ``files``; for a delta, only the rows that the base does not have."""
        return sum(file.rows for file in self.files)

    @property
    def keys(self) -> set[str]:
        """The keys of all files of this output that later steps read; some may be in the folder of an earlier step."""
        listed = (self.details.get("events"), self.details.get("refused"))  # of transform; of validate_shard
        without = self.delta.without if self.delta else None
        return (
            {file.key for file in self.files}
            | {str(each["key"]) for each in listed if each}
            | ({without.key} if without else set())
        )

    @property
    def content(self) -> str:
        """A digest of the files' digests: outputs with equal files have equal digests, whatever their inputs were."""
        files = {"files": sorted(file.sha256 for file in self.files)}
        if (delta := self.delta) is None:
            return digest_of(files)
        return digest_of({**files, "base": delta.base, "without": delta.without and delta.without.sha256})


def delta_fields(delta: Delta, details: JsonMapping) -> JsonObject:
    """Return the fields ``version`` and ``details`` for the manifest of a delta, as keyword arguments.

    ``details``: the other details of the manifest.
    """
    return {"version": _DELTA_VERSION, "details": {**details, "delta": delta.model_dump()}}


def digest_of(parts: Mapping[str, object]) -> str:
    """Return the first 32 hex digits of the SHA-256 of ``parts``, written as JSON with sorted keys."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def upload_file(lake: Lake, key: str, path: Path, rows: int, *, sha256: str | None = None) -> LakeFile:
    """Copy the local file ``path`` to the lake, and return its description.

    Args:
        lake: the lake.
        key: the key of the new object.
        path: the local file.
        rows: the number of rows in the file.
        sha256: the lower-case hex SHA-256 of the file, if the caller knows it; otherwise it is computed.
    """
    lake.upload(key, path)
    return LakeFile(key=key, bytes=path.stat().st_size, sha256=sha256 or sha256_file(path), rows=rows)


def load(lake: Lake, key: str) -> Manifest | None:
    """Return the manifest at ``key``, or None if it is missing.

    Raises:
        BadManifest: the manifest is unreadable, is from a newer version, describes another output, or refers to files
            of another partition. Such a manifest never counts as missing.
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
    """Publish a step's output by creating its manifest, and return the manifest that is in the lake.

    If another run has already published the same output, its manifest is kept and returned.

    Raises:
        Conflict: the existing manifest describes other files than ``manifest``, although the inputs are the same.
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
