"""The inputs and the validator that are common to the validation of a day and of a shard."""

from __future__ import annotations

from datetime import datetime

from include.errors import SchemaError
from include.lake.manifest import Manifest, digest_of
from include.plural import counted
from include.steps.validate.partition_validator import PartitionValidator
from include.steps.workspace import DATA_VERSION, Workspace

_ENOUGH_ROWS = 10
"""With at least this many rows, a field without any convertible value is a mistake in the mapping."""


def validation_inputs(workspace: Workspace, mapped: Manifest) -> dict[str, str]:
    """Return the values, by name, that determine the result of validating ``mapped``, a manifest of transform."""
    pipeline = workspace.pipeline
    rules = {**pipeline.quality.model_dump(mode="json"), "profile": bool(pipeline.aep.profile)}
    return {
        "transform": mapped.digest,
        "schema": mapped.inputs["schema"],
        "quality": digest_of(rules),
        "data_version": str(DATA_VERSION),
    }


def validator_of(workspace: Workspace, mapped: Manifest) -> PartitionValidator:
    """Return the validator for the rows of ``mapped``, with the schema that transform used."""
    schema = workspace.schema(mapped.inputs["schema"])
    return PartitionValidator(workspace, schema, datetime.fromisoformat(mapped.created_at))


def refuse_useless_mappings(workspace: Workspace, mapped: Manifest) -> None:
    """Check that at least one value of the day could be converted for each mapped field.

    Numbers that a field cannot represent exactly, such as fractions, do not count as errors of the mapping: they are
    stored in the unmapped JSON. The check is skipped for a delta whose counts are upper bounds; its base was checked.

    Raises:
        SchemaError: no value of a field could be converted, so the field's mapping is wrong.
    """
    if "not_converted" in mapped.details.get("at_most", ()):
        return
    inexact = mapped.details.get("inexact", {})
    never = [
        name
        for name, count in mapped.details["not_converted"].items()
        if count - inexact.get(name, 0) == mapped.rows >= _ENOUGH_ROWS
    ]
    if never:
        raise SchemaError(
            f"None of {counted(mapped.rows, 'value')} of partition {workspace.partition} fits {', '.join(never)}.",
            f"Map these properties to fields of another type in {workspace.pipeline.mapping}, or correct the field group.",
        )
