"""Ingest: the staged rows become active at AEP, each exactly once, whatever was interrupted before.

``decide`` says what to do next; this step does it, writes it into the ledger, and asks again. It never waits for AEP:
when AEP is at work it says so, and whoever called looks again later.
"""

from __future__ import annotations

from dataclasses import dataclass

from include.aep.client import AepClient
from include.aep.decide import Action, active_records, refused_rows
from include.errors import Conflict, Terminal
from include.lake.history import History
from include.lake.manifest import Manifest
from include.steps.ingest.batch_loader import BatchLoader
from include.steps.ingest.batch_outcome import record_active, record_failed, unconfirmed
from include.steps.workspace import Workspace

_MANY_DECISIONS = 20


@dataclass(frozen=True)
class IngestResult:
    """The partition is at AEP: ``active`` rows in ``batches``, oldest first; none for an empty day.

    ``loaded``: rows that were loaded for this staged content; ``late``: whether beside rows that were there already.
    """

    batches: tuple[str, ...]
    active: int
    loaded: int
    late: bool
    again: bool
    """True when an earlier run had done it all."""
    refused: int = 0
    """Rows of the day that AEP has refused: in no active batch, each in quarantine with a reason."""
    listed: tuple[str, ...] = ()
    """Errors that AEP lists on batches that this run found active, by batch: codes and counts, no values."""

    @property
    def batch_id(self) -> str | None:
        """The newest batch."""
        return self.batches[-1] if self.batches else None


@dataclass(frozen=True)
class PendingBatch:
    """AEP is at work on the batch; look again later. ``committed``: this look filled and completed it, so that AEP has
    just begun. Completing it once more does not count: a batch that stays open must not be watched for ever."""

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
) -> IngestResult | PendingBatch:
    """Takes the partition as far as it goes without waiting. Call it again after a while when it is ``PendingBatch``.

    Rows that are active already stay as they are, and only the others are loaded, in a batch of their own. ``replace``:
    all rows are loaded, and AEP takes the batches that are active out when the new one is in.

    Raises:
        Conflict: another run is at work on this partition.
        BatchFailed: AEP refused the batch; a retry makes a new one.
        CountMismatch: AEP counts other rows than were staged.
        BatchUnconfirmed: AEP does not confirm now that a batch of the ledger exists and is active.
        UnknownBatch: AEP holds a batch of the partition that the ledger does not know.
    """
    work = BatchLoader.open(workspace, history, staged, aep, run, replace=replace)
    again = True
    for _ in range(_MANY_DECISIONS):
        decision = work.decide()
        batch = str(decision.batch)
        match decision.action:
            case Action.DONE:
                if not work.is_alone():
                    continue
                work.settle()
                return _ingested(work, again)
            case Action.WATCH:
                return PendingBatch(batch, work.committed)
            case Action.CONFIRM:
                if work.committed:  # the catalog may lag behind a batch that was completed a moment ago
                    return PendingBatch(batch, committed=True)
                raise unconfirmed(workspace, batch, work.statuses[batch])
            case Action.MARK_EMPTY:
                work.mark_empty()
            case Action.MARK_GONE:
                work.record("gone", batch, note="taken back in AEP")
            case Action.RESTAGE:
                work.restage()
            case Action.CREATE:
                work.create()
            case Action.UPLOAD:
                work.upload(batch)
            case Action.COMPLETE:
                work.aep.batches.complete(batch)
                return PendingBatch(batch, work.committed)
            case Action.RECORD:
                record_active(work, batch)
            case Action.FAIL:
                record_failed(work, batch)
            case Action.STOP:
                raise Terminal(
                    f"Partition {workspace.partition} of {workspace.pipeline.name} was not loaded: {decision.reason} "
                    f"(batch {batch}).",
                    decision.hint,
                )
        again = again and decision.action in (Action.RESTAGE, Action.MARK_GONE)
    raise Conflict(f"Partition {workspace.partition} changes faster than this run can follow.", "Retry it.")


def _ingested(work: BatchLoader, again: bool) -> IngestResult:
    active = active_records(work.records)
    return IngestResult(
        tuple(str(record.batch) for record in active),
        sum(record.counts["active"] for record in active),
        work.staged.rows,
        bool(work.staged.details.get("beside")),
        again,
        refused_rows(work.records),
        tuple(work.listed),
    )
