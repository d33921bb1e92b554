"""Find the rows of people in the lake: in raw events, in quarantine and in reports.

Mapped, valid and staged rows are not searched: they are created again from the exports.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from include.config.model import Pipeline
from include.lake.keys import PartitionKey
from include.lake.lake import Lake, LakeObject
from include.lake.manifest import PREVIOUS_STEP, Manifest, StepName, load
from include.lake.own_keys import PIPELINE
from include.steps.forget.quarantine import QuarantineMatcher, stored_lines
from include.steps.retention.contents import DayListing, OutputKey, list_days
from include.xdm.events.person_ids import PersonMatcher

STEPS_AFTER_EXPORT: tuple[StepName, ...] = ("stage", "validate", "validate_shard", "transform")
"""The steps whose outputs are computed from an export, and so can be created again; later steps first."""


@dataclass(frozen=True)
class StoredDay:
    """A day of a pipeline in the lake.

    ``pipeline``: the settings of the pipeline of the command, with the name of the pipeline that wrote the day.
    """

    lake: Lake
    pipeline: Pipeline
    day: date
    listing: DayListing

    @property
    def partition(self) -> PartitionKey:
        """The key of the day's partition."""
        return PartitionKey(self.pipeline.name, self.day)

    @property
    def raw(self) -> list[LakeObject]:
        """The files of exports, including those of crashed runs."""
        return [file for key, files in self.listing.files.items() if key[0] == "export" for file in files]

    @property
    def row_files(self) -> list[LakeObject]:
        """The files of mapped, valid and staged rows."""
        return [file for key, files in self.listing.files.items() if key[0] != "export" for file in files]

    def manifest(self, key: OutputKey) -> Manifest | None:
        """Return the manifest of an output; None if the output has no manifest."""
        if key not in self.listing.manifests:
            return None
        return load(self.lake, self.partition.manifest(*key))

    def has_unsearchable_rows(self) -> bool:
        """Return whether the lake has rows whose export is missing, so that nothing shows whose rows they are."""
        return any(not self._is_searched(key) for key, files in self.listing.files.items() if files)

    def _is_searched(self, key: OutputKey) -> bool:
        step, digest = key
        if step == "export":
            return True
        manifest = self.manifest(key)
        if manifest is None:  # left by a crashed run, or being written now
            return not self._has_forgotten()
        while manifest is not None and (before := PREVIOUS_STEP.get(manifest.step)) is not None:
            digest = manifest.inputs.get(before, "")
            manifest = self.manifest((before, digest))
        return manifest is not None and self._has_rows(manifest)

    def _has_rows(self, export: Manifest) -> bool:
        """Return whether all files of an export and of its base are in the lake."""
        there = {file.key for file in self.raw}
        base = self.manifest(("export", export.delta.base)) if export.delta else None
        keys = export.keys | (base.keys if base else set())
        return keys <= there and (base is not None or export.delta is None)

    def _has_forgotten(self) -> bool:
        return any(step == "export" for step, _ in self.listing.removals)


@dataclass
class FoundDay:
    """The rows of forgotten people on one day.

    Attributes:
        stored: The day.
        raw: The number of their lines in each file of an export, by key.
        quarantine: The number of their records in each quarantine file, by key.
        reports: The reports that may contain their values.
        is_unsearchable: Whether the day has rows without an export, which have to be removed.
        mentions: The number of events of other people that contain one of the ids.
    """

    stored: StoredDay
    raw: Counter[str] = field(default_factory=Counter)
    quarantine: Counter[str] = field(default_factory=Counter)
    reports: tuple[LakeObject, ...] = ()
    is_unsearchable: bool = False
    mentions: int = 0

    @property
    def is_affected(self) -> bool:
        """Whether files of the day have to be removed or rewritten."""
        return bool(self.raw or self.quarantine or self.reports or self.is_unsearchable)


def stored_days(lake: Lake, pipeline: Pipeline, *, all_pipelines: bool = True) -> Iterator[StoredDay]:
    """Yield every day of every pipeline in the lake.

    Other pipelines get the settings of ``pipeline``, because only their names are in the lake.
    """
    names = [each for each in lake.folders("") if re.fullmatch(PIPELINE, each)]
    for name in names if all_pipelines else [pipeline.name]:
        named = pipeline if name == pipeline.name else pipeline.model_copy(update={"name": name})
        for day, listing in list_days(lake, name).items():
            yield StoredDay(lake, named, day, listing)


def is_of_project(stored: StoredDay, project_id: int) -> bool:
    """Return whether a day may contain events of a Mixpanel project: no manifest names another project only."""
    found = [stored.manifest(key) for key in sorted(stored.listing.manifests) if key[0] == "export"]
    projects = {int(each.details.get("project_id", project_id)) for each in found if each is not None}
    return not projects or project_id in projects


@dataclass(frozen=True)
class Searcher:
    """Searches days for the rows of people. ``mentions``: matches their ids in events of other people."""

    matcher: PersonMatcher
    quarantine: QuarantineMatcher
    mentions: re.Pattern[bytes] | None
    scratch: Path

    def search(self, stored: StoredDay) -> FoundDay:
        """Search the raw events, the quarantine and the reports of a day."""
        found = FoundDay(stored, is_unsearchable=stored.has_unsearchable_rows())
        for file in stored.raw:
            for line in stored_lines(stored.lake, file.key, self.scratch):
                if self.matcher.matches(line):
                    found.raw[file.key] += 1
                elif self.mentions is not None and self.mentions.search(line):
                    found.mentions += 1
        for file in stored.listing.quarantine:
            lines = stored_lines(stored.lake, file.key, self.scratch)
            if count := sum(map(self.quarantine.matches, lines)):
                found.quarantine[file.key] = count
        # A sample of values in a report may belong to anyone.
        has_rows = bool(found.raw or found.quarantine)
        found.reports = tuple(
            each for each in stored.listing.reports if has_rows or self._names_person(stored.lake, each)
        )
        return found

    def _names_person(self, lake: Lake, report: LakeObject) -> bool:
        page = lake.download(report.key, self.scratch / "report.html").path.read_bytes()
        return any(map(self.matcher.is_id, self.matcher.reader.tokens(_text_of(page))))


def raw_lines(days: Iterable[StoredDay], scratch: Path) -> Iterator[bytes]:
    """Yield the lines of all exports of several days."""
    for stored in days:
        for file in stored.raw:
            yield from stored_lines(stored.lake, file.key, scratch)


def mention_pattern(ids: Iterable[str]) -> re.Pattern[bytes] | None:
    """Return a regular expression that matches the ids as JSON strings; None without ids."""
    found = [re.escape(each.encode("utf-8", "surrogatepass")) for each in sorted(ids)]
    return re.compile(b'"(?:%s)"' % b"|".join(found)) if found else None


def _text_of(page: bytes) -> bytes:
    """Return the text of an HTML report, with spaces in place of tags and parentheses."""
    text = re.sub(r"<[^>]*>", " ", page.decode("utf-8", "replace"))
    return html.unescape(text).replace("(", " ").replace(")", " ").encode()
