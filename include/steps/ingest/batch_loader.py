"""The state of one load of a partition by a run (staged rows, ledger records), and operations on the ledger and AEP."""

from __future__ import annotations

from dataclasses import dataclass

from include.aep.batch_state import BatchState, classify_status
from include.aep.client import AepClient
from include.aep.load_id import LoadId
from include.aep.model import Batch
from include.lake.history import History
from include.lake.ledger import Kind, Ledger, LedgerRecord
from include.lake.ledger_state import active_records, batches_to_poll, refused_rows
from include.lake.manifest import LakeFile, Manifest
from include.steps.history.day_states import progress_of
from include.steps.ingest.claim import wait_for_other_claim
from include.steps.ingest.consistency import require_same_load
from include.steps.ingest.decide import Decision, LoadRequest, decide
from include.steps.ingest.other_batches import OtherBatches
from include.steps.stage.step import stage_partition
from include.steps.workspace import Workspace


@dataclass
class BatchLoader:
    """Loads the staged rows of one partition in one run: the state and the operations of ``ingest_partition``.

    ``staged``: the manifest of the rows to load. ``records``: the records of the day's ledger, as this run last read or
    wrote them. ``replace``: whether the load replaces the active batches.
    """

    workspace: Workspace
    history: History
    staged: Manifest
    aep: AepClient
    run: str
    replace: bool
    records: list[LedgerRecord]

    @classmethod
    def open(
        cls,
        workspace: Workspace,
        history: History,
        staged: Manifest,
        aep: AepClient,
        run: str,
        *,
        replace: bool,
    ) -> BatchLoader:
        """Read the day's ledger, and return the loader; wait a short time if another run has claimed the day."""
        records = history.ledger(workspace.partition.day).records()
        loader = cls(workspace, history, staged, aep, run, replace, records)
        if staged.inputs.get("history", history.target.digest) != history.target.digest:
            loader.restage()  # aep.dataset was changed: the excluded loads are those of another dataset
        loader.records = wait_for_other_claim(loader.ledger, loader.records, run, workspace.clock)
        return loader

    @property
    def ledger(self) -> Ledger:
        """The ledger of the day: the records of its loads into the dataset."""
        return self.history.ledger(self.workspace.partition.day)

    def decide(self) -> tuple[Decision, dict[str, str | None]]:
        """Request the statuses of the day's batches from AEP; return the next action, and the statuses by batch id.

        A status is None if AEP does not list the batch.
        """
        statuses: dict[str, str | None] = {}
        is_incomplete = self._is_incomplete()
        for batch in batches_to_poll(self.records):
            found = self.aep.batches.find(batch)
            if found is not None:
                record = self._require_same_load(found)
                # After a recovery, no record shows which rows of a batch were refused.
                is_recovered = record.kind == "active" and not record.counts.get("refused")
                is_incomplete |= is_recovered and bool(found.failed_records)
            statuses[batch] = found.status if found else None
        excluded = frozenset(self.staged.details.get("beside", ()))
        most = self.workspace.pipeline.quality.max_removed
        load_request = LoadRequest(
            self.staged.content, self.staged.rows, excluded, self.replace, is_incomplete, most
        )
        return decide(self.records, load_request, statuses), statuses

    def _is_incomplete(self) -> bool:
        """Return whether AEP lacks some of the active rows or has them twice.

        Then it is useful to replace the active rows even with the same content. This is the case if AEP refused rows
        that this run has not sent again, or if the last verification found lost or duplicate rows. Without ``replace``,
        return False.
        """
        from include.steps.verify.verified_days import read_verified

        active = active_records(self.records) if self.replace else []
        if active and refused_rows(active) and active[-1].run != self.run:
            return True
        found = read_verified(self.history).get(self.workspace.partition.day) if active else None
        if found is None or found.number < max(record.number for record in active):
            return False
        return bool(found.lost or found.duplicate)

    def is_alone(self) -> bool:
        """Check that AEP has no batch of the day that is not in the ledger.

        Return False if another run has written to the ledger since ``records`` was read; ``records`` is updated, and
        the caller has to decide again.

        Raises:
            UnknownBatch: AEP has a batch that is not in the ledger, and whose rows may be duplicates.
        """
        strays = self.others.unaccounted_visible(self.records)
        if strays and len(records := self.ledger.records()) > len(self.records):
            self.records = records
            return False
        self.others.require_none(strays, self.records)
        return True

    def _require_same_load(self, batch: Batch) -> LedgerRecord:
        """Return the newest record of ``batch``; raise ``LedgerContradicted`` if AEP shows another load for it."""
        record = next(record for record in reversed(self.records) if record.batch == batch.id)
        require_same_load(self.workspace, self.history, batch, record)
        return record

    def restage(self) -> None:
        """Run the stage step again, to exclude the rows that are active now; ``staged`` is replaced by the result."""
        valid = self.workspace.require("validate", self.staged.inputs["validate"])
        self.staged = stage_partition(self.workspace, valid, self.history, replace=self.replace)

    def expected_rows(self, batch: str) -> int:
        """Return the number of rows staged for a batch, possibly by an earlier run."""
        record = next(record for record in reversed(self.records) if record.batch == batch)
        if record.staged == self.staged.digest:
            return self.staged.rows
        if record.ids is not None:
            return record.ids.rows
        return self.workspace.require("stage", record.staged).rows

    def record(self, kind: Kind, batch: str | None = None, **fields: object) -> None:
        """Append a record of ``kind`` to the ledger.

        The fields that describe the rows are copied from the newest record of ``batch``; without one, they describe the
        staged rows. ``fields`` replaces individual fields.
        """
        before = next((r for r in reversed(self.records) if batch and r.batch == batch), None)
        about = before.row_fields() if before else _common_fields(self.staged)
        self.records = self.ledger.append(
            self.records,
            kind,
            run=self.run,
            at=self.workspace.clock.now().isoformat(timespec="milliseconds"),
            batch=batch,
            **{**about, **fields},
        )

    def mark_empty(self) -> None:
        """Record that the day has no rows to load, after a check that AEP has no batch of the day."""
        self.others.require_none(self.others.unaccounted(self.records), self.records)
        self.history.bind(
            self.workspace.pipeline.name, self.workspace.clock.now().isoformat(timespec="seconds")
        )
        refused = self._quarantined()
        self.record("empty", counts={"quarantined": refused} if refused else {})

    def _quarantined(self) -> int:
        """Return the number of the day's events that transform and validate wrote to quarantine."""
        valid = self.workspace.find("validate", self.staged.inputs["validate"])
        mapped = self.workspace.find("transform", valid.inputs["transform"]) if valid else None
        return sum(each.counts.get("quarantined", 0) for each in (valid, mapped) if each is not None)

    def repeat_newest_load(self) -> None:
        """Record the newest active batch again, if an unfinished or failed load follows it that is not needed any more.

        Otherwise the ledger would show permanently that a load is unfinished or has failed.
        """
        active = active_records(self.records)
        if active and progress_of(self.records) != "none":
            newest = active[-1]
            note = "no further rows have to be loaded"
            self.record("active", str(newest.batch), counts=newest.counts, note=note)

    @property
    def others(self) -> OtherBatches:
        """The search for batches of the day in AEP that are not in the ledger."""
        return OtherBatches(self.workspace, self.history, self.aep)

    def load_id(self, number: int) -> LoadId:
        """Return the ``externalId`` of the ``number``-th batch that is created for this load, counted from 1."""
        partition = self.workspace.partition
        return LoadId.of(
            partition.pipeline, partition.day, self.staged.content, number, replaces=self.replace
        )

    def abort(self, batch: str) -> None:
        """Abort an open batch in AEP that an earlier run created. That run can no longer write to the ledger."""
        found = self.aep.batches.find(batch)
        if found is not None and classify_status(found.status) is BatchState.OPEN:
            self._require_same_load(found)
            self.aep.batches.abort(batch)


def _common_fields(staged: Manifest) -> dict[str, object]:
    """Return the fields that describe staged rows in a ledger record."""
    ids = staged.details.get("ids")
    return {
        "content": staged.content,
        "staged": staged.digest,
        "ids": LakeFile.model_validate(ids) if ids else None,
        "recipe": staged.details.get("recipe", 1),
        "made_of": staged.details.get("made_of", {}),
    }
