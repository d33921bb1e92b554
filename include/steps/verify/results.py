"""The result of a verification: counts for each day, and the batches in which rows differ. It contains no ids."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date

from include.errors import VerificationFailed
from include.plural import counted

_MOST_NAMED = 5


@dataclass(frozen=True)
class DayResult:
    """The comparison of one day, or of the batches of this project that name no day (``day`` is None).

    Attributes:
        ids: The number of ids that the ledger lists as active.
        lost: How many of these have no row in AEP.
        duplicate: The number of ids with several rows.
        phantom: The number of ids with a row that the ledger does not list.
        deleted: The number of ids of forgotten people that AEP no longer has; they do not count as lost.
        to_delete: The number of ids of forgotten people that AEP still has.
        lost_from: The number of lost ids by the batch that should contain them.
        strays: The number of surplus rows by the batch that contains them.
        trouble: Why the day could not be compared; empty if it was.
        refused: The number of rows that AEP refused according to the ledger; they are in quarantine and not expected.
    """

    day: date | None
    ids: int = 0
    lost: int = 0
    duplicate: int = 0
    phantom: int = 0
    deleted: int = 0
    to_delete: int = 0
    lost_from: Mapping[str, int] = field(default_factory=dict)
    strays: Mapping[str, int] = field(default_factory=dict)
    trouble: str = ""
    refused: int = 0

    @property
    def is_equal(self) -> bool:
        """Whether AEP has exactly the expected rows of the day."""
        return not (self.lost or self.duplicate or self.phantom or self.trouble)

    def __str__(self) -> str:
        name = str(self.day) if self.day is not None else "batches without a day"
        if self.trouble:
            return f"{name}: not compared: {self.trouble}"
        parts = [f"{name}: lost {self.lost}, duplicate {self.duplicate}, phantom {self.phantom}"]
        if self.lost_from:
            parts.append(f"lost from {_list_batches(self.lost_from)}")
        if self.strays:
            parts.append(f"surplus rows in {_list_batches(self.strays)}")
        return "; ".join(parts)


@dataclass(frozen=True)
class Verification:
    """The result of a verification.

    Attributes:
        days: The results of the compared days.
        others: The number of rows of other producers on these days; they are not compared.
        postponed: The days that a run is loading now.
        left: The number of days that were not reached within the budget.
        reason: Why days were not compared; empty if all were.
        is_busy: Whether that reason is temporary.
    """

    pipeline: str
    days: tuple[DayResult, ...] = ()
    others: int = 0
    postponed: tuple[date, ...] = ()
    left: int = 0
    reason: str = ""
    is_busy: bool = False

    @property
    def is_verified(self) -> bool:
        """Whether at least one day was compared."""
        return bool(self.days)

    @property
    def differing(self) -> tuple[DayResult, ...]:
        """The days whose rows in AEP differ from the ledger, or that could not be compared."""
        return tuple(day for day in self.days if not day.is_equal)

    @property
    def counts(self) -> dict[str, int]:
        """The number of compared partitions, and the sums of the counts of all days."""
        return {
            "partitions": sum(day.day is not None for day in self.days),
            **{name: sum(getattr(day, name) for day in self.days) for name in (*_COUNTS, "refused")},
            **self.forgotten,
        }

    @property
    def forgotten(self) -> dict[str, int]:
        """The sums of the counts about forgotten people; empty if all are 0."""
        found = {name: sum(getattr(day, name) for day in self.days) for name in _OF_FORGOTTEN}
        return found if any(found.values()) else {}

    def __str__(self) -> str:
        if not self.is_verified:
            return f"verify: not verified: {self.reason}"
        counts = self.counts
        refused = f", refused by AEP {counts['refused']}" if counts["refused"] else ""
        # Programs read this line: always the same words, and digits without separators.
        text = (
            f"verify: {counts['partitions']} partitions, {counts['ids']} ids, "
            + ", ".join(f"{name} {counts[name]}" for name in _COUNTS[1:])
            + refused
        )
        forgotten = self.forgotten
        if not forgotten:
            return text
        return (
            f"{text}; of forgotten people {forgotten['deleted']} are deleted in AEP, "
            f"{forgotten['to_delete']} are not deleted yet"
        )

    def require_equal(self) -> None:
        """Check that no day differs and that every day could be compared.

        Raises:
            VerificationFailed: the message has the counts, days and batches; the hint has the remedies.
        """
        differing = self.differing
        if not differing:
            return
        named = "; ".join(map(str, differing[:_MOST_NAMED]))
        more = (
            f"; and {counted(len(differing) - _MOST_NAMED, 'more day')}"
            if len(differing) > _MOST_NAMED
            else ""
        )
        raise VerificationFailed(
            f"AEP does not hold what the ledger of pipeline {self.pipeline} records: {named}{more}.",
            " ".join([*self._remedies(), "Then run verify again."]),
        )

    def _remedies(self) -> Iterator[str]:
        """Yield a sentence for each kind of difference that says what to do."""
        dated = [day for day in self.differing if day.day is not None]
        if dated:
            yield f"See mixpanel-aep ledger show {self.pipeline} {dated[0].day}."
        if any(day.strays for day in dated):
            yield (
                "If AEP holds a valid batch that the ledger does not know, use mixpanel-aep ledger adopt. Revert any other "
                "batch with surplus rows in AEP."
            )
        if any(day.strays for day in self.differing if day.day is None):
            yield "A batch without a day cannot be adopted: revert it in AEP."
        if any(day.lost or day.duplicate for day in dated):
            yield "For lost rows, or duplicate rows within a load, run the day again with reprocess: replace."


_COUNTS = ("ids", "lost", "duplicate", "phantom")
_OF_FORGOTTEN = ("deleted", "to_delete")


def _list_batches(batches: Mapping[str, int]) -> str:
    largest = sorted(batches.items(), key=lambda item: (-item[1], item[0]))
    named = ", ".join(
        f"batch {batch or 'without a name'} ({count})" for batch, count in largest[:_MOST_NAMED]
    )
    more = len(largest) - _MOST_NAMED
    return f"{named} and {counted(more, 'more batch')}" if more > 0 else named
