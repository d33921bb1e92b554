"""Compute the counts of a day of which only the lines that were added or removed since an earlier export were mapped.

They are the counts of the earlier output (the base), minus those of the removed lines, plus those of the added lines.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from include.json_types import JsonObject
from include.lake.manifest import Manifest
from include.steps.transform import passes as day
from include.steps.transform.dropped_identities import by_namespace, dropped_counts
from include.steps.transform.job import Job
from include.steps.transform.name_counter import NameCounter
from include.steps.transform.second_pass import WrittenPart
from include.steps.transform.superseded_rows import SupersededRows

MOST_PROPERTIES = 500
"""The largest number of unmapped properties that a manifest lists with their counts."""
_OF_ALL_ROWS = {
    "exported", "not_events", "suppressed", "mapped", "duplicates", "twins", "quarantined", "warnings", "dropped_identities",
    "compacted_by_day",
}  # fmt: skip
"""Counts that ``DayTotals.counts`` computes individually; all others are sums over lines."""


@dataclass(frozen=True)
class DayTotals:
    """Computes the counts of a day from those of an earlier output of transform and from the lines that differ.

    Attributes:
        raw: The manifest of the day's export, a delta.
        base: The manifest of the earlier output of transform.
        job: The parameters with which the added lines were mapped.
        named: The properties that the mapping names; None among them means that all properties count as mapped.
        added: The counts of the added lines after the first pass.
        removed: The counts of the removed lines after the first pass.
        superseded: The rows of ``base`` that no longer belong to the day.
        written: The rows that were written for the added lines.
    """

    raw: Manifest
    base: Manifest
    job: Job
    named: frozenset[str | None]
    added: day.FirstPass
    removed: day.FirstPass
    superseded: SupersededRows
    written: tuple[WrittenPart, ...]

    def counts(self, rows: int, compacted: int) -> dict[str, int]:
        """Return the counts of the whole day by name, for the manifest.

        ``rows``: the number of mapped rows of the day. ``compacted``: the number of the added rows that Mixpanel may
        merge into others; the base's number is added to it.
        """
        before = self.base.counts
        lines = Counter({name: n for name, n in before.items() if name not in _OF_ALL_ROWS})
        lines.subtract(self.removed.counts)
        lines.update(self.added.counts)
        quarantined = self._reasons.total()
        compacted += before.get("compacted_by_day", 0)
        dropped = self._dropped.total()
        return {
            **self.raw.counts,
            "mapped": rows,
            "duplicates": self.raw.rows - quarantined - rows,
            "twins": before.get("twins", 0) + self.superseded.twins,
            "quarantined": quarantined,
            "warnings": self._not_converted("not_converted").total(),
            **({"dropped_identities": dropped} if dropped else {}),
            **dict(sorted((+lines).items())),
            **({"compacted_by_day": compacted} if compacted else {}),
        }

    def details(self) -> JsonObject:
        """Return the details of the whole day for the manifest: counts by schema field, event name, property or reason.

        ``at_most`` lists the counts that are upper bounds, because they may include superseded rows.
        """
        at_most = [*self._names_of_upper_bounds()]
        return {
            **{
                name: dict(sorted(self._not_converted(name).items())) for name in ("not_converted", "inexact")
            },
            "dropped_identities": by_namespace(self._dropped),
            **({"at_most": at_most} if at_most else {}),
            **self._names(),
            "reasons": dict(sorted(self._reasons.items())),
        }

    @property
    def _reasons(self) -> Counter[str]:
        reasons: Counter[str] = Counter(self.base.details["reasons"])
        reasons.subtract(self.removed.reasons)
        reasons.update(self.added.reasons)
        return +reasons

    def _not_converted(self, name: str) -> Counter[str]:
        place = ("not_converted", "inexact").index(name)
        total: Counter[str] = Counter(self.base.details.get(name, {}))
        total.update(day.not_converted(self.job, self.written)[place])
        total.subtract(day.failures_by_destination(self.job, self.superseded.failed)[place])
        return +total

    @property
    def _dropped(self) -> Counter[tuple[str, str]]:
        total = dropped_counts(self.base.details["dropped_identities"])
        for part in self.written:
            total.update(part.dropped)
        total.subtract(self.superseded.dropped)
        return +total

    def _names_of_upper_bounds(self) -> Iterator[str]:
        """Yield the names of the counts (``not_converted``, ``dropped_identities``) that may count superseded rows."""
        compiled = self.job.compiled
        computed = {
            "not_converted": {leaf.name for leaf in compiled.computed},
            "dropped_identities": {
                each.rules.namespace for each in compiled.identities if each.property is None
            },
        }
        for name, by_expressions in computed.items():
            before = self.base.details[name].keys()
            if (self.superseded.unknown and before) or (self.superseded.rows and by_expressions & before):
                yield name

    def _names(self) -> JsonObject:
        """Return the number of events by name and by unmapped property.

        If the base does not list all names, names that it does not list are not added.
        """
        base = self.base.details
        partial = set(base.get("partial", ()))
        unmapped = base.get("unmapped", {})
        names = {
            "by_event": _combine_counts(
                base["by_event"], self.added.by_event.counts, self.removed.by_event.counts,
                is_cut="by_event" in partial,
            ),
            "unmapped": _combine_counts(
                unmapped, self._unmapped(self.added.names), self._unmapped(self.removed.names),
                is_cut="unmapped" in partial or len(unmapped) >= MOST_PROPERTIES,
            ),
        }  # fmt: skip
        names["unmapped"] = dict(islice(names["unmapped"].items(), MOST_PROPERTIES))
        for name, counter in (("by_event", self.added.by_event), ("unmapped", self.added.names)):
            partial |= {name} if counter.is_partial else set()
        return {**names, **({"partial": sorted(partial)} if partial else {})}

    def _unmapped(self, names: NameCounter) -> dict[str, int]:
        return unmapped_counts(names.counts, self.named)


def unmapped_counts(names: Mapping[str, int], named: frozenset[str | None]) -> dict[str, int]:
    """Return the number of events that have a property without a mapping, by property.

    ``named``: the properties that the mapping names; None among them means that all properties count as mapped.
    """
    return {name: rows for name, rows in names.items() if name not in named and None not in named}


def _combine_counts(
    base: Mapping[str, int], added: Mapping[str, int], removed: Mapping[str, int], *, is_cut: bool
) -> dict[str, int]:
    """Return ``base + added - removed`` by name, the largest first; ``is_cut``: ignore names that ``base`` lacks."""
    total = Counter(base)
    for changes, sign in ((added, 1), (removed, -1)):
        for name, count in changes.items():
            if name in base or not is_cut:
                total[name] += sign * count
    return dict(sorted((+total).items(), key=lambda pair: (-pair[1], pair[0])))
