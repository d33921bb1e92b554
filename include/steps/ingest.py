"""Ingest: the staged rows become active at AEP, each exactly once, whatever was interrupted before.

``decide`` says what to do next; this step does it, writes it into the ledger, and asks again. It never waits for AEP:
when AEP is at work it says so, and whoever called looks again later.
"""

from __future__ import annotations

import io
import json
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from include.aep.client import AepClient
from include.aep.decide import (
    Action,
    BatchOutlook,
    Decision,
    Wanted,
    decide,
    in_flight,
    in_question,
    loads,
    outlook,
)
from include.errors import (
    AccessDenied,
    BatchFailed,
    Conflict,
    CountMismatch,
    RequestRefused,
    ServiceUnavailable,
    Terminal,
    Throttled,
    Transient,
)
from include.lake.keys import PartitionKey
from include.lake.ledger import Kind, Ledger, LedgerRecord
from include.lake.manifest import Manifest
from include.steps.jsonl import gzip_writer
from include.steps.stage import stage_partition
from include.steps.workspace import Workspace

_PATIENCE_SECONDS = 20.0
_LOOK_SECONDS = 2.0
_MANY_DECISIONS = 20


@dataclass(frozen=True)
class Ingested:
    """The partition is at AEP: ``active`` rows in ``batches``, oldest first; none for an empty day.

    ``loaded``: rows that were loaded for this staged content; ``late``: whether beside rows that were there already.
    """

    batches: tuple[str, ...]
    active: int
    loaded: int
    late: bool
    again: bool
    """True when an earlier run had done it all."""

    @property
    def batch_id(self) -> str | None:
        """The newest batch."""
        return self.batches[-1] if self.batches else None


@dataclass(frozen=True)
class Watching:
    """AEP is at work on the batch; look again later. ``committed``: this look filled and completed it, so that AEP has
    just begun. Completing it once more does not count: a batch that stays open must not be watched for ever."""

    batch_id: str
    committed: bool = False


def ingest_partition(
    workspace: Workspace,
    staged: Manifest,
    aep: AepClient,
    dataset_id: str,
    run: str,
    *,
    replace: bool = False,
) -> Ingested | Watching:
    """Takes the partition as far as it goes without waiting. Call it again after a while when it is ``Watching``.

    Rows that are active already stay as they are, and only the others are loaded, in a batch of their own. ``replace``:
    all rows are loaded, and AEP takes the batches that are active out when the new one is in.

    Raises:
        Conflict: another run is at work on this partition.
        BatchFailed: AEP refused the batch; a retry makes a new one.
        CountMismatch: AEP counts other rows than were staged.
    """
    work = _Ingest(workspace, staged, aep, dataset_id, run, replace)
    again = True
    for _ in range(_MANY_DECISIONS):
        decision = work.decide()
        batch = str(decision.batch)
        match decision.action:
            case Action.DONE:
                return work.ingested(again)
            case Action.WATCH:
                return Watching(batch, work.committed)
            case Action.MARK_EMPTY:
                work.record("empty")
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
                return Watching(batch, work.committed)
            case Action.RECORD:
                work.record_active(batch)
            case Action.FAIL:
                work.fail(batch)
            case Action.STOP:
                raise Terminal(
                    f"Partition {workspace.partition} of {workspace.pipeline.name} was not loaded: {decision.reason} "
                    f"(batch {batch}).",
                    "Read the report of the task validate; to empty the day, revert that batch in AEP.",
                )
        again = again and decision.action in (Action.RESTAGE, Action.MARK_GONE)
    raise Conflict(f"Partition {workspace.partition} changes faster than this run can follow.", "Retry it.")


def external_id_prefix(partition: PartitionKey) -> str:
    """How the ``externalId`` of every batch of a partition begins."""
    return f"mixpanel-aep-{partition.pipeline}-{partition}-"


@dataclass
class _Ingest:
    workspace: Workspace
    staged: Manifest
    aep: AepClient
    dataset_id: str
    run: str
    replace: bool = False

    def __post_init__(self) -> None:
        self.ledger = Ledger(self.workspace.lake, self.workspace.partition)
        self.records: list[LedgerRecord] = self.ledger.records()
        self.committed = False
        self._let_others_finish()

    def decide(self) -> Decision:
        """Asks AEP about the batches in question, and ``decide`` about the rest."""
        statuses: dict[str, str | None] = {}
        for batch in in_question(self.records):
            found = self.aep.batches.find(batch)
            statuses[batch] = found.status if found else None
        beside = frozenset(self.staged.details.get("beside", ()))
        return decide(
            self.records, Wanted(self.staged.content, self.staged.rows, beside, self.replace), statuses
        )

    def ingested(self, again: bool) -> Ingested:
        active = loads(self.records)
        return Ingested(
            tuple(str(record.batch) for record in active),
            sum(record.counts["active"] for record in active),
            self.staged.rows,
            bool(self.staged.details.get("beside")),
            again,
        )

    def restage(self) -> None:
        """Stages again, beside what is active by now."""
        valid = self.workspace.require("validate", self.staged.inputs["validate"])
        self.staged = stage_partition(self.workspace, valid, replace=self.replace)

    def loaded(self, batch: str) -> Manifest:
        """What a batch was made of: an earlier run's content, perhaps."""
        staged = next(record.staged for record in reversed(self.records) if record.batch == batch)
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
        superseded = in_flight(self.records)
        if not (self.records and self.records[-1].kind == "claimed" and self.records[-1].run == self.run):
            self.record("claimed")
        if superseded is not None and superseded.kind == "created":
            self._abort(str(superseded.batch))
        external_id = self._external_id()
        alive = [
            batch.id
            for batch in self.aep.batches.find_by_external_id(self.dataset_id, external_id)
            if outlook(batch.status) in (BatchOutlook.OPEN, BatchOutlook.COMMITTED, BatchOutlook.ACTIVE)
        ]
        new = not alive
        replaces = tuple(str(record.batch) for record in loads(self.records)) if self.replace else ()
        if new:
            tags = {
                "mixpanel-aep/pipeline": [self.workspace.pipeline.name],
                "mixpanel-aep/day": [str(self.workspace.partition)],
            }
            file_format = self.workspace.pipeline.aep.file_format
            alive = [
                self.aep.batches.create(self.dataset_id, file_format, external_id, tags, replaces=replaces)
            ]
        self.record("created", alive[0], replaces=replaces)
        if new:  # it is open; asking the catalog, which may not know it yet, could only delay it
            self.upload(alive[0])

    def _abort(self, batch: str) -> None:
        """Ends an open batch of other content. Its run cannot complete it any more: this run's claim fences it out."""
        found = self.aep.batches.find(batch)
        if found is not None and outlook(found.status) is BatchOutlook.OPEN:
            self.aep.batches.abort(batch)

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
        found, loaded = self.aep.batches.find(batch), self.loaded(batch)
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
        replaces = next(
            r.replaces for r in reversed(self.records) if r.batch == batch and r.kind == "created"
        )
        self._require_gone(batch, replaces)
        self.record("active", batch, of=loaded, replaces=replaces, counts={"active": rows})

    def _require_gone(self, batch: str, replaced: tuple[str, ...]) -> None:
        """While AEP still shows what a batch takes the place of, every row of it is there twice."""
        for other in replaced:
            found = self.aep.batches.find(other)
            if found is not None and outlook(found.status) is not BatchOutlook.GONE:
                raise Transient(
                    f"AEP still has batch {other} of partition {self.workspace.partition} as {found.status}, which "
                    f"batch {batch} replaces.",
                    "This run looks again when it is retried; if it stays so, revert the older batch in AEP.",
                )

    def fail(self, batch: str) -> None:
        why, loaded, found = (
            self.aep.batches.why_failed(batch),
            self.loaded(batch),
            self.aep.batches.find(batch),
        )
        if found is not None and found.is_duplicate:
            # Not written down as failed: what follows such a record is a new batch of the same rows.
            raise self._refused(
                batch,
                why,
                "Its rows should be active in AEP under another batch: look there. No new batch is made of them, "
                "however often the task is cleared; ask Adobe if they are missing.",
            )
        kept = self._keep_failed_rows(batch, loaded)
        self.record("failed", batch, of=loaded, note=why, counts={"refused": kept})
        if loaded.content == self.staged.content:  # else an earlier run's; this one's is still to come
            raise self._refused(
                batch,
                why,
                "Nothing of it is visible. Correct the mapping or the schema, then clear the task transform.",
            )

    def _keep_failed_rows(self, batch: str, loaded: Manifest) -> int:
        """Brings what AEP tells of the rows that it refused into quarantine, before AEP forgets it after 30 days.

        Where AEP does not tell it, the batch has failed all the same, and that is what has to be said.
        """
        kept = 0
        with self.workspace.scratch() as scratch:
            path = scratch / "refused.jsonl.gz"
            with gzip_writer(path) as file, suppress(ServiceUnavailable, Throttled, AccessDenied):
                for row in self.aep.batches.failed_rows(batch):
                    head = json.dumps({"step": "ingest", "batch": batch})[:-1].encode()
                    file.write(head + b', "refused": ' + row.strip() + b"}\n")
                    kept += 1
            if kept:
                self.workspace.lake.upload(self.workspace.partition.quarantine("ingest", loaded.digest), path)
        return kept

    def _refused(self, batch: str, why: str, hint: str) -> BatchFailed:
        return BatchFailed(f"AEP refused batch {batch} of partition {self.workspace.partition}: {why}.", hint)

    def _external_id(self) -> str:
        """The same for the same content, so that a batch whose id was lost in a crash is found again.

        The number tells attempts apart: AEP expects the id to be unique, and a refused batch keeps its own. A batch
        that replaces others (``r``) is another one than a batch of the same rows that does not.
        """
        attempts = sum(
            record.kind == "created" and record.content == self.staged.content for record in self.records
        )
        partition = self.workspace.partition
        number = f"{attempts + 1}r" if self.replace else f"{attempts + 1}"
        return f"{external_id_prefix(partition)}{self.staged.content[:16]}-{number}"

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
