"""Find, read and publish the outputs of the steps of one partition in the lake."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date
from itertools import count
from pathlib import Path

from include.clock import SYSTEM_CLOCK, Clock
from include.config.model import Pipeline
from include.errors import BadManifest, ConfigError, FilesRemoved, LakeError
from include.json_types import JsonMapping
from include.lake.keys import PartitionKey, schema_key, step_of
from include.lake.lake import Lake
from include.lake.manifest import PREVIOUS_STEP, LakeFile, Manifest, StepName, digest_of, publish
from include.lake.manifests import find_manifest
from include.lake.records import read_record
from include.steps.scratch import scratch_folder
from include.xdm.schema.xdm_schema import XdmSchema, parse_schema

DATA_VERSION = 8
"""The version of the code that computes rows; it is one of the inputs of every step.

Increase it when the code computes other rows from the same inputs: all outputs are then created again.
"""

FORGOTTEN = "forgotten"
"""The value of ``setting`` in a removal record if the files were removed because they contained a forgotten person."""


@dataclass(frozen=True)
class Output:
    """The inputs and the digest of a step's output; ``manifest`` is None if the output does not exist yet."""

    inputs: dict[str, str]
    digest: str
    manifest: Manifest | None


@dataclass(frozen=True)
class Workspace:
    """The lake, the pipeline and the partition that a step works on; finds and publishes the outputs of its steps."""

    lake: Lake
    pipeline: Pipeline
    partition: PartitionKey
    clock: Clock = SYSTEM_CLOCK

    @classmethod
    def of(cls, lake: Lake, pipeline: Pipeline, day: date, clock: Clock = SYSTEM_CLOCK) -> Workspace:
        """Return the workspace of one day of a pipeline.

        Raises:
            ConfigError: the day is before the pipeline's start date or after its end date.
        """
        if day < pipeline.start_date:
            raise ConfigError(
                f"Partition {day} is before the start_date {pipeline.start_date} of pipeline {pipeline.name}.",
                "Set an earlier start_date in the pipeline file, or choose a later day.",
            )
        if pipeline.end_date is not None and day > pipeline.end_date:
            raise ConfigError(
                f"Partition {day} is after the end_date {pipeline.end_date} of pipeline {pipeline.name}.",
                "Set a later end_date in the pipeline file or remove it, or choose an earlier day.",
            )
        return cls(lake, pipeline, PartitionKey(pipeline.name, day), clock)

    def scratch(self) -> AbstractContextManager[Path]:
        """Create a local folder in ``TMPDIR`` for large intermediate files; leaving the context removes the folder.

        Raises:
            ScratchError: the folder cannot be created, or the step failed because the folder is full or was removed.
        """
        return scratch_folder(f"mixpanel-aep-{self.pipeline.name}-")

    def find(self, step: StepName, digest: str) -> Manifest | None:
        """Return the manifest of the step's output with this digest, or None if that output does not exist."""
        return find_manifest(self.lake, self.partition, step, digest)

    def find_output(self, step: StepName, inputs: Mapping[str, str], *, with_files: bool = False) -> Output:
        """Return the output of a step for these inputs; its ``manifest`` is None if the output has to be made.

        Without ``with_files``, an output is found also if its files were removed: a loaded day does not need them. With
        ``with_files``, such an output is skipped. The output that replaces it has another digest (input
        ``generation``), because its bytes may differ from those of the removed files.
        """
        last: Output | None = None
        for generation in count(1):
            these = {**inputs, **({"generation": str(generation)} if generation > 1 else {})}
            digest = digest_of(these)
            output = Output(these, digest, self.find(step, digest))
            is_removed = self._is_removed(step, digest)
            if output.manifest is None and not is_removed:
                return output if last is None or with_files else last
            if output.manifest is not None:
                if not is_removed and (not with_files or self.has_files(output.manifest)):
                    return output
                last = output
        raise AssertionError("count does not end")

    def has_files(self, manifest: Manifest) -> bool:
        """Return whether all files of an output and of its base exist, and none is recorded for removal."""
        if self._is_removed(manifest.step, manifest.digest):
            return False
        if not all(self.lake.has(key) for key in manifest.keys):
            return False
        if manifest.delta is None:
            return True
        base = self.find(manifest.step, manifest.delta.base)
        return base is not None and self.has_files(base)

    def base_of(self, manifest: Manifest) -> Manifest | None:
        """Return the output whose rows ``manifest`` changes; None if ``manifest`` contains all rows of the day.

        Raises:
            BadManifest: the base output is missing.
        """
        return self.require(manifest.step, manifest.delta.base) if manifest.delta else None

    def _is_removed(self, step: StepName, digest: str) -> bool:
        """Return whether a removal record exists for an output: its files were removed, or will be removed soon."""
        return read_record(self.lake, self.partition.removal(step, digest)) is not None

    def require(self, step: StepName, digest: str) -> Manifest:
        """Return the manifest of an output that must exist.

        Raises:
            BadManifest: the lake does not contain the manifest.
        """
        found = self.find(step, digest)
        if found is None:
            raise BadManifest(
                f"The {step} output {digest} of partition {self.partition} was not found in {self.lake.url}.",
                f"Clear the task {step} of this run, then this one.",
            )
        return found

    def publish(
        self,
        *,
        step: StepName,
        digest: str,
        inputs: Mapping[str, str],
        files: tuple[LakeFile, ...],
        counts: Mapping[str, int],
        details: JsonMapping | None = None,
        version: int = 1,
    ) -> Manifest:
        """Write the manifest of a step's output to the lake, which makes the output visible to later steps.

        Return the manifest in the lake. If several runs make the same output, this is the manifest of the first run
        (see ``manifest.publish``).

        Raises:
            FilesRemoved: a person's data was removed while the step ran, and the output may contain the person.
        """
        self._require_not_forgotten(step, inputs)
        manifest = Manifest(
            version=version,
            step=step,
            pipeline=self.pipeline.name,
            partition=str(self.partition),
            digest=digest,
            inputs=dict(inputs),
            files=files,
            counts=dict(counts),
            details=dict(details or {}),
            created_at=self.clock.now().isoformat(timespec="milliseconds"),
        )
        return publish(self.lake, self.partition, manifest)

    def local_files(self, manifest: Manifest, scratch: Path) -> list[Path]:
        """Download the files of ``manifest`` to ``scratch``, check their size and SHA-256, and return their paths.

        The files of a base output are not included: for a delta, the result is not the whole day.

        Raises:
            FilesRemoved: a file was removed from the lake, or will be removed soon.
            BadManifest: a file differs from its manifest.
        """
        self._require_not_removed(manifest)
        return [
            self._local_file(file, scratch / f"input-{number}-{Path(file.key).name}", manifest)
            for number, file in enumerate(manifest.files)
        ]

    def local_file(self, file: LakeFile, target: Path, manifest: Manifest) -> Path:
        """Download ``file``, a file of ``manifest``, and check its size and SHA-256; return its local path.

        Raises:
            FilesRemoved: the file was removed from the lake, or will be removed soon.
            BadManifest: the file differs from its manifest.
        """
        self._require_not_removed(manifest)
        return self._local_file(file, target, manifest)

    def _require_not_removed(self, manifest: Manifest) -> None:
        # Raise also while the files still exist: clean may remove them while this step reads them.
        if self._is_removed(manifest.step, manifest.digest):
            raise self._removed(manifest.step, manifest.digest)

    def _require_not_forgotten(self, step: StepName, inputs: Mapping[str, str]) -> None:
        before = PREVIOUS_STEP.get(step)
        if before is None or before not in inputs:
            return
        record = read_record(self.lake, self.partition.removal(before, inputs[before]))
        if record is not None and json.loads(record).get("setting") == FORGOTTEN:
            raise self._removed(before, inputs[before])

    def _removed(self, step: StepName, digest: str) -> FilesRemoved:
        return FilesRemoved(
            f"The files of the {step} output {digest} of partition {self.partition} are not in "
            f"{self.lake.url} any more.",
            f"Clear the task {step} of this run and those after it: they are created again.",
        )

    def _local_file(self, file: LakeFile, target: Path, manifest: Manifest) -> Path:
        try:
            found = self.lake.download(file.key, target)
        except LakeError:
            if self.lake.has(file.key):
                raise
            raise self._removed(manifest.step, manifest.digest) from None
        if (found.bytes, found.sha256) != (file.bytes, file.sha256):
            raise BadManifest(
                f"{self.lake.uri(file.key)} differs from its manifest.",
                f"The file was changed. Remove the folder and run {step_of(file.key)} again.",
            )
        return found.path

    def save_schema(self, schema: XdmSchema) -> None:
        """Store the schema that a run uses in the lake, under its digest, for later steps and for inspection."""
        self.lake.create(schema_key(self.pipeline.name, schema.digest), schema.to_json())

    def schema(self, digest: str) -> XdmSchema:
        """Return the schema that ``save_schema`` stored under ``digest``.

        Raises:
            BadManifest: the schema is missing, or its content does not match the digest.
        """
        key = schema_key(self.pipeline.name, digest)
        body = self.lake.read(key)
        if body is None:
            raise BadManifest(
                f"The schema snapshot {self.lake.uri(key)} was not found.",
                "Clear the task transform of this run.",
            )
        try:
            schema = parse_schema(body)
            intact = schema.digest == digest
        except (ValueError, TypeError):
            intact = False
        if not intact:
            raise BadManifest(
                f"{self.lake.uri(key)} does not match the digest in its name.",
                "The file was changed. Remove it from the lake, then clear the task transform.",
            )
        return schema
