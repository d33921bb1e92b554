"""Fills a batch with the staged files, and completes it if no other batch of the day is open or active."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from include.aep.batch_state import BatchState, classify_status
from include.errors import (
    BatchUnconfirmed,
    Conflict,
    OpenBatchElsewhere,
    PipelineError,
    RequestRefused,
    UnknownBatch,
)
from include.steps.ingest.batch_loader import BatchLoader
from include.steps.ingest.consistency import require_rows_of_day
from include.steps.ingest.other_batches import MAY_BECOME_ACTIVE


@contextmanager
def staged_files(work: BatchLoader) -> Iterator[list[Path]]:
    """Yield the staged files on local disk, with verified bytes and rows of the day alone.

    Raises:
        BadManifest: a staged file was changed, or has rows of another day.
    """
    with work.workspace.scratch() as scratch:
        paths = work.workspace.local_files(work.staged, scratch)
        require_rows_of_day(work.workspace, work.staged, paths)
        yield paths


def fill_batch(work: BatchLoader, batch: str, paths: list[Path]) -> None:
    """Send every file under its digest, so that sending it again changes nothing; then complete the batch.

    Raises:
        Conflict: AEP accepts no further files, because another run completed the batch or a person ended it.
        UnknownBatch: AEP holds a batch of the partition that the ledger does not know.
    """
    try:
        _upload_files(work, batch, paths)
        _require_alone(work, batch)
        # The record comes first: from here on the batch may become active, with or without a response.
        work.record("completing", batch)
        work.aep.batches.complete(batch)
    except RequestRefused:
        if (overtaken := _refusal_reason(work, batch)) is None:
            raise
        raise overtaken from None


def _upload_files(work: BatchLoader, batch: str, paths: list[Path]) -> None:
    for file, path in zip(work.staged.files, paths, strict=True):
        # By content: a staged file may belong to transform or to validate, whose names may be equal.
        name = f"events-{file.sha256[:16]}{Path(file.key).suffix}"
        dataset_id = work.history.target.dataset_id
        work.aep.batches.upload(batch, dataset_id, name, partial(io.FileIO, path), file.bytes)


def _require_alone(work: BatchLoader, batch: str) -> None:
    """Check between the upload and COMPLETE that no other batch of the day is open or active; otherwise abort this batch."""
    seen = work.others.seen(work.records)
    others = [other for other in seen if classify_status(other.status) in MAY_BECOME_ACTIVE]
    if not others:
        return
    try:
        work.others.require_none(others, work.records, work.aep.batches.find(batch))
    except (UnknownBatch, OpenBatchElsewhere):
        work.abort(batch)
        raise


def _refusal_reason(work: BatchLoader, batch: str) -> PipelineError | None:
    """Return the reason why AEP may refuse the upload to a batch that was open shortly before."""
    partition = work.workspace.partition
    if len(work.ledger.records()) > len(work.records):
        return Conflict(
            f"Another run completed batch {batch} of partition {partition} concurrently.",
            "Nothing was lost. A retry of this run finds the batch.",
        )
    found = work.aep.batches.find(batch)
    if found is not None and classify_status(found.status) is BatchState.UNKNOWN:
        return BatchUnconfirmed(
            f"AEP reports an undocumented status, {found.status or 'nothing'}, for batch {batch} of partition "
            f"{partition} and did not accept its completion.",
            "A retry of this run requests the status again. If it stays so for a day, contact Adobe about the batch.",
        )
    if found is None or classify_status(found.status) is not BatchState.GONE:
        return None
    return Conflict(
        f"Batch {batch} of partition {partition} was ended in AEP during the upload.",
        "None of the batch's rows are visible. A retry of this run creates a new batch.",
    )
