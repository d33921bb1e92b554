"""The lineage of the steps for OpenLineage: which datasets each task reads and writes.

It is used only if Airflow's OpenLineage provider is installed. The datasets are the Mixpanel project, the folder of
each step in the lake, and the AEP dataset; their names are the same for all days. The day and the counts are facets of
the run.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, TypeAlias
from urllib.parse import urlsplit

import attr
from airflow.providers.openlineage.extractors import OperatorLineage
from openlineage.client.event_v2 import InputDataset, OutputDataset
from openlineage.client.facet_v2 import (
    DatasetFacet,
    RunFacet,
    dataset_version_dataset,
    output_statistics_output_dataset,
    schema_dataset,
)

from include.lake.history import Source, Target
from include.lake.keys import STEP_FOLDERS
from include.lake.manifest import PREVIOUS_STEP, Manifest
from include.steps.workspace import Workspace

if TYPE_CHECKING:
    from include.lake.manifest import StepName

Lineage: TypeAlias = "OperatorLineage[InputDataset | OutputDataset, RunFacet]"
_MAX_FIELDS = 1000
"""The largest number of fields in a schema facet: some schemas have thousands, and receivers limit an event's size."""


@attr.define
class PartitionRunFacet(RunFacet):
    """The OpenLineage run facet with the pipeline, the day that the run processed, and the counts."""

    pipeline: str
    partition: str
    counts: dict[str, int]

    _additional_skip_redact: ClassVar[list[str]] = ["pipeline", "partition", "counts"]


def step_lineage(workspace: Workspace, manifest: Manifest, source: Source) -> Lineage:
    """Return the dataset that a step read and the dataset that it wrote, with their schemas and counts.

    Args:
        workspace: the pipeline, the partition and the lake.
        manifest: the manifest of the step's output.
        source: the Mixpanel project, which is the input of export.
    """
    before = PREVIOUS_STEP.get(manifest.step)
    read = (
        InputDataset(*_mixpanel_dataset(source))
        if before is None
        else _input_dataset(workspace, manifest, before)
    )
    written = OutputDataset(
        *_lake_dataset(workspace, manifest.step),
        facets=_version_and_schema_facets(workspace, manifest),
        outputFacets={
            "outputStatistics": output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(
                rowCount=manifest.rows,
                size=sum(file.bytes for file in manifest.files),
                fileCount=len(manifest.files),
            )
        },
    )
    return OperatorLineage([read], [written], _run_facets(workspace, manifest.counts))


def load_lineage(
    workspace: Workspace, staged: Manifest, target: Target, counts: Mapping[str, int]
) -> Lineage:
    """Return the datasets of a load: the staged files as input, and the AEP dataset as output.

    Args:
        workspace: the pipeline, the partition and the lake.
        staged: the manifest of the staged files.
        target: the AEP dataset.
        counts: the counts of the task; ``staged`` is the number of loaded rows.
    """
    read = InputDataset(
        *_lake_dataset(workspace, "stage"), facets=_version_and_schema_facets(workspace, staged)
    )
    written = OutputDataset(
        f"aep://{target.org_id}",
        f"{target.aep_sandbox}.{target.dataset_id}",
        facets=_schema_facet(workspace, staged),
        outputFacets={
            "outputStatistics": output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(
                rowCount=counts["staged"]
            )
        },
    )
    return OperatorLineage([read], [written], _run_facets(workspace, counts))


def _mixpanel_dataset(source: Source) -> tuple[str, str]:
    return f"mixpanel://{source.region}", str(source.project_id)


def _lake_dataset(workspace: Workspace, step: StepName) -> tuple[str, str]:
    """Return the namespace and the name of the dataset for a step's folder: the bucket, and the path in the bucket."""
    parts = urlsplit(workspace.lake.url)
    path = f"{parts.path}/{workspace.pipeline.name}/{STEP_FOLDERS[step]}"
    if parts.scheme == "file":
        return "file", path
    return f"{parts.scheme}://{parts.netloc}", path.lstrip("/")


def _input_dataset(workspace: Workspace, manifest: Manifest, before: StepName) -> InputDataset:
    found = workspace.find(before, manifest.inputs[before])
    return InputDataset(
        *_lake_dataset(workspace, before),
        facets=_version_and_schema_facets(workspace, found) if found is not None else {},
    )


def _version_and_schema_facets(workspace: Workspace, manifest: Manifest) -> dict[str, DatasetFacet]:
    version = dataset_version_dataset.DatasetVersionDatasetFacet(datasetVersion=manifest.digest)
    return {"version": version, **_schema_facet(workspace, manifest)}


def _schema_facet(workspace: Workspace, manifest: Manifest) -> dict[str, DatasetFacet]:
    """Return the facet with the fields of the XDM schema of an output, by the facet's name.

    It is empty for the output of export, which has no schema. The outputs of later steps get the schema from transform.
    """
    found: Manifest | None = manifest
    while found is not None and "schema" not in found.inputs:
        before = PREVIOUS_STEP.get(found.step)
        found = workspace.find(before, found.inputs[before]) if before else None
    if found is None:
        return {}
    leaves = [field for field in workspace.schema(found.inputs["schema"]).root.walk() if not field.children]
    fields = [
        schema_dataset.SchemaDatasetFacetFields(name=field.dotted, type=field.kind.value)
        for field in leaves[:_MAX_FIELDS]
    ]
    return {"schema": schema_dataset.SchemaDatasetFacet(fields=fields)}


def _run_facets(workspace: Workspace, counts: Mapping[str, int]) -> dict[str, RunFacet]:
    facet = PartitionRunFacet(workspace.pipeline.name, str(workspace.partition), dict(counts))
    return {"mixpanel_aep_partition": facet}
