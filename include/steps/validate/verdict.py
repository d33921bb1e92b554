"""Define the results of validation: for individual rows, and for a partition as a whole."""

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
    """The validation result for individual rows: those of some files, or all rows of a day.

    Attributes:
        mapped: The number of rows that were checked, valid or not.
        specs: The expectations for these rows.
        failed: The number of failing rows, by index in ``specs``.
        warned: The number of rows with a warning, by reason.
        refused: The refused rows.
        by_hour: The number of valid rows, by hour.
        by_event: The number of valid rows, by event name.
        other_events: The number of valid rows with names that are not in ``by_event``.
        valid_files: The files with the valid rows: files of transform, or new ones if a file contained refused rows.
    """

    mapped: int = 0
    specs: tuple[ExpectationSpec, ...] = ()
    columns: frozenset[Path] = frozenset()
    """The paths of the leaf columns of all files, from which ``specs`` are derived."""
    failed: Counter[int] = field(default_factory=Counter)
    warned: Counter[Reason] = field(default_factory=Counter)
    refused: RefusedRows = field(default_factory=RefusedRows)
    by_hour: Counter[str] = field(default_factory=Counter)
    by_event: Counter[str] = field(default_factory=Counter)
    other_events: int = 0
    double_ids: int = 0
    """The number of ``_id``s that occur more than once in the valid rows."""
    span: tuple[int, int] | None = None
    """The first and the last ``timestamp`` of the checked rows, in milliseconds since the epoch."""
    valid_files: tuple[RowFile, ...] = ()
    form: str | None = None
    """``AEP_FORM`` if every file of valid rows has this form, otherwise None."""

    @property
    def valid(self) -> int:
        """The number of valid rows."""
        return self.mapped - self.refused.rows

    @property
    def valid_in_files(self) -> int:
        """The number of valid rows in ``valid_files``, without the rows of a base."""
        return sum(each.rows for each in self.valid_files)


@dataclass(frozen=True)
class Verdict:
    """The validation result of a partition.

    Attributes:
        rows: The result for individual rows.
        by_event: The counts of events by name.
        specs: The expectations for rows, and then those for the partition as a whole.
        failed: The number of failing rows or event names, by index in ``specs``.
        warned: The number of warnings about rows and about the partition, by reason.
        broken: The reasons why the partition as a whole is refused; empty if it is accepted.
    """

    rows: CheckedRows
    by_event: DayEvents
    specs: tuple[ExpectationSpec, ...] = ()
    failed: Counter[int] = field(default_factory=Counter)
    warned: Counter[Reason] = field(default_factory=Counter)
    broken: tuple[Reason, ...] = ()


def most_frequent(by_event: Mapping[str, int], number: int) -> dict[str, int]:
    """Return the counts of the ``number`` most frequent event names, most frequent first; ties are sorted by name."""
    return dict(nsmallest(number, by_event.items(), key=lambda each: (-each[1], each[0])))


def by_sentence(reasons: Counter[Reason]) -> dict[str, int]:
    """Return the counts by the sentence that describes the reason, the largest first."""
    return {reason.sentence: count for reason, count in reasons.most_common()}


def quarantine_over_limit(
    workspace: Workspace, mapped: Manifest, verdict: Verdict
) -> tuple[int, int, float] | None:
    """Return the numbers of quarantined events and of exported lines, and the allowed share, if it is exceeded.

    Return None if the share of quarantined events is within the pipeline's limit. A share is from 0 to 1.
    """
    exported = mapped.counts["exported"] + mapped.counts.get("not_events", 0)
    refused = mapped.counts["quarantined"] + verdict.rows.refused.rows
    allowed = workspace.pipeline.quality.max_quarantined
    # Divide instead of multiplying: in floating point, 0.29 * 100 is less than 29.
    return (refused, exported, allowed) if exported and refused / exported > allowed else None
