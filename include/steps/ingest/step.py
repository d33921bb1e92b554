"""Ingest: the staged rows become active in AEP, each exactly once, regardless of earlier interruptions.

``decide`` returns the next action; this step executes it, records it in the ledger, and decides again. It never waits
for AEP: while AEP is processing a batch, it returns that, and the caller polls later.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from include.aep.client import AepClient
from include.errors import Conflict, Terminal
from include.lake.history import History
from include.lake.ledger_state import active_records, refused_rows
from include.lake.manifest import Manifest
from include.steps.ingest.batch_creation import create_batch
from include.steps.ingest.batch_loader import BatchLoader
from include.steps.ingest.batch_outcome import record_active, record_failed, unconfirmed_batch_error
from include.steps.ingest.batch_upload import fill_batch, staged_files
from include.steps.ingest.decide import Action
from include.steps.workspace import Workspace

_MANY_DECISIONS = 20


@dataclass(frozen=True)
class IngestResult:
    """The partition is in AEP: ``active`` rows in ``batches``, oldest first; none for an empty day.

    ``loaded``: rows that were loaded for this staged content; ``late``: whether other rows were active before.
    """

    batches: tuple[str, ...]
    active: int
    loaded: int
    late: bool
    again: bool
    """True if an earlier run had completed the load."""
    refused: int = 0
    """Rows of the day that AEP has refused: in no active batch, each in quarantine with a reason."""
    listed: tuple[str, ...] = ()
    """Errors that AEP lists on batches that this run found active, by batch: codes and counts, no values."""

    @property
    def batch_id(self) -> str | None:
        """The newest active batch; None for an empty day."""
        return self.batches[-1] if self.batches else None


@dataclass(frozen=True)
class PendingBatch:
    """AEP is processing the batch; poll again later.

    ``committed``: this call filled and completed it, so that AEP has just started. Completing it a second time does not
    count: a batch that stays open must not be polled for ever.
    """

    batch_id: str
    committed: bool = False


def ingest_partition(
    workspace: Workspace,
    staged: Manifest,
    aep: AepClient,
    history: History,
    run: str,
    *,
    replace: bool = False,
    admit: Callable[[int], object] | None = None,
) -> IngestResult | PendingBatch:
    """Load the staged rows of a partition into AEP as far as that is possible without waiting.

    Rows that are active already stay as they are, and only the others are loaded, in a separate batch.

    Args:
        workspace: the pipeline, the day and the lake.
        staged: the output of stage.
        aep: the client for AEP.
        history: the ledgers of the pipeline's dataset.
        run: the name of the run, which the ledger records.
        replace: load all rows; AEP removes the active batches of the partition when the new batch is active.
        admit: called with the number of bytes of a batch before the batch is created; raises Throttled where AEP's
            guardrails require a wait.

    Returns:
        The result of the load, or a ``PendingBatch`` while AEP processes the batch: then call this function again later.

    Raises:
        Conflict: another run is processing this partition.
        BatchFailed: AEP refused the batch; a retry creates a new one.
        CountMismatch: AEP counts other rows than were staged.
        BatchUnconfirmed: AEP does not confirm now that a batch of the ledger exists and is active.
        UnknownBatch: AEP holds a batch of the partition that the ledger does not know.
    """
    work = BatchLoader.open(workspace, history, staged, aep, run, replace=replace)
    again, committed, listed = True, False, list[str]()
    for _ in range(_MANY_DECISIONS):
        decision, statuses = work.decide()
        batch = str(decision.batch)
        match decision.action:
            case Action.DONE:
                if not work.is_alone():
                    continue
                work.repeat_newest_load()
                return _ingested(work, listed, again=again)
            case Action.WATCH:
                return PendingBatch(batch, committed)
            case Action.CONFIRM:
                if committed:  # the catalog may lag behind a batch that was completed a moment ago
                    return PendingBatch(batch, committed=True)
                raise unconfirmed_batch_error(workspace, batch, statuses[batch])
            case Action.MARK_EMPTY:
                work.mark_empty()
            case Action.MARK_GONE:
                work.record("gone", batch, note="reverted in AEP")
            case Action.RESTAGE:
                work.restage()
            case Action.CREATE:
                if admit is not None:
                    admit(sum(file.bytes for file in work.staged.files))
                committed = create_batch(work) or committed
            case Action.UPLOAD:
                with staged_files(work) as paths:
                    fill_batch(work, batch, paths)
                committed = True
            case Action.COMPLETE:
                work.aep.batches.complete(batch)
                return PendingBatch(batch, committed)
            case Action.RECORD:
                listed += record_active(work, batch)
            case Action.FAIL:
                record_failed(work, batch)
            case Action.STOP:
                raise Terminal(
                    f"Partition {workspace.partition} of {workspace.pipeline.name} was not loaded: {decision.reason} "
                    f"(batch {batch}).",
                    decision.hint,
                )
        again = again and decision.action in (Action.RESTAGE, Action.MARK_GONE)
    raise Conflict(
        f"Partition {workspace.partition} did not converge after repeated decisions; another run may be active.",
        "Wait until the other run has ended, then retry.",
    )


def _ingested(work: BatchLoader, listed: Sequence[str], *, again: bool) -> IngestResult:
    active = active_records(work.records)
    return IngestResult(
        tuple(str(record.batch) for record in active),
        sum(record.counts["active"] for record in active),
        work.staged.rows,
        bool(work.staged.details.get("beside")),
        again,
        refused_rows(work.records),
        tuple(listed),
    )
