"""Finds the batches of a partition in AEP's catalog, including batches that the partition's ledger does not contain.

The first request lists all batches of the dataset, and the result is stored in the lake; later requests list only the
batches created since then. The stored listing contains batch ids and days, but no status, which is always read from
AEP.
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
"""By how much a request overlaps the stored listing: the catalog may show a batch after batches that are newer."""

_LAST_MS = 253_402_300_799_000
"""The last valid creation time in epoch milliseconds: the end of the year 9999."""
_ENDED = (BatchState.REFUSED, BatchState.GONE)


class _StoredListing(msgspec.Struct):
    """The batches of this project in a dataset, as stored in the lake (``batches.json`` of the history).

    Attributes:
        version: the version of this file's format; a listing of another version is not used.
        until_ms: the newest creation time of a listed batch of any producer, in epoch milliseconds; 0 without batches.
        days: the ids of this project's batches by day (``YYYY-MM-DD``); the key "" has the batches without a day.
    """

    version: int = _VERSION
    until_ms: int = 0
    days: dict[str, list[str]] = {}

    def add(self, batches: Iterable[Batch]) -> bool:
        """Add those of ``batches`` that this project created, and return whether the listing has changed."""
        before = (self.until_ms, sum(map(len, self.days.values())))
        for batch in batches:
            self.until_ms = max(self.until_ms, batch.created_ms)
            day = str(batch.day) if batch.day is not None else _UNDATED
            if batch.is_of_this_project and batch.id not in self.days.get(day, ()):
                self.days.setdefault(day, []).append(batch.id)
        return before != (self.until_ms, sum(map(len, self.days.values())))


@dataclass(frozen=True)
class BatchListing:
    """Finds the batches of one day in AEP, for comparison with the day's ledger.

    Attributes:
        history: the history of the dataset; the listing is stored in its folder of the lake.
        aep: the client that reads AEP's catalog.
    """

    history: History
    aep: AepClient

    def batches(self, day: date, known: Iterable[str] = (), named: Iterable[str] = ()) -> list[Batch]:
        """Return this project's batches of a day, and those without a day, in their current state, oldest first.

        It sends one request for the batches that are newer than the stored listing, and one for each older batch.

        Args:
            day: the day whose batches are returned.
            known: the ids of batches to leave out, which saves their requests.
            named: the ids of further batches to look up, because an earlier listing may have missed them.

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
    """Check that the batches contain events of the Mixpanel project of ``history``, by the tag of their source.

    Batches of other producers, and batches that have failed or were removed, are not checked.

    Raises:
        AnotherSource: a batch that is active, or may become active, contains events of another Mixpanel project.
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
    """Return the stored listing; an empty one, so that all batches are listed, if ``body`` is None or invalid."""
    try:
        listing = msgspec.json.decode(body or b"{}", type=_StoredListing)
    except msgspec.MsgspecError:
        return _StoredListing()
    is_usable = listing.version == _VERSION and 0 <= listing.until_ms <= _LAST_MS
    return listing if is_usable else _StoredListing()
