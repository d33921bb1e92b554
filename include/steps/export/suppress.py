"""Remove the events of forgotten people from an export before the export is stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from include.config.model import Pipeline
from include.errors import Conflict
from include.lake.lake import Lake
from include.lake.suppression import Suppression, newest_number, read_suppression, record_forgotten_ids
from include.mixpanel.raw_file import RawFile, RawLineWriter, hashed_file, read_lines
from include.mixpanel.time_convention import TimeEvidence
from include.steps.workspace import Workspace
from include.xdm.events.event_id import RECIPES
from include.xdm.events.event_parser import EventParser, ParsedEvent
from include.xdm.events.person_ids import PersonIdReader, PersonMatcher

_NO_LIMIT_MS = 2**62
"""A current time in ms that is so late that no event is rejected as an event of the future."""


@dataclass(frozen=True)
class Suppressor:
    """Recognizes the events of forgotten people by the hashed ids in the lake's suppression list."""

    suppression: Suppression
    matcher: PersonMatcher

    @classmethod
    def of(cls, lake: Lake, pipeline: Pipeline, project_id: int) -> Suppressor:
        """Read the suppression list of a Mixpanel project from the lake.

        Raises:
            ConfigError: a part of the list was hashed with a key that this process does not have.
            BadManifest: the list cannot be read.
        """
        found = read_suppression(lake, project_id)
        reader = PersonIdReader(pipeline.identity_placeholders)
        return cls(found, PersonMatcher(reader, found.is_user, found.is_device))

    def without_forgotten(self, workspace: Workspace, raw: RawFile, path: Path) -> RawFile:
        """Return the export ``raw`` without the events of forgotten people; ``raw`` itself if it has no such events.

        The new file is written to ``path``. The ``_id``s of the removed events are stored in the lake, for the stage
        step and for ``verify``.
        """
        if not self.suppression:
            return raw
        ids_of, left_out, ids = EventIds.of(workspace, self.suppression.project_id), 0, set[str]()
        with hashed_file(path) as file:
            kept = RawLineWriter(path, file)
            for line in read_lines([raw.path]):
                if self.matcher.matches(line):
                    left_out += 1
                    ids |= ids_of(line)
                else:
                    kept.write(line)
            found = kept.finish()
        if not left_out:
            path.unlink()
            return raw
        record_forgotten_ids(workspace.lake, self.suppression.project_id, workspace.partition.day, ids)
        return replace(found, suppressed=left_out)

    def require_current(self, lake: Lake) -> None:
        """Check, before an export is published, that the suppression list has not changed since it was read.

        Raises:
            Conflict: a person was added to the list in the meantime.
        """
        if newest_number(lake) != self.suppression.number:
            raise Conflict(
                f"The suppression list of {lake.url} changed during the export of the day.",
                "Nothing was published. Run the task again.",
            )


@dataclass(frozen=True)
class EventIds:
    """Computes the ``_id``s of a day's lines by every recipe.

    AEP may still contain the events of forgotten people under an ``_id`` of an older recipe.
    """

    event_parsers: Sequence[EventParser]

    @classmethod
    def of(cls, workspace: Workspace, project_id: int) -> EventIds:
        """Return an instance for the workspace's day and a Mixpanel project."""
        source = workspace.pipeline.mixpanel
        return cls(
            [
                EventParser(
                    project_id,
                    workspace.partition.day,
                    source.zone if source.time_is == "project_local" else None,
                    now_ms=_NO_LIMIT_MS,
                    evidence=TimeEvidence(source.zone),
                    time_in_ms=source.time_in_ms,
                    recipe=recipe,
                )
                for recipe in RECIPES
            ]
        )

    def __call__(self, line: bytes) -> set[str]:
        """Return the possible ``_id``s of a line, as hex digits; empty if the line is not an event of the day."""
        found = (event_parser.event(1, line) for event_parser in self.event_parsers)
        return {each.id.hex() for each in found if isinstance(each, ParsedEvent)}
