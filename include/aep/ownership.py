"""The tags that state a dataset's owner: the data lake, the Mixpanel source and the pipeline.

Setup checks these tags before it changes anything, and writes them as its last change. Other tags are not changed.
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
    """The owner of a dataset: a pipeline, its lake and its Mixpanel project.

    ``lake`` and ``source`` (``<region>/<project id>``) are None where they are unknown. ``pipelines``: the names of all
    existing pipeline files.
    """

    pipeline: str
    lake: Lake | None = None
    source: str | None = None
    pipelines: frozenset[str] = frozenset()

    def require(self, dataset: Dataset | None) -> None:
        """Raise if the tags of a dataset name another lake, source or pipeline; a dataset of None is accepted.

        Raises:
            ForeignLake: the dataset's tag names another lake.
            AnotherSource: the dataset's tag names another Mixpanel project.
            AnotherPipeline: the dataset's tag names another pipeline, whose file still exists.
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

    def former_pipeline(self, dataset: Dataset | None) -> str | None:
        """Return the other pipeline in a dataset's tag; None where the tag is missing or names this pipeline."""
        if dataset is None:
            return None
        other = _single_value(dataset["tags"], PIPELINE_TAG, dataset["name"])
        return other if other != self.pipeline else None

    def require_retagging(self, dataset: Dataset | None, formerly: str | None) -> None:
        """Raise if the dataset belongs to another pipeline than this one and ``formerly``.

        ``formerly``: the former name of this pipeline, from ``aep.formerly`` of its file.

        Raises:
            AnotherPipeline: naming both.
        """
        other = self.former_pipeline(dataset)
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
        """Return the ownership tags that are missing in a dataset's ``tags``, each with a clause about its future value."""
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
        """Return the ownership tags to add to a dataset's ``tags``; create and store the lake's id if it has none."""
        found = {name: [clause] for name, clause in self.missing_tags(tags).items()}
        if PIPELINE_TAG in found:
            found[PIPELINE_TAG] = [self.pipeline]
        if self.lake is not None and LAKE_TAG in found:
            found[LAKE_TAG] = [ensure_lake_id(self.lake)]
        return found

    def tag(self, catalog: Catalog, dataset: Dataset) -> list[str]:
        """Write the missing ownership tags of a dataset, and return a clause about each change."""
        clauses = self.missing_tags(dataset["tags"])
        if clauses:
            catalog.tag_dataset(dataset, self.new_tags(dataset["tags"]))
        return [f"tagged dataset {dataset['name']!r} with {name}: {what}" for name, what in clauses.items()]


def _single_value(tags: Mapping[str, object], name: str, dataset: str = "") -> str | None:
    """Return the tag's only value; None where the tag is missing. ``dataset``: its name, for the message.

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
