"""The validator of a day and of its shards, and the inputs that determine their outputs."""

from __future__ import annotations

from datetime import datetime

from include.errors import SchemaError
from include.lake.manifest import Manifest, digest_of
from include.plural import counted
from include.steps.validate.partition_validator import PartitionValidator
from include.steps.workspace import DATA_VERSION, Workspace

_ENOUGH_ROWS = 10
"""From this number of rows, a field without any value is a mistake and not a coincidence."""


def validation_inputs(workspace: Workspace, mapped: Manifest) -> dict[str, str]:
    """Return what determines the verdict on the rows of ``mapped``, a manifest of transform."""
    pipeline = workspace.pipeline
    rules = {**pipeline.quality.model_dump(mode="json"), "profile": bool(pipeline.aep.profile)}
    return {
        "transform": mapped.digest,
        "schema": mapped.inputs["schema"],
        "quality": digest_of(rules),
        "data_version": str(DATA_VERSION),
    }


def validator_of(workspace: Workspace, mapped: Manifest) -> PartitionValidator:
    """Return the validator of the rows of ``mapped``."""
    schema = workspace.schema(mapped.inputs["schema"])
    return PartitionValidator(workspace, schema, datetime.fromisoformat(mapped.created_at))


def refuse_useless_mappings(workspace: Workspace, mapped: Manifest) -> None:
    """Raise an error for a field into which no value of the day could be converted, because its mapping must be wrong.

    A number that its field cannot hold exactly, above all a fraction, stays in the unmapped JSON and is counted. This may
    affect every value of a day, and is not a mistake of the mapping. If a delta does not know how many values do not
    fit, its base has shown that some do.

    Raises:
        SchemaError: no value of a field fits.
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
