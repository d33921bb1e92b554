"""Create the batch of a load in AEP under an unused ``externalId``, and upload the staged files."""

from __future__ import annotations

from include.aep.load_id import CONTENT_TAG, DAY_TAG, PIPELINE_TAG, RECIPE_TAG, SOURCE_TAG
from include.aep.model import Batch
from include.errors import AlreadyExists, Conflict
from include.lake.lake_id import LAKE_TAG
from include.lake.ledger_state import active_records, in_flight
from include.steps.ingest.batch_loader import BatchLoader
from include.steps.ingest.batch_upload import fill_batch, staged_files

_MOST_NUMBERS = 5
"""The number of ``externalId``s to try if AEP reports that an ``externalId`` is already used."""


def create_batch(work: BatchLoader) -> bool:
    """Record a claim of the partition, create its batch in AEP and upload the files.

    If a crashed run has created the batch already, that batch is recorded instead. Return whether this call completed a
    batch.

    Raises:
        UnknownBatch: AEP has a batch of the partition that is not in the ledger.
        OpenBatchElsewhere: another installation is uploading a batch of the partition.
    """
    superseded = in_flight(work.records)
    work.history.bind(work.workspace.pipeline.name, work.workspace.clock.now().isoformat(timespec="seconds"))
    if not (work.records and work.records[-1].kind == "claimed" and work.records[-1].run == work.run):
        work.record("claimed")
    if superseded is not None and superseded.kind == "created":
        work.abort(str(superseded.batch))
    replaces = tuple(str(record.batch) for record in active_records(work.records)) if work.replace else ()
    unaccounted = work.others.unaccounted(work.records)
    if (lost := work.others.find_lost(unaccounted, work.load_id(1), work.staged.content)) is not None:
        work.record("created", lost.id, replaces=replaces)
        return False
    work.others.require_none(unaccounted, work.records)
    # Read the files first, so that a changed file does not leave an open batch behind.
    with staged_files(work) as paths:
        batch, is_new = _open(work, replaces, unaccounted)
        work.record("created", batch, replaces=replaces)
        if is_new:  # upload now: the catalog may not list the new batch yet
            fill_batch(work, batch, paths)
    return is_new


def _open(work: BatchLoader, replaces: tuple[str, ...], unaccounted: list[Batch]) -> tuple[str, bool]:
    """Create a batch under an unused ``externalId``; return its id, and True if this call created it.

    False: the batch exists because the response to an earlier request was lost.
    """
    numbers = [batch.load_id.number for batch in unaccounted if work.load_id(1).is_same_load(batch.load_id)]  # type: ignore[union-attr]
    mine = [r for r in work.records if r.kind == "created" and r.content == work.staged.content]
    first = max([len(mine), *numbers]) + 1
    for number in range(first, first + _MOST_NUMBERS):
        try:
            return _create(work, number, replaces), True
        except AlreadyExists:
            # A request whose response was lost created a batch with this number. Adopt that batch, or try the next
            # number.
            unaccounted = work.others.unaccounted(work.records)
            if (lost := work.others.find_lost(unaccounted, work.load_id(1), work.staged.content)) is not None:
                return lost.id, False
    raise Conflict(
        f"AEP reports that the externalIds of partition {work.workspace.partition} are taken, up to number "
        f"{first + _MOST_NUMBERS - 1}.",
        "Another installation may be loading the day. Check the dataset's batches in AEP.",
    )


def _create(work: BatchLoader, number: int, replaces: tuple[str, ...]) -> str:
    tags = {
        PIPELINE_TAG: [work.workspace.pipeline.name],
        DAY_TAG: [str(work.workspace.partition)],
        SOURCE_TAG: [str(work.history.source)],
        RECIPE_TAG: [str(work.staged.details.get("recipe", 1))],
        CONTENT_TAG: [work.staged.content],
    }
    if work.history.lake_id is not None:
        tags[LAKE_TAG] = [work.history.lake_id]
    file_format = work.workspace.pipeline.aep.file_format
    dataset_id, external_id = work.history.target.dataset_id, str(work.load_id(number))
    return work.aep.batches.create(
        dataset_id,
        file_format,
        external_id,
        tags,
        replaces=replaces,
        error_threshold_percent=work.workspace.pipeline.aep.error_threshold_percent,
    )
