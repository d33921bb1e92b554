"""Loads one partition in one run: its ledger, its staged rows, and the batch that is created from them."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from include.aep.client import AepClient
from include.aep.decide import (
    BatchState,
    Decision,
    LoadRequest,
    active_records,
    batches_to_poll,
    classify_status,
    decide,
    in_flight,
    refused_rows,
)
from include.aep.load_id import (
    CONTENT_TAG,
    DAY_TAG,
    PIPELINE_TAG,
    RECIPE_TAG,
    SOURCE_TAG,
    LoadId,
)
from include.aep.model import Batch
from include.errors import (
    AlreadyExists,
    BatchUnconfirmed,
    Conflict,
    OpenBatchElsewhere,
    PipelineError,
    RequestRefused,
    UnknownBatch,
)
from include.lake.history import History
from include.lake.lake_id import LAKE_TAG
from include.lake.ledger import Kind, Ledger, LedgerRecord
from include.lake.manifest import LakeFile, Manifest
from include.steps.history.day_states import progress_of
from include.steps.ingest.consistency import require_rows_of_day, require_same_load
from include.steps.ingest.other_batches import MAY_BECOME_ACTIVE, OtherBatches
from include.steps.stage.step import stage_partition
from include.steps.workspace import Workspace

_PATIENCE_SECONDS = 20.0
_POLL_SECONDS = 2.0
_MOST_NUMBERS = 5
"""The number of ``externalId``s to try if AEP reports that one is taken."""


@dataclass
class BatchLoader:
    """The work of one run on a partition. ``records`` is the ledger as this run has seen it."""

    workspace: Workspace
    history: History
    staged: Manifest
    aep: AepClient
    run: str
    replace: bool
    records: list[LedgerRecord]
    committed: bool = False
    """Whether this run has completed a batch."""
    listed: list[str] = field(default_factory=list)
    """What AEP lists as errors of the batches that this run found active: codes and counts, no values."""
    statuses: dict[str, str | None] = field(default_factory=dict)
    """AEP's statuses of the batches that the last decision was about; None if AEP does not list the batch."""

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
        """Read the ledger, and wait a short time if another run's claim is changing."""
        records = history.ledger(workspace.partition.day).records()
        loader = cls(workspace, history, staged, aep, run, replace, records)
        if staged.inputs.get("history", history.target.digest) != history.target.digest:
            loader.restage()  # aep.dataset was changed since then: the ids of its loads belong to the other history
        loader._wait_for_other_claim()
        return loader

    @property
    def ledger(self) -> Ledger:
        """Return the day's ledger."""
        return self.history.ledger(self.workspace.partition.day)

    def decide(self) -> Decision:
        """Request the relevant statuses from AEP, and ``decide`` on the next action."""
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
        self.statuses = statuses
        excluded = frozenset(self.staged.details.get("beside", ()))
        most = self.workspace.pipeline.quality.max_removed
        load_request = LoadRequest(
            self.staged.content, self.staged.rows, excluded, self.replace, is_incomplete, most
        )
        return decide(self.records, load_request, statuses)

    def _is_incomplete(self) -> bool:
        """Return whether a replacement with the same content repairs something.

        It does if AEP refused rows that this run has not sent again, or if the last verification found rows of the
        active batches lost or duplicated.
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
        """Return whether AEP holds the day once; False if another run has changed the ledger since it was read.

        Raises:
            UnknownBatch: AEP holds a batch whose rows may be duplicates.
        """
        strays = self._others.visible(self.records)
        if strays and len(records := self.ledger.records()) > len(self.records):
            self.records = records
            return False
        self._others.require_none(strays, self.records)
        return True

    def _require_same_load(self, batch: Batch) -> LedgerRecord:
        """Compare a batch in AEP with its newest record, and return the record."""
        record = next(record for record in reversed(self.records) if record.batch == batch.id)
        require_same_load(self.workspace, self.history, batch, record)
        return record

    def restage(self) -> None:
        """Stage again, without the rows that have become active."""
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
        """Write the next record. For a batch of an earlier run, it repeats what that run wrote."""
        before = next((r for r in reversed(self.records) if batch and r.batch == batch), None)
        about = before.about() if before else _common_fields(self.staged)
        self.records = self.ledger.append(
            self.records,
            kind,
            run=self.run,
            at=self.workspace.clock.now().isoformat(timespec="milliseconds"),
            batch=batch,
            **{**about, **fields},
        )

    def mark_empty(self) -> None:
        """Record that the day has no rows, once AEP holds none that the ledger does not know."""
        self._others.require_none(self._others.seen(self.records), self.records)
        self.history.bind(
            self.workspace.pipeline.name, self.workspace.clock.now().isoformat(timespec="seconds")
        )
        refused = self._quarantined()
        self.record("empty", counts={"quarantined": refused} if refused else {})

    def _quarantined(self) -> int:
        """Return how many of the day's events are in quarantine."""
        valid = self.workspace.find("validate", self.staged.inputs["validate"])
        mapped = self.workspace.find("transform", valid.inputs["transform"]) if valid else None
        return sum(each.counts.get("quarantined", 0) for each in (valid, mapped) if each is not None)

    def settle(self) -> None:
        """Repeat the newest load if an earlier run started another one that is not needed any more.

        Otherwise the ledger would show permanently that a run has not ended, or that AEP refused rows of the day.
        """
        active = active_records(self.records)
        if active and progress_of(self.records) != "none":
            newest = active[-1]
            note = "no further rows have to be loaded"
            self.record("active", str(newest.batch), counts=newest.counts, note=note)

    def create(self) -> None:
        """Claim the partition, then create its batch, or adopt the batch that a crashed run created.

        Raises:
            UnknownBatch: AEP holds a batch of the partition that the ledger does not know.
            OpenBatchElsewhere: another installation is filling one.
        """
        superseded = in_flight(self.records)
        self.history.bind(
            self.workspace.pipeline.name, self.workspace.clock.now().isoformat(timespec="seconds")
        )
        if not (self.records and self.records[-1].kind == "claimed" and self.records[-1].run == self.run):
            self.record("claimed")
        if superseded is not None and superseded.kind == "created":
            self._abort(str(superseded.batch))
        replaces = tuple(str(record.batch) for record in active_records(self.records)) if self.replace else ()
        seen = self._others.seen(self.records)
        if (lost := self._others.find_lost(seen, self._load_id(1), self.staged.content)) is not None:
            self.record("created", lost.id, replaces=replaces)
            return
        self._others.require_none(seen, self.records)
        # The files come first: a changed file must not leave an open batch behind.
        with self._files() as paths:
            batch, is_new = self._open(replaces, seen)
            self.record("created", batch, replaces=replaces)
            if (
                is_new
            ):  # it is open; a request to the catalog, which may not list it yet, would only cause a delay
                self._fill(batch, paths)

    @property
    def _others(self) -> OtherBatches:
        return OtherBatches(self.workspace, self.history, self.aep)

    def _open(self, replaces: tuple[str, ...], seen: list[Batch]) -> tuple[str, bool]:
        """Open a batch under a free ``externalId``; return its id, and whether this call created it."""
        numbers = [batch.load_id.number for batch in seen if self._load_id(1).is_same_load(batch.load_id)]  # type: ignore[union-attr]
        mine = [r for r in self.records if r.kind == "created" and r.content == self.staged.content]
        first = max([len(mine), *numbers]) + 1
        for number in range(first, first + _MOST_NUMBERS):
            try:
                return self._create_batch(number, replaces), True
            except AlreadyExists:
                # A request whose response was lost created it. It is adopted if it is alive; otherwise its number is
                # used up.
                seen = self._others.seen(self.records)
                if (lost := self._others.find_lost(seen, self._load_id(1), self.staged.content)) is not None:
                    return lost.id, False
        raise Conflict(
            f"AEP reports that the externalIds of partition {self.workspace.partition} are taken, up to number "
            f"{first + _MOST_NUMBERS - 1}.",
            "Another installation may be loading the day. Check the dataset's batches in AEP.",
        )

    def _create_batch(self, number: int, replaces: tuple[str, ...]) -> str:
        tags = {
            PIPELINE_TAG: [self.workspace.pipeline.name],
            DAY_TAG: [str(self.workspace.partition)],
            SOURCE_TAG: [str(self.history.source)],
            RECIPE_TAG: [str(self.staged.details.get("recipe", 1))],
            CONTENT_TAG: [self.staged.content],
        }
        if self.history.lake_id is not None:
            tags[LAKE_TAG] = [self.history.lake_id]
        file_format = self.workspace.pipeline.aep.file_format
        dataset_id, external_id = self.history.target.dataset_id, str(self._load_id(number))
        return self.aep.batches.create(
            dataset_id,
            file_format,
            external_id,
            tags,
            replaces=replaces,
            error_threshold_percent=self.workspace.pipeline.aep.error_threshold_percent,
        )

    def _load_id(self, number: int) -> LoadId:
        partition = self.workspace.partition
        return LoadId.of(
            partition.pipeline, partition.day, self.staged.content, number, replaces=self.replace
        )

    def _abort(self, batch: str) -> None:
        """Abort an open batch of other content. Its run cannot complete it any more: this run's claim fences it out."""
        found = self.aep.batches.find(batch)
        if found is not None and classify_status(found.status) is BatchState.OPEN:
            self._require_same_load(found)
            self.aep.batches.abort(batch)

    def upload(self, batch: str) -> None:
        """Send every file under its digest, so that sending it again changes nothing; then complete the batch.

        Raises:
            Conflict: AEP accepts no further files, because another run completed the batch or a person ended it.
            BadManifest: a staged file was changed, or has rows of another day.
            UnknownBatch: AEP holds a batch of the partition that the ledger does not know.
        """
        with self._files() as paths:
            self._fill(batch, paths)

    @contextmanager
    def _files(self) -> Iterator[list[Path]]:
        with self.workspace.scratch() as scratch:
            paths = self.workspace.local_files(self.staged, scratch)
            require_rows_of_day(self.workspace, self.staged, paths)
            yield paths

    def _fill(self, batch: str, paths: list[Path]) -> None:
        try:
            self._send(batch, paths)
            self._require_alone(batch)
            # The record comes first: from here on the batch may become active, with or without a response.
            self.record("completing", batch)
            self.aep.batches.complete(batch)
        except RequestRefused:
            if (overtaken := self._refusal_reason(batch)) is None:
                raise
            raise overtaken from None
        self.committed = True

    def _send(self, batch: str, paths: list[Path]) -> None:
        for file, path in zip(self.staged.files, paths, strict=True):
            # By content: a staged file may belong to transform or to validate, whose names may be equal.
            name = f"events-{file.sha256[:16]}{Path(file.key).suffix}"
            dataset_id = self.history.target.dataset_id
            self.aep.batches.upload(batch, dataset_id, name, partial(io.FileIO, path), file.bytes)

    def _require_alone(self, batch: str) -> None:
        """Check AEP once more, between creation and COMPLETE; abort this batch if another one came first."""
        seen = self._others.seen(self.records)
        others = [other for other in seen if classify_status(other.status) in MAY_BECOME_ACTIVE]
        if not others:
            return
        try:
            self._others.require_none(others, self.records, self.aep.batches.find(batch))
        except (UnknownBatch, OpenBatchElsewhere):
            self._abort(batch)
            raise

    def _refusal_reason(self, batch: str) -> PipelineError | None:
        """Return why AEP may refuse a batch that was open a moment ago."""
        partition = self.workspace.partition
        if len(self.ledger.records()) > len(self.records):
            return Conflict(
                f"Another run completed batch {batch} of partition {partition} concurrently.",
                "Nothing was lost. A retry of this run finds the batch.",
            )
        found = self.aep.batches.find(batch)
        if found is not None and classify_status(found.status) is BatchState.UNKNOWN:
            return BatchUnconfirmed(
                f"AEP reports an undocumented status, {found.status or 'nothing'}, for batch {batch} of partition "
                f"{partition} and did not accept its completion.",
                "A retry of this run requests the status again. If it stays so for a day, contact Adobe about the batch.",
            )
        if found is None or classify_status(found.status) is not BatchState.GONE:
            return None
        return Conflict(
            f"Batch {batch} of partition {partition} was ended in AEP during the upload.",
            "None of its rows are visible. A retry of this run creates a new batch.",
        )

    def _wait_for_other_claim(self) -> None:
        """Wait while another run's claim is changing.

        Taking it over too early is safe: the ledger fences the other run out at its next write.
        """
        waited = 0.0
        while self._is_claimed_by_another_run() and waited < _PATIENCE_SECONDS:
            self.workspace.clock.sleep(_POLL_SECONDS)
            waited += _POLL_SECONDS
            seen, self.records = len(self.records), self.ledger.records()
            waited = 0.0 if len(self.records) > seen else waited

    def _is_claimed_by_another_run(self) -> bool:
        last = self.records[-1] if self.records else None
        return last is not None and last.kind in ("claimed", "created") and last.run != self.run


def _common_fields(staged: Manifest) -> dict[str, object]:
    """Return the fields of every record that describe its rows."""
    ids = staged.details.get("ids")
    return {
        "content": staged.content,
        "staged": staged.digest,
        "ids": LakeFile.model_validate(ids) if ids else None,
        "recipe": staged.details.get("recipe", 1),
        "made_of": staged.details.get("made_of", {}),
    }
