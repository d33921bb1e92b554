"""Find the batches of a partition in AEP that are not in its ledger: adopt them, abort them, or raise an error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from include.aep.batch_listing import BatchListing
from include.aep.batch_state import BatchState, classify_status
from include.aep.client import AepClient
from include.aep.load_id import CONTENT_TAG, LoadId
from include.aep.model import Batch
from include.errors import OpenBatchElsewhere, UnknownBatch
from include.lake.history import History
from include.lake.lake_id import LAKE_TAG
from include.lake.ledger import LedgerRecord
from include.lake.ledger_state import batches_to_poll
from include.steps.workspace import Workspace

_VISIBLE = (BatchState.COMMITTED, BatchState.ACTIVE, BatchState.UNKNOWN)
"""The states in which rows are visible in AEP, or may become visible without a further request."""
MAY_BECOME_ACTIVE = (BatchState.OPEN, BatchState.COMMITTED, BatchState.ACTIVE, BatchState.UNKNOWN)
"""The states in which a batch is active or may still become active, including that of an undocumented status."""


@dataclass(frozen=True)
class OtherBatches:
    """Finds the batches of a partition in AEP that its ledger does not list as active or in progress.

    Such a batch was created by a crashed run, by another installation, or through a lost lake. It is adopted, aborted,
    or reported as an error.
    """

    workspace: Workspace
    history: History
    aep: AepClient

    def unaccounted(self, records: Sequence[LedgerRecord]) -> list[Batch]:
        """Return the partition's batches in AEP that the ledger does not list as active or in progress."""
        # Include batches that were recorded as gone, replaced or refused: AEP may show them as active again.
        named = [str(record.batch) for record in records if record.batch]
        day = self.workspace.partition.day
        return BatchListing(self.history, self.aep).batches(day, batches_to_poll(records), named)

    def unaccounted_visible(self, records: Sequence[LedgerRecord]) -> list[Batch]:
        """Return the batches of ``unaccounted()`` whose rows are or may become visible without a further request."""
        return [batch for batch in self.unaccounted(records) if classify_status(batch.status) in _VISIBLE]

    def find_lost(self, unaccounted: Sequence[Batch], load_id: LoadId, content: str) -> Batch | None:
        """Return a batch with the content ``content`` whose ledger record was lost, so that it can be adopted.

        ``unaccounted``: the batches that the ledger does not list. Return None if none of them can be adopted. An open
        batch is returned only if it was created from this lake: another installation may still upload to it.
        """
        for batch in unaccounted:
            state, tagged = classify_status(batch.status), batch.tag(CONTENT_TAG)
            if not load_id.is_same_load(batch.load_id) or tagged not in (None, content):
                continue
            if state in (BatchState.COMMITTED, BatchState.ACTIVE) or (
                state is BatchState.OPEN and batch.tag(LAKE_TAG) == self.history.lake_id
            ):
                return batch
        return None

    def require_none(
        self, unaccounted: Sequence[Batch], records: Sequence[LedgerRecord] = (), own: Batch | None = None
    ) -> None:
        """Check that no batch of ``unaccounted`` (batches that the ledger does not list) is or may become active.

        An open batch that was created from this lake was left by a crash, and is aborted. An open batch from another
        lake is accepted if ``own``, the batch of this load, is older.

        Raises:
            UnknownBatch: a batch is active or being processed; its rows may be duplicates.
            OpenBatchElsewhere: another installation has an open batch of the partition.
        """
        for batch in unaccounted:
            state = classify_status(batch.status)
            if state not in MAY_BECOME_ACTIVE or (state is BatchState.OPEN and batch.day is None):
                continue
            if state is BatchState.OPEN:
                if self.history.lake_id is not None and batch.tag(LAKE_TAG) == self.history.lake_id:
                    self.aep.batches.abort(batch.id)
                    continue
                if own is not None and (own.created_ms, own.id) < (batch.created_ms, batch.id):
                    continue
                raise OpenBatchElsewhere(
                    f"AEP has an open batch {batch.id} of partition {self.workspace.partition} that this lake does "
                    "not know: another installation is loading the day, or a run on another lake crashed.",
                    "Make sure that only one installation loads into this dataset. Abort the batch in AEP if no run "
                    "is filling it. None of the batch's rows are visible yet.",
                )
            raise self._unknown_batch_error(batch, records)

    def _unknown_batch_error(self, batch: Batch, records: Sequence[LedgerRecord]) -> UnknownBatch:
        pipeline, day, status = (
            self.workspace.pipeline.name,
            self.workspace.partition,
            batch.status or "nothing",
        )
        adopt = f"mixpanel-aep ledger adopt {pipeline} {day} --batch {batch.id} --why TEXT"
        if batch.day is None:
            return UnknownBatch(
                f"AEP holds batch {batch.id} ({status}), whose externalId has this project's prefix but names no day: "
                f"its rows may belong to any day of pipeline {pipeline}.",
                f"Nothing was loaded. mixpanel-aep verify {pipeline} reports which of its rows are duplicates. Revert the "
                "batch in AEP, and load other rows under an externalId that does not start with mixpanel-aep-.",
            )
        if (record := next((r for r in reversed(records) if r.batch == batch.id), None)) is not None:
            was = {"failed": "failed", "gone": "gone", "active": "replaced"}.get(record.kind, "given up")
            return UnknownBatch(
                f"Record {record.number} of the ledger of partition {day} marks batch {batch.id} as {was}, but AEP now "
                f"reports it as {status}.",
                f"Nothing was loaded. Its rows may be duplicates: revert it in AEP. If they are not: {adopt}.",
            )
        return UnknownBatch(
            f"AEP holds batch {batch.id} ({status}) of partition {day}, which the ledger in "
            f"{self.workspace.lake.url} does not contain: it was loaded from another lake, or this lake is an older copy.",
            f"Nothing was loaded. Correct the lake's address, or read the ledger from AEP: mixpanel-aep recover "
            f"{pipeline} {day}; or only this batch: {adopt}.",
        )
