"""Change a ledger by a person's decision: adopt a batch, or release it."""

from __future__ import annotations

from contextlib import suppress
from datetime import date

from include.aep.batch_state import BatchState, classify_status
from include.aep.client import AepClient
from include.aep.load_id import SOURCE_TAG
from include.aep.model import Batch
from include.errors import AmendmentRefused, LakeNotReadable
from include.lake.history import History
from include.lake.ledger import LedgerRecord
from include.lake.ledger_state import active_records, batches_to_poll, in_flight
from include.plural import counted
from include.steps.ingest.consistency import is_load_of
from include.steps.recover.aep_ids import AepIds, may_become_active
from include.steps.verify.compare_days import EVER

_ENDED = (BatchState.REFUSED, BatchState.GONE)
_INSTEAD = {
    BatchState.OPEN: "Abort it in AEP first; a run then loads its rows again.",
    BatchState.COMMITTED: "AEP is processing it: wait. If it stays so for a day, contact Adobe about the batch.",
    BatchState.ACTIVE: "Run the day: it continues with that batch. To remove it, revert it in AEP; the next run then "
    "loads its rows again.",
    BatchState.UNKNOWN: "Wait until AEP has decided it. If it stays so for a day, delete the batch in AEP or contact Adobe "
    "about it; then release it.",
}


def adopt(ids: AepIds, aep: AepClient, day: date, batch_id: str) -> list[LedgerRecord]:
    """Record that an active batch of this project is a load of ``day``; return the new records.

    The batch's ids are read from AEP. No record is written if the ledger lists the batch as active already.

    Raises:
        AmendmentRefused: AEP does not list the batch or does not report it as active, it is not a load of this day, or
            a run has another unfinished batch in AEP.
        CountMismatch: the number of rows in AEP's data lake differs from that in AEP's catalog.
    """
    history = ids.history
    found = aep.batches.find(batch_id)
    if found is None:
        raise AmendmentRefused(
            f"AEP does not list batch {batch_id}.", "Compare the id with the dataset in AEP."
        )
    _require_load_of(history, found, day)
    if classify_status(found.status) is not BatchState.ACTIVE:
        raise AmendmentRefused(
            f"AEP reports the status of batch {batch_id} as {found.status or 'nothing'}, not active.",
            "Only a batch that can be read from AEP's data lake can be adopted.",
        )
    before = history.ledger(day).records()
    if any(record.batch == batch_id for record in active_records(before)):
        return []
    _require_nothing_in_flight(aep, day, before, found)
    at = ids.clock.now().isoformat(timespec="seconds")
    history.bind(ids.pipeline.name, at)
    return ids.record_batches(day, [found])[len(before) :]


def release(ids: AepIds, aep: AepClient, day: date, batch_id: str) -> LedgerRecord:
    """Record that a batch of the ledger is gone, so that the next run loads its rows again.

    A data lake that cannot be read does not prevent this. A batch that AEP shows for another day or dataset has no rows
    of this day, and can always be released.

    Raises:
        AmendmentRefused: the ledger does not list the batch as active or in progress, or AEP's catalog or its data lake
            shows the batch, so that its rows would be duplicated.
    """
    ledger = ids.history.ledger(day)
    records = ledger.records()
    if batch_id not in batches_to_poll(records):
        raise AmendmentRefused(
            f"The ledger of partition {day} does not count on batch {batch_id}.",
            f"See mixpanel-aep ledger show {ids.pipeline.name} {day}.",
        )
    found = aep.batches.find(batch_id)
    is_of_day = found is None or found.dataset_id is None or is_load_of(ids.history, found, day)
    if found is not None and is_of_day and classify_status(found.status) not in _ENDED:
        raise AmendmentRefused(
            f"AEP reports the status of batch {batch_id} as {found.status or 'nothing'}; after a release, its "
            "rows would be duplicated.",
            _INSTEAD[classify_status(found.status)],
        )
    if is_of_day and (rows := _rows_shown(ids, batch_id)):
        raise AmendmentRefused(
            f"AEP's data lake shows {counted(rows, 'row')} of batch {batch_id}; after a release, its rows would be duplicated.",
            "The catalog may show the batch again later: wait, or contact Adobe about the batch.",
        )
    about = next(record for record in reversed(records) if record.batch == batch_id)
    return ids.record(ledger, records, "gone", batch_id, **about.row_fields())[-1]


def _require_nothing_in_flight(
    aep: AepClient, day: date, records: list[LedgerRecord], adopted: Batch
) -> None:
    """Check that no other batch of the day may become active: a run continues only the newest batch of the ledger."""
    unfinished = in_flight(records)
    if unfinished is None or unfinished.batch == adopted.id:
        return
    found = aep.batches.find(str(unfinished.batch))
    if may_become_active(unfinished, found):
        raise AmendmentRefused(
            f"A run has submitted batch {unfinished.batch} of partition {day} to AEP, and the ledger does not show its "
            "outcome.",
            "Run the day until AEP has decided that batch, or release it if AEP does not list it any more. Then try "
            "again.",
        )


def _rows_shown(ids: AepIds, batch_id: str) -> int:
    """Return the number of rows of a batch in AEP's data lake; 0 if the data lake cannot be read."""
    with suppress(LakeNotReadable):
        found = ids.reader.fingerprints(ids.dataset, EVER.start, EVER.end, batches=[batch_id])
        return sum(bucket.rows for bucket in found.values())
    return 0


def _require_load_of(history: History, batch: Batch, day: date) -> None:
    source = batch.tag(SOURCE_TAG)
    if not is_load_of(history, batch, day) or source not in (None, str(history.source)):
        what = (
            "of another producer"
            if not batch.is_of_this_project
            else f"of partition {batch.day or 'without a day'}"
        )
        raise AmendmentRefused(
            f"Batch {batch.id} is not a load of partition {day} into dataset {history.target.dataset_id}: it is {what} "
            f"in dataset {batch.dataset_id or 'without a name'}, from {source or 'a source that no tag names'}.",
            "Nothing was recorded. Compare the day and the batch id.",
        )
