"""The ``externalId`` of a batch: the pipeline, the day, the content and the attempt in one text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import Self

PREFIX = "mixpanel-aep-"
"""The beginning of the ``externalId`` of every batch of this project, for all pipelines."""

DAY_TAG = "mixpanel-aep/day"
PIPELINE_TAG = "mixpanel-aep/pipeline"
"""Tag of a batch and of a dataset: the pipeline's name, which changes when its file is renamed."""
SOURCE_TAG = "mixpanel-aep/source"
"""Tag of a batch and of a dataset: ``<region>/<project id>`` of the Mixpanel project."""
CONTENT_TAG = "mixpanel-aep/content"
RECIPE_TAG = "mixpanel-aep/recipe"

_CONTENT_DIGITS = 16
_FORM = re.compile(
    re.escape(PREFIX) + r"(?P<pipeline>.+)-(?P<day>\d{4}-\d{2}-\d{2})-(?P<content>[0-9a-f]{16})"
    r"-(?P<number>[1-9]\d{0,5})(?P<replaces>r?)"
)


@dataclass(frozen=True)
class LoadId:
    """One attempt to load one content of a day.

    The same content gets the same id, so that a batch whose id was lost in a crash is found again. ``number``
    distinguishes attempts, because AEP expects the id to be unique and a rejected batch keeps its own. A batch that
    replaces others is distinct from a batch of the same rows that does not.
    """

    pipeline: str
    day: date
    content: str
    """The first 16 hex digits of the content's digest."""
    number: int
    replaces: bool = False

    @classmethod
    def of(cls, pipeline: str, day: date, content: str, number: int, *, replaces: bool) -> Self:
        """Return the id of an attempt to load the content with this digest."""
        return cls(pipeline, day, content[:_CONTENT_DIGITS], number, replaces)

    def __str__(self) -> str:
        suffix = "r" if self.replaces else ""
        return f"{PREFIX}{self.pipeline}-{self.day.isoformat()}-{self.content}-{self.number}{suffix}"

    @classmethod
    def parse(cls, text: str | None) -> Self | None:
        """Parse an ``externalId``; return None if this project did not write it."""
        match = _FORM.fullmatch(text or "")
        if match is None:
            return None
        try:
            day = date.fromisoformat(match["day"])
        except ValueError:
            return None
        return cls(match["pipeline"], day, match["content"], int(match["number"]), match["replaces"] == "r")

    def is_same_load(self, other: LoadId | None) -> bool:
        """Return whether both ids are attempts to load the same content of the same day; False for None.

        Both must be replacements, or neither. The pipeline names may differ.
        """
        return other is not None and (self.day, self.content, self.replaces) == (
            other.day,
            other.content,
            other.replaces,
        )
