"""Find days and manifests in the lake: of one output, of all outputs of a partition, and of the inputs of an output."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from include.lake.keys import MANIFEST_NAME, PartitionKey, parse_key
from include.lake.lake import Lake
from include.lake.manifest import PREVIOUS_STEP, Manifest, StepName, load


def days_in_lake(lake: Lake, pipeline: str) -> list[date]:
    """Return the days for which the lake has a folder, in order, without a listing of the folders' content."""
    keys = (parse_key(f"{pipeline}/{name}/") for name in lake.folders(pipeline))
    return sorted(key.day for key in keys if key is not None)


def find_manifest(lake: Lake, partition: PartitionKey, step: StepName, digest: str) -> Manifest | None:
    """Return the manifest of the step's output with this digest, or None if the output is not complete.

    Raises:
        BadManifest: the manifest is invalid (see ``include.lake.manifest.load``).
    """
    return load(lake, partition.manifest(step, digest))


def manifest_keys(lake: Lake, partition: PartitionKey, step: StepName | None = None) -> list[str]:
    """Return the keys of a partition's manifests, sorted. ``step``: only those of this step; None: of all steps."""
    folder = partition.step(step) if step is not None else partition.prefix
    return sorted(key for key in lake.keys(folder) if key.endswith(f"/{MANIFEST_NAME}"))


def manifests_of(lake: Lake, partition: PartitionKey, step: StepName | None = None) -> list[Manifest]:
    """Return a partition's manifests in the order of their keys. ``step``: only those of this step; None: of all steps.

    Raises:
        BadManifest: a manifest is invalid.
    """
    loaded = (load(lake, key) for key in manifest_keys(lake, partition, step))
    return [manifest for manifest in loaded if manifest is not None]


def newest(manifests: Iterable[Manifest]) -> Manifest | None:
    """Return the manifest with the latest ``created_at``, or None for an empty input."""
    return max(manifests, key=lambda manifest: manifest.created_at, default=None)


def lineage(lake: Lake, partition: PartitionKey, step: StepName, digest: str) -> dict[StepName, Manifest]:
    """Return the manifest of an output, and those of the outputs from which it was created, by step.

    The chain ends at the export, or before the first manifest that is missing in the lake.

    Raises:
        BadManifest: a manifest is invalid.
    """
    found: dict[StepName, Manifest] = {}
    while digest and (manifest := find_manifest(lake, partition, step, digest)) is not None:
        found[step] = manifest
        if (before := PREVIOUS_STEP.get(step)) is None:
            break
        step, digest = before, manifest.inputs.get(before, "")
    return found
