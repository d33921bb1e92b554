"""Queries for the manifests in the lake: one output, all outputs of a partition, the outputs behind a load."""

from __future__ import annotations

from collections.abc import Iterable

from include.lake.keys import MANIFEST_NAME, PartitionKey
from include.lake.lake import Lake
from include.lake.manifest import PREVIOUS_STEP, Manifest, StepName, load


def find_manifest(lake: Lake, partition: PartitionKey, step: StepName, digest: str) -> Manifest | None:
    """Return the manifest of an output, or None if the output is not finished.

    Raises:
        BadManifest: it cannot be read (``include.lake.manifest.load``).
    """
    return load(lake, partition.manifest(step, digest))


def manifest_keys(lake: Lake, partition: PartitionKey, step: StepName | None = None) -> list[str]:
    """Return the keys of a partition's manifests, or of those of one step, in their order, from one listing."""
    folder = partition.step(step) if step is not None else partition.prefix
    return sorted(key for key in lake.keys(folder) if key.endswith(f"/{MANIFEST_NAME}"))


def manifests_of(lake: Lake, partition: PartitionKey, step: StepName | None = None) -> list[Manifest]:
    """Return a partition's manifests, or those of one step, in the order of their keys.

    Raises:
        BadManifest: one of them cannot be read.
    """
    loaded = (load(lake, key) for key in manifest_keys(lake, partition, step))
    return [manifest for manifest in loaded if manifest is not None]


def newest(manifests: Iterable[Manifest]) -> Manifest | None:
    """Return the manifest that was created last; None without manifests."""
    return max(manifests, key=lambda manifest: manifest.created_at, default=None)


def lineage(lake: Lake, partition: PartitionKey, step: StepName, digest: str) -> dict[StepName, Manifest]:
    """Return an output and the outputs that it was made from, by step, as far back as they are in the lake.

    Raises:
        BadManifest: one of the manifests cannot be read.
    """
    found: dict[StepName, Manifest] = {}
    while digest and (manifest := find_manifest(lake, partition, step, digest)) is not None:
        found[step] = manifest
        if (before := PREVIOUS_STEP.get(step)) is None:
            break
        step, digest = before, manifest.inputs.get(before, "")
    return found
