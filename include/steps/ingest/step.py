"""Load the staged rows of a day into AEP, each exactly once, also after earlier runs were interrupted.

In a loop, ``decide`` returns the next action, and the step executes the action and records it in the ledger. The step
never waits for AEP: while AEP processes a batch, the step returns the pending batch, and the caller polls later.
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
    """The result of a completed load.

    Attributes:
        batches: The ids of the day's active batches, oldest first; empty for an empty day.
        active: The number of rows in these batches.
        loaded: The number of staged rows.
        late: Whether other rows of the day were active before.
    """

    batches: tuple[str, ...]
    active: int
    loaded: int
    late: bool
    again: bool
    """Whether an earlier run had already completed the load."""
    refused: int = 0
    """The number of rows of the day that AEP refused; they are in quarantine, each with a reason."""
    listed: tuple[str, ...] = ()
    """One text for each batch that became active with errors: the batch, error codes and counts, without values."""

    @property
    def batch_id(self) -> str | None:
        """The id of the newest active batch; None for an empty day."""
        return self.batches[-1] if self.batches else None


@dataclass(frozen=True)
class PendingBatch:
    """A batch that AEP is still processing; the caller has to call ``ingest_partition`` again later.

    ``committed``: whether this call uploaded the files and completed the batch. It is False if the batch was only
    completed again, because a batch that stays open must not be polled forever.
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
    """Load the staged rows as far as possible without waiting; the caller repeats the call after ``PendingBatch``.

    Only rows that are not active are loaded, in a new batch; active rows are not changed. ``run`` identifies the run in
    the ledger. ``replace``: load all rows; AEP removes the old batches when the new batch is active. ``admit`` is
    called with the size of a batch in bytes before the batch is created; it raises ``Throttled`` if AEP's rate limits
    require a wait.

    Raises:
        Conflict: another run is processing this partition.
        BatchFailed: AEP refused the batch; a retry creates a new one.
        CountMismatch: the number of rows that AEP counts differs from the number of staged rows.
        BatchUnconfirmed: AEP does not confirm now that a batch of the ledger exists and is active.
        UnknownBatch: AEP has a batch of the partition that is not in the ledger.
        Terminal: the rows cannot be loaded without a decision by a person; the message has the reason.
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
                if committed:  # the catalog may not show a batch yet that was completed a moment ago
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
