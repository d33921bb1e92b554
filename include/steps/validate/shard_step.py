"""Validate the rows of one shard of a day; the validate step decides about the day as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from include.lake.keys import REFUSED_NAME
from include.lake.manifest import Manifest, upload_file
from include.steps.day_rows import RowFile
from include.steps.step import Made, Step, run_step
from include.steps.validate.partition_validator import upload_valid
from include.steps.validate.rules import refuse_useless_mappings, validation_inputs, validator_of
from include.steps.validate.shard_rows import shard_details
from include.steps.validate.shards import Shard, shards_of
from include.steps.workspace import Workspace


def validate_shard(
    workspace: Workspace, mapped: Manifest, shard: Shard, *, with_files: bool = False
) -> Manifest:
    """Validate the rows of one shard of ``mapped``; return the manifest of the new or existing output.

    The ``counts`` of the result satisfy ``mapped = valid + quarantined``. ``with_files``: validate the rows again if
    files of the output were removed from the lake.

    Raises:
        FilesRemoved: the mapped rows are not in the lake any more.
        SchemaError: no row has a field that every event needs, or no value of a field could be converted.
    """
    return run_step(ValidateShard(workspace, mapped, shard), with_files=with_files)


def unchecked_shards(workspace: Workspace, mapped: Manifest) -> tuple[Shard, ...]:
    """Return the shards of a day that have to be validated in separate tasks.

    The result is empty if the day is small or already validated.
    """
    shards = shards_of(mapped, workspace.pipeline.shard_events)
    inputs = validation_inputs(workspace, mapped)
    return shards if shards and workspace.find_output("validate", inputs).manifest is None else ()


@dataclass(frozen=True)
class ValidateShard(Step):
    """The validation of one shard: some consecutive files of mapped rows."""

    name = "validate_shard"
    workspace: Workspace
    mapped: Manifest
    shard: Shard

    def inputs(self) -> dict[str, str]:
        """Return the values that determine the result: the inputs of the day's validation, and the shard's name."""
        return {**validation_inputs(self.workspace, self.mapped), "shard": self.shard.name}

    def run(self, digest: str, scratch: Path) -> Made:
        """Validate all rows of the shard."""
        workspace, mapped = self.workspace, self.mapped
        refuse_useless_mappings(workspace, mapped)
        (written := scratch / "valid").mkdir()
        files = [
            RowFile(
                workspace.local_file(file, scratch / f"input-{number:05}.parquet", mapped), file.rows, file
            )
            for number, file in enumerate(self.shard.files(mapped))
        ]
        rows = validator_of(workspace, mapped).check_rows(files, written)
        folder, refused = workspace.partition.output("validate_shard", digest), rows.refused
        stored = None
        if refused.path is not None:
            key = f"{folder}/{REFUSED_NAME}"
            stored = upload_file(workspace.lake, key, refused.path, refused.rows)
        counts = {
            "mapped": rows.mapped,
            "valid": rows.valid,
            "quarantined": refused.rows,
            "warnings": rows.warned.total(),
        }
        return Made(upload_valid(rows, workspace.lake, folder), counts, shard_details(rows, stored))
