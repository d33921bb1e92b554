"""Ingest: the staged files become one active AEP batch, exactly once, whatever was interrupted before.

``decide`` says what to do next; this step does it, writes it into the ledger, and asks again. It never waits for AEP:
when AEP is at work it says so, and whoever called looks again later.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import partial

from include.aep.client import AepClient
from include.aep.decide import Action, BatchOutlook, Decision, batch_in_question, decide, outlook
from include.errors import BatchFailed, Conflict, CountMismatch, RequestRefused, Terminal, Transient
from include.lake.ledger import Kind, Ledger, LedgerRecord
from include.lake.manifest import Manifest
from include.steps.workspace import Workspace

_PATIENCE_SECONDS = 20.0
_LOOK_SECONDS = 2.0
_MANY_DECISIONS = 20


@dataclass(frozen=True)
class Ingested:
    """The partition is at AEP. ``batch_id`` is None for an empty day, ``active`` the rows that AEP counts."""

    batch_id: str | None
    active: int
    again: bool
    """True when an earlier run had done it all."""


@dataclass(frozen=True)
class Watching:
    """AEP is at work on the batch; look again later. ``committed``: this look filled and completed it, so that AEP has
    just begun. Completing it once more does not count: a batch that stays open must not be watched for ever."""

    batch_id: str
    committed: bool = False


def ingest_partition(
    workspace: Workspace, staged: Manifest, aep: AepClient, dataset_id: str, run: str
) -> Ingested | Watching:
    """Takes the partition as far as it goes without waiting. Call it again after a while when it is ``Watching``.

    Raises:
        Conflict: another run is at work on this partition.
        BatchFailed: AEP refused the batch; a retry makes a new one.
        CountMismatch: AEP counts other rows than were staged.
    """
    work = _Ingest(workspace, staged, aep, dataset_id, run)
    again = True
    for _ in range(_MANY_DECISIONS):
        decision = work.decide()
        match decision.action:
            case Action.DONE:
                return Ingested(decision.batch, staged.rows, again)
            case Action.WATCH:
                return Watching(str(decision.batch), work.committed)
            case Action.CREATE if staged.rows == 0:
                work.record("empty")
            case Action.CREATE:
                work.create()
            case Action.UPLOAD:
                work.upload(str(decision.batch))
            case Action.COMPLETE:
                work.aep.batches.complete(str(decision.batch))
                return Watching(str(decision.batch), work.committed)
            case Action.RECORD:
                work.record_active(str(decision.batch))
            case Action.FAIL:
                work.fail(str(decision.batch))
            case Action.STOP:
                raise Terminal(
                    f"Partition {workspace.partition} of {workspace.pipeline.name} was not loaded: {decision.reason} "
                    f"(batch {decision.batch}).",
                    "Loading it again would send events twice. Revert that batch in AEP first, or leave it.",
                )
        again = False
    raise Conflict(f"Partition {workspace.partition} changes faster than this run can follow.", "Retry it.")


@dataclass
class _Ingest:
    workspace: Workspace
    staged: Manifest
    aep: AepClient
    dataset_id: str
    run: str

    def __post_init__(self) -> None:
        self.ledger = Ledger(self.workspace.lake, self.workspace.partition)
        self.records: list[LedgerRecord] = self.ledger.records()
        self.committed = False
        self._let_others_finish()

    def decide(self) -> Decision:
        """Asks AEP about the batch in question, and ``decide`` about the rest."""
        record = batch_in_question(self.records)
        batch = self.aep.batches.find(record.batch) if record and record.batch else None
        return decide(self.records, self.staged.content, batch.status if batch else None)

    def loaded(self) -> Manifest:
        """What the batch in question was made of: an earlier run's content, perhaps."""
        record = batch_in_question(self.records)
        staged = record.staged if record else self.staged.digest
        return self.staged if staged == self.staged.digest else self.workspace.require("stage", staged)

    def record(
        self, kind: Kind, batch: str | None = None, *, of: Manifest | None = None, **fields: object
    ) -> None:
        staged = of or self.staged
        self.records = self.ledger.append(
            self.records,
            kind,
            run=self.run,
            at=self.workspace.clock.now().isoformat(timespec="milliseconds"),
            content=staged.content,
            staged=staged.digest,
            batch=batch,
            **fields,
        )

    def create(self) -> None:
        """Claims the partition, then creates its batch, or adopts the one that a crashed run created."""
        if not (self.records and self.records[-1].kind == "claimed" and self.records[-1].run == self.run):
            self.record("claimed")
        external_id = self._external_id()
        alive = [
            batch.id
            for batch in self.aep.batches.find_by_external_id(self.dataset_id, external_id)
            if outlook(batch.status) in (BatchOutlook.OPEN, BatchOutlook.COMMITTED, BatchOutlook.ACTIVE)
        ]
        new = not alive
        tags = {
            "mixpanel-aep/pipeline": [self.workspace.pipeline.name],
            "mixpanel-aep/day": [str(self.workspace.partition)],
        }
        file_format = self.workspace.pipeline.aep.file_format
        if new:
            alive = [self.aep.batches.create(self.dataset_id, file_format, external_id, tags)]
        self.record("created", alive[0])
        if new:  # it is open; asking the catalog, which may not know it yet, could only delay it
            self.upload(alive[0])

    def upload(self, batch: str) -> None:
        """Sends every file under the name of its digest, so that sending it again changes nothing; then commits.

        Raises:
            Conflict: AEP takes no more files, because another run completed the batch or a person ended it.
        """
        try:
            self._send_files(batch)
            # The record comes first: from here on the batch may become active, whether or not we hear of it.
            self.record("completing", batch)
            self.aep.batches.complete(batch)
        except RequestRefused:
            if (overtaken := self._overtaken(batch)) is None:
                raise
            raise overtaken from None
        self.committed = True

    def _send_files(self, batch: str) -> None:
        with self.workspace.scratch() as scratch:
            paths = self.workspace.local_files(self.staged, scratch)
            for file, path in zip(self.staged.files, paths, strict=True):
                name = file.key.rsplit("/", 1)[1]
                opener = partial(io.FileIO, path)
                self.aep.batches.upload(batch, self.dataset_id, name, opener, file.bytes)

    def _overtaken(self, batch: str) -> Conflict | None:
        """Why AEP may refuse a batch that was open a moment ago."""
        partition = self.workspace.partition
        if len(self.ledger.records()) > len(self.records):
            return Conflict(
                f"Another run completed batch {batch} of partition {partition} meanwhile.",
                "Nothing was lost; this run finds it when it is retried.",
            )
        found = self.aep.batches.find(batch)
        if found is None or outlook(found.status) is not BatchOutlook.GONE:
            return None
        return Conflict(
            f"Somebody ended batch {batch} of partition {partition} in AEP while it was being filled.",
            "Nothing of it is visible; a new batch is made when this run is retried.",
        )

    def record_active(self, batch: str) -> None:
        found, loaded = self.aep.batches.find(batch), self.loaded()
        rows, failed = (found.output_records, found.failed_records) if found else (None, None)
        if rows is None:
            raise Transient(
                f"AEP says batch {batch} of partition {self.workspace.partition} succeeded, but not yet with how many rows.",
                "This run asks again when it is retried.",
            )
        if rows != loaded.rows or failed:
            raise CountMismatch(
                f"AEP says batch {batch} succeeded with {rows} rows and {failed or 0} failed ones, but "
                f"{loaded.rows} were staged for partition {self.workspace.partition}.",
                "Compare the batch's failed rows with the staged files; then revert the batch in AEP, and clear the task: "
                "the partition is loaded anew.",
            )
        self.record("active", batch, of=loaded, counts={"active": rows})

    def fail(self, batch: str) -> None:
        why, loaded, found = self.aep.batches.why_failed(batch), self.loaded(), self.aep.batches.find(batch)
        if found is not None and found.is_duplicate:
            # Not written down as failed: what follows such a record is a new batch of the same rows.
            raise self._refused(
                batch,
                why,
                "Its rows should be active in AEP under another batch: look there. No new batch is made of them, "
                "however often the task is cleared; ask Adobe if they are missing.",
            )
        self.record("failed", batch, of=loaded, note=why)
        if loaded.content == self.staged.content:  # else an earlier run's; this one's is still to come
            raise self._refused(
                batch,
                why,
                "Nothing of it is visible. Correct the mapping or the schema, then clear the task transform.",
            )

    def _refused(self, batch: str, why: str, hint: str) -> BatchFailed:
        return BatchFailed(f"AEP refused batch {batch} of partition {self.workspace.partition}: {why}.", hint)

    def _external_id(self) -> str:
        """The same for the same content, so that a batch whose id was lost in a crash is found again.

        The number tells attempts apart: AEP expects the id to be unique, and a refused batch keeps its own.
        """
        attempts = sum(
            record.kind == "created" and record.content == self.staged.content for record in self.records
        )
        partition = self.workspace.partition
        return f"mixpanel-aep-{partition.pipeline}-{partition}-{self.staged.content[:16]}-{attempts + 1}"

    def _let_others_finish(self) -> None:
        """Waits while another run's claim is moving. Taking it over too early is safe, merely impolite:
        the ledger fences the other run out at its next write."""
        waited = 0.0
        while self._others_claim() and waited < _PATIENCE_SECONDS:
            self.workspace.clock.sleep(_LOOK_SECONDS)
            waited += _LOOK_SECONDS
            seen, self.records = len(self.records), self.ledger.records()
            waited = 0.0 if len(self.records) > seen else waited

    def _others_claim(self) -> bool:
        last = self.records[-1] if self.records else None
        return last is not None and last.kind in ("claimed", "created") and last.run != self.run
