"""Sweep: open batches that no run will ever fill are ended, so that they do not lie about in AEP for days."""

from __future__ import annotations

from datetime import datetime, timedelta

from include.aep.client import AepClient
from include.aep.decide import BatchState, classify_status, in_flight
from include.lake.history import History
from include.lake.lake import Lake
from include.lake.lake_id import LAKE_TAG

OLD_ENOUGH = timedelta(hours=6)
"""A run that created a batch a moment ago has not written so into its ledger yet."""


def abort_orphaned_batches(history: History, aep: AepClient, now: datetime) -> list[str]:
    """Abort the orphans among the dataset's batches; returns their ids.

    An orphan is open (nothing of it is visible, and nothing will be without COMPLETE), was created by this project,
    from this lake where the lake has an id, more than ``OLD_ENOUGH`` ago, and is not the batch that its partition's
    ledger is about.
    """
    swept = []
    for batch in aep.catalog.open_batches(history.target.dataset_id):
        is_old = batch.created_ms <= (now - OLD_ENOUGH).timestamp() * 1000
        from_here = batch.is_ours and batch.tag(LAKE_TAG) in (None, history.lake_id)
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
            swept.append(batch.id)
    return swept


def remove_unfinished_files(lake: Lake, now: datetime) -> int:
    """Removes what died half written from a folder lake; how many files."""
    return lake.remove_unfinished(now - OLD_ENOUGH)
