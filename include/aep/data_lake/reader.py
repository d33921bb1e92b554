"""The interface for reading rows of AEP's data lake, which is implemented by SQL and by downloads of files."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from types import TracebackType
from typing import Self

from include.aep.data_lake.fingerprint import BUCKET_DIGITS, Bucket
from include.aep.model import Dataset


@dataclass(frozen=True)
class Window:
    """A period of time that selects the rows with ``start <= timestamp < end``; both moments have a time zone.

    Raises:
        ValueError: a bound has no time zone, or the bounds are not in order.
    """

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None or self.start >= self.end:
            raise ValueError("a window needs two moments with a time zone, in order")

    def contains(self, moment: datetime) -> bool:
        """Return whether ``moment``, which has a time zone, is in the window."""
        return self.start <= moment < self.end


EVER = Window(datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC))
"""A window that contains every row, for reading whole batches; AEP then has to search the partitions of all days."""


def utc_text(moment: datetime) -> str:
    """Return ``moment`` as ISO 8601 text in UTC, with ``Z``, and with microseconds only if they are not 0."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


class DataLakeReader(ABC):
    """Reads the rows of a dataset's active batches. Not thread-safe; close it, or use it in a ``with`` block.

    The methods have the argument ``batches`` in common: the ids of the batches whose rows are read. None: the rows of
    all batches, also of those that other producers loaded.

    Raises:
        QueryServiceBusy: by each method, if no session is free or a query took too long. A later retry helps.
        ServiceUnavailable: by each method, if AEP cannot be reached or does not respond.
        LakeNotReadable: by each method, if the permission, licence, login or table is missing. A retry does not help.
    """

    @property
    @abstractmethod
    def query_seconds(self) -> float:
        """The total duration of all queries so far, in seconds; 0 for a reader that downloads files."""

    @abstractmethod
    def rows_by_batch(self, dataset: Dataset, start: datetime, end: datetime) -> Mapping[str, int]:
        """Return the number of rows in a window by the id of their source batch; "" for rows without one."""

    def fingerprints(
        self,
        dataset: Dataset,
        start: datetime,
        end: datetime,
        *,
        batches: Collection[str] | None = None,
        digits: int = BUCKET_DIGITS,
    ) -> Mapping[str, Bucket]:
        """Return the fingerprint of the ``_id``s in a window: a ``Bucket`` for each prefix of ``digits`` hex digits."""
        return self.fingerprints_of(dataset, {"": Window(start, end)}, batches=batches, digits=digits)[""]

    @abstractmethod
    def fingerprints_of(
        self,
        dataset: Dataset,
        windows: Mapping[str, Window],
        *,
        batches: Collection[str] | None = None,
        digits: int = BUCKET_DIGITS,
    ) -> Mapping[str, Mapping[str, Bucket]]:
        """Return the fingerprints of several windows, such as days, by the window's name.

        The fingerprint of a window without rows is empty.

        Raises:
            ValueError: two windows overlap.
        """

    @abstractmethod
    def ids(
        self,
        dataset: Dataset,
        start: datetime,
        end: datetime,
        prefix: str | Collection[str] = "",
        *,
        batches: Collection[str] | None = None,
    ) -> Iterator[tuple[str, str]]:
        """Yield the ``_id`` and the source batch of every row in a window, duplicates included, in any order.

        ``prefix``: the first hex digits of the ids to yield, or several such prefixes of the same length; "": all ids.
        """

    @abstractmethod
    def close(self) -> None:
        """Close the reader's connection to AEP, if any."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def prefixes_of(prefix: str | Collection[str]) -> tuple[int, frozenset[str]]:
    """Return the common length of one or several prefixes, and the prefixes as a set.

    For "", which every id has, the length is 0 and the set is empty. For an empty collection, which matches no id, the
    set is empty as well, but the length is 1.

    Raises:
        ValueError: the prefixes differ in length.
    """
    prefixes = frozenset([prefix] if isinstance(prefix, str) else prefix)
    lengths = {len(each) for each in prefixes}
    if len(lengths) > 1:
        raise ValueError("all prefixes must have the same length")
    length = lengths.pop() if lengths else 1
    return length, prefixes if length else frozenset()


def names_in_order(windows: Mapping[str, Window]) -> list[str]:
    """Return the names of the windows, ordered by the start of each window.

    Raises:
        ValueError: two windows overlap.
    """
    names = sorted(windows, key=lambda name: windows[name].start)
    for one, other in pairwise(names):
        if windows[one].end > windows[other].start:
            raise ValueError("windows must not overlap")
    return names
