"""The ``externalId`` and the tags by which this project finds its batches and datasets in AEP again."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import Self

PREFIX = "mixpanel-aep-"
"""The beginning of the ``externalId`` of every batch of this project, for all pipelines."""

DAY_TAG = "mixpanel-aep/day"
"""Tag of a batch: the day (``YYYY-MM-DD``) whose rows it contains."""
PIPELINE_TAG = "mixpanel-aep/pipeline"
"""Tag of a batch and of a dataset: the pipeline's name, which changes when its file is renamed."""
SOURCE_TAG = "mixpanel-aep/source"
"""Tag of a batch and of a dataset: ``<region>/<project id>`` of the Mixpanel project."""
CONTENT_TAG = "mixpanel-aep/content"
"""Tag of a batch: the digest of its staged rows."""
RECIPE_TAG = "mixpanel-aep/recipe"
"""Tag of a batch: the number of the recipe by which its ``_id``s were computed."""

_CONTENT_DIGITS = 16
_FORM = re.compile(
    re.escape(PREFIX) + r"(?P<pipeline>.+)-(?P<day>\d{4}-\d{2}-\d{2})-(?P<content>[0-9a-f]{16})"
    r"-(?P<number>[1-9]\d{0,5})(?P<replaces>r?)"
)


@dataclass(frozen=True)
class LoadId:
    """The ``externalId`` of a batch: one attempt to load certain staged rows of a day.

    It follows from the rows, so that a task that was killed before it recorded the batch's id finds the batch again.

    Attributes:
        pipeline: the name of the pipeline when the batch was created.
        day: the day whose rows the batch contains.
        content: the first 16 hex digits of the digest of the staged rows.
        number: the number of the attempt, from 1. AEP expects unique ids, and a rejected batch keeps its id.
        replaces: whether the batch replaces other batches (AEP's replay); the same rows without replacement are another
            load.
    """

    pipeline: str
    day: date
    content: str
    number: int
    replaces: bool = False

    @classmethod
    def of(cls, pipeline: str, day: date, content: str, number: int, *, replaces: bool) -> Self:
        """Return the id of attempt ``number`` to load the staged rows whose digest is ``content``."""
        return cls(pipeline, day, content[:_CONTENT_DIGITS], number, replaces)

    def __str__(self) -> str:
        suffix = "r" if self.replaces else ""
        return f"{PREFIX}{self.pipeline}-{self.day.isoformat()}-{self.content}-{self.number}{suffix}"

    @classmethod
    def parse(cls, text: str | None) -> Self | None:
        """Return the parts of an ``externalId``; None if ``text`` is None or does not have the form of this project."""
        match = _FORM.fullmatch(text or "")
        if match is None:
            return None
        try:
            day = date.fromisoformat(match["day"])
        except ValueError:
            return None
        return cls(match["pipeline"], day, match["content"], int(match["number"]), match["replaces"] == "r")

    def is_same_load(self, other: LoadId | None) -> bool:
        """Return whether both ids are attempts to load the same rows of the same day; False if ``other`` is None.

        The pipeline names and the numbers may differ, but both batches replace other batches, or neither does.
        """
        return other is not None and (self.day, self.content, self.replaces) == (
            other.day,
            other.content,
            other.replaces,
        )
