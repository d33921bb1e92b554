"""The batches of a partition that AEP holds and its ledger does not know: adopted, aborted, or a reason to stop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from include.aep.client import AepClient
from include.aep.decide import BatchOutlook, in_question, outlook
from include.aep.load_id import CONTENT_TAG, LoadId
from include.aep.model import Batch
from include.aep.witness import Witness
from include.errors import OpenBatchElsewhere, UnknownBatch
from include.lake.history import History
from include.lake.lake_id import LAKE_TAG
from include.lake.ledger import LedgerRecord
from include.steps.workspace import Workspace

MAY_BECOME_ACTIVE = (BatchOutlook.OPEN, BatchOutlook.COMMITTED, BatchOutlook.ACTIVE, BatchOutlook.UNKNOWN)


@dataclass(frozen=True)
class OtherBatches:
    """Looks for them, and says what follows."""

    workspace: Workspace
    history: History
    aep: AepClient

    def seen(self, records: Sequence[LedgerRecord]) -> list[Batch]:
        """The partition's batches that the ledger does not count on, as AEP shows them now."""
        # One that was gone, replaced or refused may be there again: AEP may have been wrong about it.
        return Witness(self.history, self.aep).batches(self.workspace.partition.day, in_question(records))

    def find_lost(self, seen: Sequence[Batch], wanted: LoadId, content: str) -> Batch | None:
        """A batch of this very content that may be or become active, and whose record was lost.

        An open one is adopted only where it comes from this lake: another installation may be filling it.
        """
        for batch in seen:
            state, tagged = outlook(batch.status), batch.tag(CONTENT_TAG)
            if not wanted.is_same_load(batch.load_id) or tagged not in (None, content):
                continue
            if state in (BatchOutlook.COMMITTED, BatchOutlook.ACTIVE) or (
                state is BatchOutlook.OPEN and batch.tag(LAKE_TAG) == self.history.lake_id
            ):
                return batch
        return None

    def require_none(self, seen: Sequence[Batch], own: Batch | None = None) -> None:
        """Stop before two batches of the partition can be active at once.

        An open batch from this lake that no record names is an orphan of a crash: no run can complete it without a
        record, so it is aborted. Of an open batch from elsewhere and ``own`` the older one continues.
        """
        for batch in seen:
            state = outlook(batch.status)
            if state not in MAY_BECOME_ACTIVE:
                continue
            if state is BatchOutlook.OPEN:
                if self.history.lake_id is not None and batch.tag(LAKE_TAG) == self.history.lake_id:
                    self.aep.batches.abort(batch.id)
                    continue
                if own is not None and (own.created_ms, own.id) < (batch.created_ms, batch.id):
                    continue
                raise OpenBatchElsewhere(
                    f"AEP has an open batch {batch.id} of partition {self.workspace.partition} that this lake does "
                    "not know: another installation is loading the day, or a run on another lake ended in a crash.",
                    "Make sure that only one installation loads into this dataset; abort the batch in AEP if no run "
                    "is filling it. Nothing of it is visible yet.",
                )
            raise UnknownBatch(
                f"AEP holds batch {batch.id} ({batch.status or 'without a status'}) of partition "
                f"{self.workspace.partition}, which the ledger in {self.workspace.lake.url} does not know: it was "
                "loaded from another lake, or this lake is an older copy.",
                f"Nothing was loaded. Correct the lake's address; or read the ledger back from AEP: mixpanel-aep "
                f"recover {self.workspace.pipeline.name} {self.workspace.partition}; or this batch alone: mixpanel-aep "
                f"ledger adopt {self.workspace.pipeline.name} {self.workspace.partition} --batch {batch.id} --why TEXT.",
            )
