"""A run at work on a partition: its ledger, its staged rows, and the batch that it makes of them."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from include.aep.client import AepClient
from include.aep.decide import BatchOutlook, Decision, Wanted, decide, in_flight, in_question, loads, outlook
from include.errors import Conflict, RequestRefused
from include.lake.keys import PartitionKey
from include.lake.ledger import Kind, Ledger, LedgerRecord
from include.lake.manifest import Manifest
from include.steps.stage import stage_partition
from include.steps.workspace import Workspace

_PATIENCE_SECONDS = 20.0
_LOOK_SECONDS = 2.0


def external_id_prefix(partition: PartitionKey) -> str:
    """How the ``externalId`` of every batch of a partition begins."""
    return f"mixpanel-aep-{partition.pipeline}-{partition}-"


@dataclass
class Attempt:
    """One run at work on a partition. ``records`` is the ledger as far as this run has seen it."""

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
        replaces = tuple(str(record.batch) for record in loads(self.records)) if self.replace else ()
        if alive:
            self.record("created", alive[0], replaces=replaces)
            return
        # The files come first: those that somebody has changed must not leave an open batch behind.
        with self._files() as paths:
            batch = self._open(external_id, replaces)
            self.record("created", batch, replaces=replaces)
            # It is open; asking the catalog, which may not know it yet, could only delay it.
            self._fill(batch, paths)

    def _open(self, external_id: str, replaces: tuple[str, ...]) -> str:
        tags = {
            "mixpanel-aep/pipeline": [self.workspace.pipeline.name],
            "mixpanel-aep/day": [str(self.workspace.partition)],
        }
        file_format = self.workspace.pipeline.aep.file_format
        return self.aep.batches.create(self.dataset_id, file_format, external_id, tags, replaces=replaces)

    def _abort(self, batch: str) -> None:
        """Ends an open batch of other content. Its run cannot complete it any more: this run's claim fences it out."""
        found = self.aep.batches.find(batch)
        if found is not None and outlook(found.status) is BatchOutlook.OPEN:
            self.aep.batches.abort(batch)

    def upload(self, batch: str) -> None:
        """Sends every file under the name of its digest, so that sending it again changes nothing; then commits.

        Raises:
            Conflict: AEP takes no more files, because another run completed the batch or a person ended it.
            BadManifest: a staged file is not what was staged.
        """
        with self._files() as paths:
            self._fill(batch, paths)

    @contextmanager
    def _files(self) -> Iterator[list[Path]]:
        with self.workspace.scratch() as scratch:
            yield self.workspace.local_files(self.staged, scratch)

    def _fill(self, batch: str, paths: list[Path]) -> None:
        try:
            self._send(batch, paths)
            # The record comes first: from here on the batch may become active, whether or not we hear of it.
            self.record("completing", batch)
            self.aep.batches.complete(batch)
        except RequestRefused:
            if (overtaken := self._overtaken(batch)) is None:
                raise
            raise overtaken from None
        self.committed = True

    def _send(self, batch: str, paths: list[Path]) -> None:
        for file, path in zip(self.staged.files, paths, strict=True):
            name = file.key.rsplit("/", 1)[1]
            self.aep.batches.upload(batch, self.dataset_id, name, partial(io.FileIO, path), file.bytes)

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
