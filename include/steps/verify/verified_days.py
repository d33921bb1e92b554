"""Store when each day was verified last, and at which record of its ledger; the file can be created again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date

import msgspec

from include.lake.history import History
from include.lake.records import read_index, replace_index
from include.steps.verify.results import DayResult

_VERSION = 1


class VerifiedDay(msgspec.Struct, frozen=True):
    """The last verification of a day: ``at``, its time in ISO 8601, and the counts of ``DayResult``.

    ``number``: the number of the ledger's newest record at that time.
    """

    at: str
    number: int
    ids: int = 0
    lost: int = 0
    duplicate: int = 0
    phantom: int = 0
    trouble: bool = False

    @property
    def is_equal(self) -> bool:
        """Whether the verification found no difference."""
        return not (self.lost or self.duplicate or self.phantom or self.trouble)


class _Index(msgspec.Struct):
    version: int = _VERSION
    days: dict[str, VerifiedDay] = {}


def read_verified(history: History) -> dict[date, VerifiedDay]:
    """Return the last verification of each day; empty if the file is missing, unreadable or of another version."""
    return {date.fromisoformat(day): found for day, found in _read_index(history).days.items()}


def write_verified(
    history: History, results: Iterable[DayResult], numbers: Mapping[date, int], at: str
) -> None:
    """Store the results of days.

    ``numbers``: the number of the newest record of each day's ledger. ``at``: the current time in ISO 8601.
    """
    index = _read_index(history)
    for result in results:
        if result.day is not None:
            index.days[str(result.day)] = VerifiedDay(
                at, numbers.get(result.day, 0), result.ids, result.lost, result.duplicate, result.phantom,
                bool(result.trouble),
            )  # fmt: skip
    replace_index(history.lake, history.key("verified"), msgspec.json.encode(index))


def days_to_verify(numbers: Mapping[date, int], verified: Mapping[date, VerifiedDay]) -> list[date]:
    """Return all days by urgency: first those that were not verified, or changed or differed then; then the oldest.

    ``numbers``: the number of the newest record of each day's ledger; 0 for a day without a ledger.
    """

    def is_due(day: date) -> bool:
        found = verified.get(day)
        return found is None or found.number != numbers[day] or not found.is_equal

    due = sorted(day for day in numbers if is_due(day))
    rest = sorted(numbers.keys() - set(due), key=lambda day: (verified[day].at, day))
    return [*due, *rest]


def _read_index(history: History) -> _Index:
    try:
        index = msgspec.json.decode(read_index(history.lake, history.key("verified")) or b"{}", type=_Index)
    except msgspec.MsgspecError:
        return _Index()
    return index if index.version == _VERSION else _Index()
