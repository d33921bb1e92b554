"""The result of a verification: counts by day, and the batches that rows came from, without ids."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date

from include.errors import VerificationFailed
from include.plural import counted

_MOST_NAMED = 5


@dataclass(frozen=True)
class DayResult:
    """The comparison of one day. ``day``: None for batches of this project that name no day.

    ``ids``: different ids that the ledger lists as active. ``lost``: those of them without a row in AEP. ``deleted``:
    ids of forgotten people that AEP does not hold any more, which are not lost; ``to_delete``: those that it still
    holds. ``duplicate``: ids with several rows. ``phantom``: ids with a row that the ledger does not know.
    ``lost_from``: lost ids by the batch that should hold them; ``strays``: surplus rows by their source batch.
    ``refused``: rows that AEP has refused, by the ledger: in quarantine, so neither expected nor lost. ``trouble``: why
    the day could not be compared.
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
        """Return whether AEP holds exactly the expected rows of the day."""
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
    """The result of a verification. ``others``: rows of other producers in the same days, which do not count.

    ``postponed``: days that a run is loading now. ``left``: days that the budget did not cover.
    ``reason``: why days were not compared; ``is_busy``: the reason is temporary.
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
        """Whether any day was compared."""
        return bool(self.days)

    @property
    def differing(self) -> tuple[DayResult, ...]:
        """The days whose rows in AEP differ from the ledger, or that could not be compared."""
        return tuple(day for day in self.days if not day.is_equal)

    @property
    def counts(self) -> dict[str, int]:
        """The number of compared partitions, and the sums of the days' counts."""
        return {
            "partitions": sum(day.day is not None for day in self.days),
            **{name: sum(getattr(day, name) for day in self.days) for name in (*_COUNTS, "refused")},
            **self.forgotten,
        }

    @property
    def forgotten(self) -> dict[str, int]:
        """The sums of the counts of forgotten people; empty without such people."""
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
        """Refuse any difference.

        Raises:
            VerificationFailed: with counts, days and batches.
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
        """Yield what to do about the differences."""
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
