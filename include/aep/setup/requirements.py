"""Reads the files that define what a pipeline needs in AEP."""

from __future__ import annotations

from dataclasses import dataclass

from include.aep.setup.field_group import read_field_group
from include.config.model import Pipeline
from include.json_types import JsonMapping
from include.xdm.mapping.mapping_file import read_mapping_file


@dataclass(frozen=True)
class SetupRequirements:
    """The contents of the files that define what a pipeline needs in AEP.

    Attributes:
        pipeline: the pipeline file.
        group: the JSON of the field group file; None if the pipeline file does not name one.
        rows: the mappings of the mapping set, as JSON.
    """

    pipeline: Pipeline
    group: JsonMapping | None
    rows: tuple[JsonMapping, ...]

    @classmethod
    def of(cls, pipeline: Pipeline) -> SetupRequirements:
        """Read the field group file and the mapping set that the pipeline file names.

        Raises:
            ConfigError: a file is missing or invalid.
        """
        name = pipeline.aep.field_group
        return cls(
            pipeline,
            read_field_group(name) if name is not None else None,
            tuple(read_mapping_file(pipeline.mapping)),
        )

    @property
    def group_title(self) -> str | None:
        """The title of the pipeline's own field group; None if the pipeline has no field group file."""
        return str(self.group["title"]) if self.group is not None else None
