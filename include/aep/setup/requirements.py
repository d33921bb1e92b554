"""A pipeline's requirements for AEP: its file, its field group file and its mapping, read once."""

from __future__ import annotations

from dataclasses import dataclass

from include.aep.setup.field_group import read_field_group
from include.config.model import Pipeline
from include.json_types import JsonMapping
from include.xdm.mapping.mapping_file import read_mapping_file


@dataclass(frozen=True)
class SetupRequirements:
    """The requirements of a pipeline. ``group``: its field group file, or None; ``rows``: the rows of its mapping set."""

    pipeline: Pipeline
    group: JsonMapping | None
    rows: tuple[JsonMapping, ...]

    @classmethod
    def of(cls, pipeline: Pipeline) -> SetupRequirements:
        """Return the requirements of a pipeline, from its file and the files that it names.

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
