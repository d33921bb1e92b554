"""The batches of a partition by AEP's catalog, including batches that the ledger of the partition lacks.

All batches of a dataset are listed once and stored in the data lake; later requests list only batches created since.
The stored listing contains ids and days, never a status: the status of a batch is always requested from AEP.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

import msgspec

from include.aep.batch_state import BatchState, classify_status
from include.aep.client import AepClient
from include.aep.load_id import SOURCE_TAG
from include.aep.model import Batch
from include.errors import AnotherSource
from include.lake.history import History
from include.lake.records import read_index, replace_index

_VERSION = 2
_UNDATED = ""
_OVERLAP_MS = 15 * 60 * 1000
"""The overlap of two listings, because the catalog may show a batch later than another batch created after it."""

_LAST_MS = 253_402_300_799_000
"""The end of year 9999."""
_ENDED = (BatchState.REFUSED, BatchState.GONE)


class _StoredListing(msgspec.Struct):
    """``until_ms``: the newest creation time, in epoch milliseconds; ``days``: batch ids by day, "" for an unknown day."""

    version: int = _VERSION
    until_ms: int = 0
    days: dict[str, list[str]] = {}

    def add(self, batches: Iterable[Batch]) -> bool:
        """Add batches of this project, and return whether that changed the listing."""
        before = (self.until_ms, sum(map(len, self.days.values())))
        for batch in batches:
            self.until_ms = max(self.until_ms, batch.created_ms)
            day = str(batch.day) if batch.day is not None else _UNDATED
            if batch.is_of_this_project and batch.id not in self.days.get(day, ()):
                self.days.setdefault(day, []).append(batch.id)
        return before != (self.until_ms, sum(map(len, self.days.values())))


@dataclass(frozen=True)
class BatchListing:
    """The batches of the history's dataset, as the catalog lists them."""

    history: History
    aep: AepClient

    def batches(self, day: date, known: Iterable[str] = (), named: Iterable[str] = ()) -> list[Batch]:
        """Return this project's batches of a day, and those without a day, as AEP shows them now, oldest first.

        ``known``: ids to leave out. ``named``: further ids to include, because an earlier listing may have missed a batch.
        This sends one request, and one more for each older batch that is not ``known``.

        Raises:
            AnotherSource: a listed batch contains events of another Mixpanel project.
        """
        key = self.history.key("batches")
        body = read_index(self.history.lake, key)
        listing = _read(body)
        shown = self._created_after(listing.until_ms - _OVERLAP_MS if listing.until_ms else None)
        if listing.until_ms and all(batch.created_ms < listing.until_ms for batch in shown.values()):
            # The newest batch of the stored listing is missing: the listing is damaged, or belongs to another dataset.
            listing, shown = _StoredListing(), self._created_after(None)
        require_source(self.history, shown.values())
        if listing.add(shown.values()):
            replace_index(self.history.lake, key, msgspec.json.encode(listing))
        listed = (*listing.days.get(str(day), ()), *listing.days.get(_UNDATED, ()), *named)
        left = [batch for batch in dict.fromkeys(listed) if batch not in set(known)]
        found = [shown.get(batch) or self.aep.batches.find(batch) for batch in left]
        ours = [batch for batch in found if batch is not None and self._may_be_of_day(batch, day)]
        return sorted(ours, key=lambda batch: (batch.created_ms, batch.id))

    def _may_be_of_day(self, batch: Batch, day: date) -> bool:
        """Return whether this project created ``batch`` in this dataset, for ``day`` or for an unknown day."""
        in_dataset = batch.dataset_id in (None, self.history.target.dataset_id)
        return batch.is_of_this_project and in_dataset and batch.day in (None, day)

    def _created_after(self, moment_ms: int | None) -> dict[str, Batch]:
        listed = self.aep.catalog.batches_created_after(self.history.target.dataset_id, moment_ms)
        return {batch.id: batch for batch in listed}


def require_source(history: History, batches: Iterable[Batch]) -> None:
    """Raise if a batch that is or may become active has another Mixpanel source in its tag than ``history``.

    Raises:
        AnotherSource: a batch contains events of another Mixpanel project.
    """
    own = str(history.source)
    for batch in batches:
        source = batch.tag(SOURCE_TAG)
        if (
            batch.is_of_this_project
            and source not in (None, own)
            and classify_status(batch.status) not in _ENDED
        ):
            raise AnotherSource(
                f"Batch {batch.id} of dataset {history.target.dataset_id} contains events of Mixpanel project {source}, "
                f"but the connection has project {own}.",
                "Correct the Mixpanel connection, or give this project its own dataset in aep.dataset of the "
                "pipeline file. Nothing was sent to AEP.",
            )


def _read(body: bytes | None) -> _StoredListing:
    """Return the listing stored in ``body``; an empty listing, which causes a full request, if ``body`` is unusable."""
    try:
        listing = msgspec.json.decode(body or b"{}", type=_StoredListing)
    except msgspec.MsgspecError:
        return _StoredListing()
    is_usable = listing.version == _VERSION and 0 <= listing.until_ms <= _LAST_MS
    return listing if is_usable else _StoredListing()
