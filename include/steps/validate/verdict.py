"""The results of validation: for the rows of some files, and for the partition as a whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from heapq import nsmallest

from include.lake.manifest import Manifest
from include.quality.constraints import Reason
from include.quality.expectation_spec import ExpectationSpec
from include.quality.partition_expectations import DayEvents
from include.quality.view import Path
from include.steps.day_rows import RowFile
from include.steps.validate.invalid_rows import RefusedRows
from include.steps.workspace import Workspace


@dataclass(frozen=True)
class CheckedRows:
    """The result of checking the rows of some files. ``failed``: the number of failing rows, by the number of the expectation.

    ``warned``: rows by reason. ``by_hour``, ``by_event``: valid rows; ``other_events``: valid rows whose event names are
    not in ``by_event``. ``kept``: the valid rows in files: those of transform, and those that were written again.
    """

    mapped: int = 0
    specs: tuple[ExpectationSpec, ...] = ()
    columns: frozenset[Path] = frozenset()
    """The paths of the leaf columns of all files, from which the specs follow."""
    failed: Counter[int] = field(default_factory=Counter)
    warned: Counter[Reason] = field(default_factory=Counter)
    refused: RefusedRows = field(default_factory=RefusedRows)
    by_hour: Counter[str] = field(default_factory=Counter)
    by_event: Counter[str] = field(default_factory=Counter)
    other_events: int = 0
    double_ids: int = 0
    """How many ``_id``s occur more than once in the valid rows."""
    span: tuple[int, int] | None = None
    """The first and the last ``timestamp`` of the checked rows, in milliseconds since the epoch."""
    kept: tuple[RowFile, ...] = ()
    form: str | None = None
    """``AEP_FORM`` if every valid file has it."""

    @property
    def valid(self) -> int:
        """The number of valid rows."""
        return self.mapped - self.refused.rows

    @property
    def valid_own(self) -> int:
        """The valid rows of the files that were checked."""
        return sum(each.rows for each in self.kept)


@dataclass(frozen=True)
class Verdict:
    """The verdict on a partition. ``specs`` are those of its rows, then those of the partition as a whole.

    ``failed``: rows, or names of events, by the number of their expectation. ``warned``: warnings about rows and about
    the partition. ``broken``: the constraints that the partition as a whole fails.
    """

    rows: CheckedRows
    by_event: DayEvents
    specs: tuple[ExpectationSpec, ...] = ()
    failed: Counter[int] = field(default_factory=Counter)
    warned: Counter[Reason] = field(default_factory=Counter)
    broken: tuple[Reason, ...] = ()


def most_frequent(by_event: Mapping[str, int], number: int) -> dict[str, int]:
    """Return the most frequent names of events, the most frequent one first; of equally frequent ones in their order."""
    return dict(nsmallest(number, by_event.items(), key=lambda each: (-each[1], each[0])))


def by_sentence(reasons: Counter[Reason]) -> dict[str, int]:
    """Return the numbers by the sentence of their reason, the largest first."""
    return {reason.sentence: count for reason, count in reasons.most_common()}


def quarantine_over_limit(
    workspace: Workspace, mapped: Manifest, verdict: Verdict
) -> tuple[int, int, float] | None:
    """Return how many events are in quarantine, of how many, and the allowed share; None within that share."""
    exported = mapped.counts["exported"] + mapped.counts.get("not_events", 0)
    refused = mapped.counts["quarantined"] + verdict.rows.refused.rows
    allowed = workspace.pipeline.quality.max_quarantined
    # Divided, not multiplied: in floating point, 0.29 * 100 is less than 29.
    return (refused, exported, allowed) if exported and refused / exported > allowed else None
