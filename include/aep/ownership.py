"""Checks and writes the ownership tags of a dataset, which name the lake, Mixpanel project and pipeline that load it.

They prevent two installations or pipelines from loading into the same dataset. Setup checks them before its first
change in AEP and writes them as its last one; it does not change a dataset's other tags.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from include.aep.catalog import Catalog
from include.aep.load_id import PIPELINE_TAG, SOURCE_TAG
from include.aep.model import Dataset
from include.errors import AnotherPipeline, AnotherSource, ForeignLake
from include.lake.lake import Lake
from include.lake.lake_id import LAKE_TAG, check_lake_id, ensure_lake_id, read_lake_id, tagged_lake_id


@dataclass(frozen=True)
class Ownership:
    """The pipeline, lake and Mixpanel project that a dataset's ownership tags are compared with.

    Attributes:
        pipeline: the name of the pipeline.
        lake: the lake of the pipeline; None if it is not to be compared.
        source: the Mixpanel project as ``<region>/<project id>``; None if it is not to be compared.
        pipelines: the names of all pipelines that have a file. A tag that names another of them is a conflict; the name
            of a pipeline without a file may be a former name of this one.
    """

    pipeline: str
    lake: Lake | None = None
    source: str | None = None
    pipelines: frozenset[str] = frozenset()

    def require_owner(self, dataset: Dataset | None) -> None:
        """Check that no tag of a dataset names another owner; missing tags, and a dataset of None, are accepted.

        Raises:
            ForeignLake: the dataset's tag names another lake.
            AnotherSource: the dataset's tag names another Mixpanel project.
            AnotherPipeline: the dataset's tag names another pipeline that still has a file.
        """
        if dataset is None:
            return
        source = _single_value(dataset["tags"], SOURCE_TAG, dataset["name"])
        if self.source is not None and source not in (None, self.source):
            raise AnotherSource(
                f"Dataset {dataset['name']!r} is loaded from Mixpanel project {source} (its tag {SOURCE_TAG}), but "
                f"pipeline {self.pipeline} reads project {self.source}.",
                "Correct the Mixpanel connection, or give the pipeline its own dataset. Nothing was changed.",
            )
        other = _single_value(dataset["tags"], PIPELINE_TAG, dataset["name"])
        if other is not None and other in self.pipelines - {self.pipeline}:
            raise AnotherPipeline(
                f"Dataset {dataset['name']!r} belongs to pipeline {other} (its tag {PIPELINE_TAG}), not to pipeline "
                f"{self.pipeline}.",
                f"Give pipeline {self.pipeline} its own dataset. If {other} was renamed, remove {other}.yaml.",
            )
        if self.lake is not None and tagged_lake_id(dataset) is not None:
            check_lake_id(self.lake, dataset)

    def other_pipeline(self, dataset: Dataset | None) -> str | None:
        """Return the name in a dataset's pipeline tag; None if the tag is missing or names this pipeline."""
        if dataset is None:
            return None
        other = _single_value(dataset["tags"], PIPELINE_TAG, dataset["name"])
        return other if other != self.pipeline else None

    def require_retagging(self, dataset: Dataset | None, formerly: str | None) -> None:
        """Check that setup may write this pipeline's name into a dataset's pipeline tag.

        ``formerly``: the former name of this pipeline, which the tag may have (``aep.formerly`` of the pipeline file).

        Raises:
            AnotherPipeline: the tag has the name of a third pipeline; the message names both.
        """
        other = self.other_pipeline(dataset)
        if dataset is None or other in (None, formerly):
            return
        raise AnotherPipeline(
            f"Dataset {dataset['name']!r} belongs to pipeline {other} (its tag {PIPELINE_TAG}); setup would reassign it to "
            f"pipeline {self.pipeline}.",
            f"If {other} was renamed to {self.pipeline}, write formerly: {other} below aep in {self.pipeline}.yaml and run "
            f"setup; until then runs add rows but replace none. Otherwise give pipeline {self.pipeline} its own dataset. "
            "Nothing was changed.",
        )

    def missing_tags(self, tags: Mapping[str, object]) -> dict[str, str]:
        """Return the ownership tags that a dataset with the tags ``tags`` lacks or has with other values.

        The result maps the name of each tag to a clause that describes its new value to the user.
        """
        found = {}
        if self.lake is not None:
            lake_id = read_lake_id(self.lake)
            if lake_id is None or _single_value(tags, LAKE_TAG) != lake_id:
                found[LAKE_TAG] = f"the id of lake {self.lake.url}"
        if self.source is not None and _single_value(tags, SOURCE_TAG) != self.source:
            found[SOURCE_TAG] = self.source
        other = _single_value(tags, PIPELINE_TAG)
        if other != self.pipeline:
            found[PIPELINE_TAG] = (
                f"{self.pipeline}, instead of {other}" if other is not None else self.pipeline
            )
        return found

    def new_tags(self, tags: Mapping[str, object]) -> dict[str, list[str]]:
        """Return the ownership tags to write to a dataset with the tags ``tags``; a lake without an id gets one."""
        found = {name: [clause] for name, clause in self.missing_tags(tags).items()}
        if PIPELINE_TAG in found:
            found[PIPELINE_TAG] = [self.pipeline]
        if self.lake is not None and LAKE_TAG in found:
            found[LAKE_TAG] = [ensure_lake_id(self.lake)]
        return found

    def tag(self, catalog: Catalog, dataset: Dataset) -> list[str]:
        """Write the ownership tags that ``missing_tags`` returns to a dataset, and return a clause for each of them."""
        clauses = self.missing_tags(dataset["tags"])
        if clauses:
            catalog.tag_dataset(dataset, self.new_tags(dataset["tags"]))
        return [f"tagged dataset {dataset['name']!r} with {name}: {what}" for name, what in clauses.items()]


def _single_value(tags: Mapping[str, object], name: str, dataset: str = "") -> str | None:
    """Return the value of the tag ``name``; None if the tag is missing. ``dataset``: its name for the error message.

    Raises:
        ForeignLake: the tag has several values.
    """
    values = tags.get(name) or []
    if not isinstance(values, list) or len(values) > 1:
        raise ForeignLake(
            f"Tag {name} of dataset {dataset!r} has the values {values}, but it must have exactly one.",
            "A user with the permission Manage Datasets must remove the wrong values in AEP. Nothing was changed.",
        )
    return str(values[0]) if values else None
