"""Removes the events of forgotten people from exports before anything is stored."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from include.config.model import Pipeline
from include.errors import Conflict
from include.lake.lake import Lake
from include.lake.suppression import Suppression, newest_number, read_suppression, record_forgotten_ids
from include.mixpanel.raw_file import RawFile, read_lines, write_lines
from include.mixpanel.time_convention import TimeEvidence
from include.steps.workspace import Workspace
from include.xdm.events.event_id import RECIPES
from include.xdm.events.event_parser import EventParser, ParsedEvent
from include.xdm.events.person_ids import PersonIdReader, PersonMatcher

_NO_LIMIT_MS = 2**62
"""With this limit no event counts as an event of the future."""


@dataclass(frozen=True)
class Suppressor:
    """Recognizes the events of forgotten people by the hashed ids in the lake's suppression list."""

    suppression: Suppression
    matcher: PersonMatcher

    @classmethod
    def of(cls, lake: Lake, pipeline: Pipeline, project_id: int) -> Suppressor:
        """Read the list.

        Raises:
            ConfigError: a part of it was created with a key that this process does not have.
            BadManifest: it cannot be read.
        """
        found = read_suppression(lake, project_id)
        reader = PersonIdReader(pipeline.identity_placeholders)
        return cls(found, PersonMatcher(reader, found.is_user, found.is_device))

    def without_forgotten(self, workspace: Workspace, raw: RawFile, path: Path) -> RawFile:
        """Return an export without the events of forgotten people; the same file if it has none.

        ``path``: where the new file is written. The ``_id``s of the events are stored in the lake, for stage and
        verify.
        """
        if not self.suppression:
            return raw
        left_out = LeftOut(workspace, self.suppression.project_id)
        kept = write_lines(path, left_out.of(read_lines([raw.path]), self.matcher.matches))
        if not left_out.lines:
            path.unlink()
            return raw
        left_out.record()
        return replace(kept, suppressed=left_out.lines)

    def require_current(self, lake: Lake) -> None:
        """Refuse to publish an export that was filtered with an older list.

        Raises:
            Conflict: a person was forgotten in the meantime.
        """
        if newest_number(lake) != self.suppression.number:
            raise Conflict(
                f"The suppression list of {lake.url} changed during the export of the day.",
                "Nothing was published. Run the task again.",
            )


class LeftOut:
    """Counts the lines of a day that are left out, and collects their ``_id``s by every recipe. It holds no lines."""

    def __init__(self, workspace: Workspace, project_id: int) -> None:
        self._workspace, self._project_id = workspace, project_id
        self.lines = 0
        self.ids: set[str] = set()
        source = workspace.pipeline.mixpanel
        self._sieves = [
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

    def of(self, lines: Iterable[bytes], matches: Callable[[bytes], bool]) -> Iterator[bytes]:
        """Yield the lines that stay."""
        for line in lines:
            if matches(line):
                self.add(line)
            else:
                yield line

    def add(self, line: bytes) -> None:
        """Count a line that is left out. A line that is not an event of the day has no ``_id``."""
        self.lines += 1
        found = (event_parser.event(1, line) for event_parser in self._sieves)
        self.ids.update(each.id.hex() for each in found if isinstance(each, ParsedEvent))

    def record(self) -> None:
        """Store the ``_id``s in the lake: AEP may still hold them."""
        place = self._workspace
        record_forgotten_ids(place.lake, self._project_id, place.partition.day, self.ids)
