"""Upload the staged files to a batch, and complete the batch if no other batch of the day is open or active."""

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
    """Download the staged files, check their bytes and that all rows belong to the day, and yield the local paths.

    Raises:
        BadManifest: a staged file was changed, or has rows of another day.
    """
    with work.workspace.scratch() as scratch:
        paths = work.workspace.local_files(work.staged, scratch)
        require_rows_of_day(work.workspace, work.staged, paths)
        yield paths


def fill_batch(work: BatchLoader, batch: str, paths: list[Path]) -> None:
    """Upload all files to the batch, and complete it. A file is named by its digest, so a repeated upload is harmless.

    Raises:
        Conflict: AEP accepts no further files, because another run completed the batch or a person ended it.
        UnknownBatch: AEP has a batch of the partition that is not in the ledger.
    """
    try:
        _upload_files(work, batch, paths)
        _require_alone(work, batch)
        # Write the record first: after the request, the batch may become active even if the response is lost.
        work.record("completing", batch)
        work.aep.batches.complete(batch)
    except RequestRefused:
        if (overtaken := _refusal_reason(work, batch)) is None:
            raise
        raise overtaken from None


def _upload_files(work: BatchLoader, batch: str, paths: list[Path]) -> None:
    for file, path in zip(work.staged.files, paths, strict=True):
        # Name files by content: staged files may be files of transform and of validate with equal names.
        name = f"events-{file.sha256[:16]}{Path(file.key).suffix}"
        dataset_id = work.history.target.dataset_id
        work.aep.batches.upload(batch, dataset_id, name, partial(io.FileIO, path), file.bytes)


def _require_alone(work: BatchLoader, batch: str) -> None:
    """Check, before the batch is completed, that AEP has no other batch of the day; otherwise abort this batch."""
    unaccounted = work.others.unaccounted(work.records)
    others = [other for other in unaccounted if classify_status(other.status) in MAY_BECOME_ACTIVE]
    if not others:
        return
    try:
        work.others.require_none(others, work.records, work.aep.batches.find(batch))
    except (UnknownBatch, OpenBatchElsewhere):
        work.abort(batch)
        raise


def _refusal_reason(work: BatchLoader, batch: str) -> PipelineError | None:
    """Return the error that explains why AEP refused the upload to a batch; None if no explanation is found."""
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
