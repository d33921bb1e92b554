"""The base class of the readers of AEP's data lake, by SQL (Query Service) and by files (Data Access)."""

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
    """The rows whose ``timestamp`` is in ``start <= timestamp < end``; both have a time zone.

    Raises:
        ValueError: a bound has no time zone, or the bounds are not in order.
    """

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None or self.start >= self.end:
            raise ValueError("a window needs two moments with a time zone, in order")

    def holds(self, moment: datetime) -> bool:
        """Return whether ``moment``, which has a time zone, is in the window."""
        return self.start <= moment < self.end


EVER = Window(datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC))
"""A window with every row, for reading complete batches; a dataset partitioned by time must be searched completely."""


def utc_text(moment: datetime) -> str:
    """Return ``moment`` as ISO 8601 text in UTC, with ``Z``, and with microseconds only if they are not 0."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


class LakeReader(ABC):
    """Reads the active rows of a dataset. Not thread-safe; close it, or use it in a ``with`` block.

    ``batches``: ids of source batches; only their rows count. None: every row counts, also those of other producers.
    All methods raise:
        QueryServiceBusy: no session is free, another query is running, or the query took too long; retry later.
        ServiceUnavailable: AEP cannot be reached or does not respond.
        LakeNotReadable: permission, licence, login or table are missing; a retry does not help.
    """

    @property
    @abstractmethod
    def query_seconds(self) -> float:
        """The total duration of all queries so far, in seconds; 0 for a reader that reads files."""

    @abstractmethod
    def rows_by_batch(self, dataset: Dataset, start: datetime, end: datetime) -> Mapping[str, int]:
        """Return how many rows each source batch has in a window; "" stands for rows without a source batch."""

    def fingerprints(
        self,
        dataset: Dataset,
        start: datetime,
        end: datetime,
        *,
        batches: Collection[str] | None = None,
        digits: int = BUCKET_DIGITS,
    ) -> Mapping[str, Bucket]:
        """Return the fingerprint of a window's ids by bucket, as ``bucket_of`` does."""
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
        """Return the fingerprints of several windows, such as days, by name; a window without rows is empty.

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
        """Yield ``_id`` and source batch of every row of a window, duplicates included, in any order.

        ``prefix``: only ids with this prefix; several prefixes must have the same length.
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
    """Return the length of the prefixes, and the prefixes; "" has length 0 and matches every id.

    An empty collection matches no id, and its length is not 0.

    Raises:
        ValueError: the prefixes differ in length.
    """
    prefixes = frozenset([prefix] if isinstance(prefix, str) else prefix)
    lengths = {len(each) for each in prefixes}
    if len(lengths) > 1:
        raise ValueError("all prefixes must have the same length")
    length = lengths.pop() if lengths else 1
    return length, prefixes if length else frozenset()


def in_order(windows: Mapping[str, Window]) -> list[str]:
    """Return the names of windows, ordered by their start.

    Raises:
        ValueError: two windows overlap.
    """
    names = sorted(windows, key=lambda name: windows[name].start)
    for one, other in pairwise(names):
        if windows[one].end > windows[other].start:
            raise ValueError("windows must not overlap")
    return names
