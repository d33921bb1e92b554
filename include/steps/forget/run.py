"""Forget people: make the plan, and execute it. Can be interrupted at any point and repeated at any time.

The ids are put on the suppression list before anything is removed. If a run is killed, the next run finds all ids in
that list, also those that were read from rows that are removed by now.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from include.clock import SYSTEM_CLOCK, Clock
from include.config.model import Pipeline
from include.errors import ConfigError
from include.json_types import JsonObject
from include.lake.lake import Lake
from include.lake.suppression import Suppression, read_suppression, suppress
from include.steps.forget.day import DayForgetter
from include.steps.forget.people import MOST_ADDED, GivenIds, Person, find_person
from include.steps.forget.quarantine import QuarantineMatcher
from include.steps.forget.search import (
    FoundDay,
    Searcher,
    StoredDay,
    is_of_project,
    mention_pattern,
    raw_lines,
    stored_days,
)
from include.steps.retention.contents import ContentsReader
from include.steps.retention.run import require_may_remove
from include.steps.scratch import scratch_folder
from include.xdm.events.person_ids import PersonIdReader, PersonMatcher

_USER_PROPERTIES = ("$user_id", "distinct_id")


@dataclass
class ForgetPlan:
    """The people to forget, and the days on which the lake contains their rows.

    Attributes:
        person: The ids that were given or found.
        known: The people who are already on the suppression list.
        days: The days with rows to remove.
        searched: The number of days whose raw events were read.
        without_raw: The number of days without an export in the lake.
    """

    person: Person
    known: Suppression
    days: list[FoundDay]
    searched: int
    without_raw: int

    @property
    def counts(self) -> dict[str, int]:
        """The counts by name, for summaries and ``--json``."""
        row_files = [file for each in self.days for file in each.stored.row_files]
        return {
            "ids_given": self.person.given,
            "ids_added": self.person.added,
            "shared_devices": len(self.person.shared),
            "days_searched": self.searched,
            "days_without_raw": self.without_raw,
            "days": len(self.days),
            "rows": sum(each.raw.total() for each in self.days),
            "quarantined_rows": sum(each.quarantine.total() for each in self.days),
            "mapped_files": len(row_files),
            "reports": sum(len(each.reports) for each in self.days),
            "mentions": sum(each.mentions for each in self.days),
        }


@dataclass
class Forgotten:
    """The result of an executed plan. ``removed``: the number of removed objects by kind.

    ``number``: the number of the newest record of the suppression list.
    """

    plan: ForgetPlan
    number: int
    removed: Counter[str] = field(default_factory=Counter)

    @property
    def counts(self) -> dict[str, int]:
        """The counts by name, for summaries and ``--json``."""
        removed = {f"removed_{kind}": self.removed[kind] for kind in ("files", "quarantine", "reports")}
        return {**self.plan.counts, **removed}


@dataclass(frozen=True)
class Forgetting:
    """Forgets people of a Mixpanel project in every pipeline of a lake that has exported the project."""

    lake: Lake
    pipeline: Pipeline
    project_id: int
    clock: Clock = SYSTEM_CLOCK

    def plan(self, given: GivenIds, *, expand: bool = True, most_added: int = MOST_ADDED) -> ForgetPlan:
        """Find the people's ids and rows, without changing anything; without given ids, those of the suppression list.

        ``expand``: also search for ids that events connect with the given ones, at most ``most_added``.

        Raises:
            ConfigError: no id is given and the list is empty; an id is a placeholder; too many ids are connected.
            BadManifest: an object of the lake cannot be read.
        """
        given, known = given.cleaned(self._reader), read_suppression(self.lake, self.project_id)
        if not given and not known:
            raise ConfigError(
                "No id to forget was given, and the suppression list is empty.",
                "Give --distinct-id, --user-id, --device-id or --identity-file.",
            )
        days = [
            each for each in stored_days(self.lake, self.pipeline) if is_of_project(each, self.project_id)
        ]
        with self._scratch() as scratch:
            person = Person.of(given)
            if given and expand:
                person = find_person(given, lambda: raw_lines(days, scratch), self._reader, most_added)
            searcher = self._searcher(person, known, scratch)
            found = [searcher.search(each) for each in days]
        return ForgetPlan(
            person,
            known,
            [each for each in found if each.is_affected],
            sum(bool(each.raw) for each in days),
            sum(not each.raw for each in days),
        )

    def apply(self, plan: ForgetPlan, by: str) -> Forgotten:
        """Put the people on the suppression list, and remove their rows.

        Raises:
            AccessDenied: the credential may not remove objects; nothing was changed.
            Conflict: a run is loading one of the days, or the list was changed at the same time.
        """
        self.lake.check_writable()
        require_may_remove(self.lake, self.pipeline.name)
        for day in self._forgetters(plan):
            day.require_not_loading()
        at = self.clock.now().isoformat(timespec="seconds")
        person = plan.person
        listed = suppress(self.lake, self.project_id, person.users, person.devices, at=at, by=by)
        done = Forgotten(plan, listed.number)
        for day in self._forgetters(plan):
            done.removed += day.forget()
        return done

    def _forgetters(self, plan: ForgetPlan) -> Iterator[DayForgetter]:
        matcher = self._matcher(plan.person, plan.known)
        quarantine = QuarantineMatcher(matcher, self._user_namespaces)
        readers: dict[str, ContentsReader] = {}
        for found in plan.days:
            name = found.stored.pipeline.name
            reader = readers.setdefault(name, ContentsReader.of(self.lake, name))
            yield DayForgetter(found, reader, self.project_id, matcher, quarantine, self.clock)

    def _searcher(self, person: Person, known: Suppression, scratch: Path) -> Searcher:
        matcher = self._matcher(person, known)
        quarantine = QuarantineMatcher(matcher, self._user_namespaces)
        return Searcher(matcher, quarantine, mention_pattern(person.users | person.devices), scratch)

    def _matcher(self, person: Person, known: Suppression) -> PersonMatcher:
        """Return a matcher for the person and all people on the list: an earlier run may have been interrupted."""
        return PersonMatcher(
            self._reader,
            lambda value: value in person.users or known.is_user(value),
            lambda value: value in person.devices or known.is_device(value),
        )

    @property
    def _user_namespaces(self) -> set[str]:
        identities = self.pipeline.identities
        return {identities[name].namespace for name in _USER_PROPERTIES if name in identities}

    @cached_property
    def _reader(self) -> PersonIdReader:
        return PersonIdReader(self.pipeline.identity_placeholders)

    @contextmanager
    def _scratch(self) -> Iterator[Path]:
        with scratch_folder(f"mixpanel-aep-{self.pipeline.name}-") as folder:
            yield folder


def day_summary(found: FoundDay) -> JsonObject:
    """Return the counts of a day's rows to remove, as JSON."""
    stored: StoredDay = found.stored
    return {
        "pipeline": stored.pipeline.name,
        "day": stored.day.isoformat(),
        "rows": found.raw.total(),
        "quarantined_rows": found.quarantine.total(),
        "mapped_files": len(stored.row_files),
        "reports": len(found.reports),
        "unsearchable": found.is_unsearchable,
    }
