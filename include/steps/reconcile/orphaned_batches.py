"""Abort open batches that no run will continue, so that they do not stay in AEP for days."""

from __future__ import annotations

from datetime import datetime, timedelta

from include.aep.batch_state import BatchState, classify_status
from include.aep.client import AepClient
from include.lake.history import History
from include.lake.lake import Lake
from include.lake.lake_id import LAKE_TAG
from include.lake.ledger_state import in_flight

OLD_ENOUGH = timedelta(hours=6)
"""Only older batches and files are removed: a run may not have recorded a batch in its ledger yet."""


def abort_orphaned_batches(history: History, aep: AepClient, now: datetime) -> list[str]:
    """Abort the orphaned batches of the dataset; return their ids.

    A batch is orphaned if it is open (its rows become visible only after COMPLETE), was created by this project more
    than ``OLD_ENOUGH`` ago, and is not in progress according to the ledger of its partition. If the lake has an id,
    batches of other lakes are not aborted.
    """
    aborted = []
    for batch in aep.catalog.open_batches(history.target.dataset_id):
        is_old = batch.created_ms <= (now - OLD_ENOUGH).timestamp() * 1000
        from_here = batch.is_of_this_project and batch.tag(LAKE_TAG) in (None, history.lake_id)
        if (
            not from_here
            or batch.day is None
            or not is_old
            or classify_status(batch.status) is not BatchState.OPEN
        ):
            continue
        flying = in_flight(history.ledger(batch.day).records())
        if flying is None or flying.batch != batch.id:
            aep.batches.abort(batch.id)
            aborted.append(batch.id)
    return aborted


def remove_unfinished_files(lake: Lake, now: datetime) -> int:
    """Remove partly written files of crashed processes from a folder lake; return their number."""
    return lake.remove_unfinished(now - OLD_ENOUGH)
