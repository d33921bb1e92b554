"""The batches of a partition that AEP holds and its ledger does not know: adopted, aborted, or a reason to stop."""

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
MAY_BECOME_ACTIVE = (BatchState.OPEN, BatchState.COMMITTED, BatchState.ACTIVE, BatchState.UNKNOWN)


@dataclass(frozen=True)
class OtherBatches:
    """Finds the batches that AEP holds and the ledger does not know, and decides what to do with them."""

    workspace: Workspace
    history: History
    aep: AepClient

    def seen(self, records: Sequence[LedgerRecord]) -> list[Batch]:
        """Return the batches of the partition that AEP shows now and that the ledger does not list as active or in flight."""
        # A batch that was gone, replaced or refused may be visible again: AEP may have reported it wrongly.
        named = [str(record.batch) for record in records if record.batch]
        day = self.workspace.partition.day
        return BatchListing(self.history, self.aep).batches(day, batches_to_poll(records), named)

    def visible(self, records: Sequence[LedgerRecord]) -> list[Batch]:
        """Return the batches of ``seen`` whose rows are in AEP or may appear there without a further record."""
        return [batch for batch in self.seen(records) if classify_status(batch.status) in _VISIBLE]

    def find_lost(self, seen: Sequence[Batch], load_id: LoadId, content: str) -> Batch | None:
        """Return a batch of exactly this content that is or may become active, and whose record was lost.

        An open batch is adopted only if it comes from this lake: another installation may be filling it.
        """
        for batch in seen:
            state, tagged = classify_status(batch.status), batch.tag(CONTENT_TAG)
            if not load_id.is_same_load(batch.load_id) or tagged not in (None, content):
                continue
            if state in (BatchState.COMMITTED, BatchState.ACTIVE) or (
                state is BatchState.OPEN and batch.tag(LAKE_TAG) == self.history.lake_id
            ):
                return batch
        return None

    def require_none(
        self, seen: Sequence[Batch], records: Sequence[LedgerRecord] = (), own: Batch | None = None
    ) -> None:
        """Stop if two batches of the partition are, or could become, active at the same time.

        A crash leaves an open batch from this lake that no record names: no run can complete it without a record, so it
        is aborted. Of an open batch from another lake and ``own``, the older one continues.
        """
        for batch in seen:
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
