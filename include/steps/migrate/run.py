"""Prepare one migration: read the facts from AEP; create the files, the plan, the differences and the switch day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import yaml

from include.aep.client import AepClient
from include.aep.profile import is_enabled
from include.aep.setup import Plan, SetupRequirements, plan_setup, read_state
from include.config.model import Pipeline
from include.errors import ConfigError, PipelineError
from include.json_types import JsonMapping
from include.steps.migrate.dataflow import Dataflow
from include.steps.migrate.differences import Difference, find_differences
from include.steps.migrate.files import (
    MigrationOptions,
    find_identities,
    kept_rows,
    mapping_text,
    pipeline_text,
)
from include.steps.migrate.switch import Switch, find_switch
from include.xdm.mapping.mapping_set import bind_for
from include.xdm.schema.xdm_schema import XdmSchema


@dataclass(frozen=True)
class Migration:
    """The files and the plan of a migration; nothing is written.

    ``dataset``: the name of the dataflow's dataset. ``plan``: the changes in AEP that the pipeline needs; None if they
    cannot be determined, for the reason ``plan_fault``.
    """

    pipeline: Pipeline
    pipeline_text: str
    mapping_text: str
    switch: Switch
    differences: tuple[Difference, ...]
    dataset: str
    plan: Plan | None
    plan_fault: str = ""


def migrate_dataflow(aep: AepClient, flow: Dataflow, options: MigrationOptions, now: datetime) -> Migration:
    """Create the files and the plan of a pipeline that continues a dataflow, without writing or changing anything.

    Raises:
        ConfigError: the dataset of the dataflow is gone, or its time zone is unknown.
    """
    dataset = aep.catalog.dataset(flow.dataset_id)
    if dataset is None:
        raise ConfigError(
            f"The dataset {flow.dataset_id} of dataflow {flow.id} is not in AEP any more.",
            "Copy include/pipelines/shop.yaml for a pipeline with a new dataset.",
        )
    schema_id = str(dataset["schemaRef"]["id"])
    schema = XdmSchema(aep.registry.resolved_schema(schema_id))
    identities, are_found = find_identities(flow.rows, aep.registry.descriptors(schema_id))
    profile = is_enabled(dataset["tags"])

    def text_for(switch: Switch) -> str:
        return pipeline_text(flow, options, dataset, switch, identities, profile=profile)

    # The pipeline counts days in its own zone, so the file is read before the switch day is known.
    first = _parse_pipeline(text_for(Switch(now.date(), True, ())), options.name)
    switch = find_switch(flow, first.mixpanel.day_zone, now)
    text = text_for(switch)
    pipeline = _parse_pipeline(text, options.name)
    rows = kept_rows(flow.rows)
    fault = _mapping_fault(pipeline, rows, schema)
    plan, plan_fault = _plan_setup(aep, pipeline, rows)
    differences = find_differences(flow, pipeline, switch, identities_found=are_found, mapping_fault=fault)
    return Migration(
        pipeline,
        text,
        mapping_text(flow.rows),
        switch,
        tuple(differences),
        str(dataset["name"]),
        plan,
        "" if fault else plan_fault,
    )


def _parse_pipeline(text: str, name: str) -> Pipeline:
    try:
        return Pipeline.model_validate({"name": name, **yaml.safe_load(text)})
    except ValueError as error:
        first = str(error).splitlines()
        raise ConfigError(
            f"The dataflow cannot be converted to a pipeline file: {' '.join(first[1:3]).strip()}",
            "Write a pipeline file by hand: copy include/pipelines/shop.yaml; docs/pipeline-file.md explains each key.",
        ) from None


def _mapping_fault(pipeline: Pipeline, rows: list[JsonMapping], schema: XdmSchema) -> str:
    try:
        bind_for(pipeline, rows, schema)
    except PipelineError as error:
        return error.sentence
    return ""


def _plan_setup(aep: AepClient, pipeline: Pipeline, rows: list[JsonMapping]) -> tuple[Plan | None, str]:
    requirements = SetupRequirements(pipeline, None, tuple(rows))
    try:
        return plan_setup(read_state(aep, requirements), requirements), ""
    except PipelineError as error:
        return None, str(error)
