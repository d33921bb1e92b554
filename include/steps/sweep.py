"""Sweep: open batches that no run will ever fill are ended, so that they do not lie about in AEP for days."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta

from include.aep.client import AepClient
from include.aep.decide import BatchOutlook, in_flight, outlook
from include.config.model import Pipeline
from include.lake.keys import PartitionKey
from include.lake.lake import Lake
from include.lake.ledger import Ledger
from include.steps.attempt import external_id_prefix

OLD_ENOUGH = timedelta(hours=6)
"""A run that created a batch a moment ago has not written so into its ledger yet."""


def sweep_batches(
    lake: Lake, pipeline: Pipeline, aep: AepClient, dataset_id: str, now: datetime
) -> list[str]:
    """Aborts the pipeline's orphans; returns their ids.

    An orphan is open (nothing of it is visible, and nothing will be without COMPLETE), carries an ``externalId`` of
    this pipeline, is older than ``OLD_ENOUGH``, and is not the batch that its partition's ledger is about.
    """
    swept = []
    for batch in aep.catalog.open_batches(dataset_id):
        partition = _partition_of(pipeline, batch.external_id or "")
        is_old = batch.created_ms <= (now - OLD_ENOUGH).timestamp() * 1000
        if partition is None or not is_old or outlook(batch.status) is not BatchOutlook.OPEN:
            continue
        flying = in_flight(Ledger(lake, partition).records())
        if flying is None or flying.batch != batch.id:
            aep.batches.abort(batch.id)
            swept.append(batch.id)
    return swept


def sweep_lake(lake: Lake, now: datetime) -> int:
    """Removes what died half written from a folder lake; how many files."""
    return lake.remove_unfinished(now - OLD_ENOUGH)


def _partition_of(pipeline: Pipeline, external_id: str) -> PartitionKey | None:
    match = re.search(r"-(\d{4}-\d{2}-\d{2})-[0-9a-f]{16}-\d+r?\Z", external_id)
    if match is None:
        return None
    try:
        partition = PartitionKey(pipeline.name, date.fromisoformat(match[1]))
    except ValueError:
        return None
    return partition if external_id.startswith(external_id_prefix(partition)) else None
