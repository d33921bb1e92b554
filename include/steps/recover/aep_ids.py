"""Reads the ``_id``s of batches from AEP, and writes the ledger records that make such a batch known."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from include.aep.batch_state import BatchState, classify_status
from include.aep.data_lake import DataLakeReader
from include.aep.load_id import CONTENT_TAG, RECIPE_TAG
from include.aep.model import Batch, Dataset
from include.clock import Clock
from include.config.model import Pipeline
from include.errors import AmendmentRefused, CountMismatch
from include.lake.history import History
from include.lake.keys import PartitionKey
from include.lake.ledger import Kind, Ledger, LedgerRecord
from include.lake.ledger_state import active_records, in_flight
from include.lake.manifest import LakeFile, digest_of
from include.plural import counted
from include.steps.duckdb_connection import open_duckdb
from include.steps.history.id_sets import read_ids, write_ids
from include.steps.history.read_back import read_back
from include.steps.workspace import Workspace

if TYPE_CHECKING:
    import duckdb

_DIGEST = re.compile(r"[0-9a-f]{16,64}")


@dataclass(frozen=True)
class Writer:
    """The person who writes ledger records, and the reason; every record contains both."""

    run: str
    """``recover/<user>@<host>``, ``adopt/...`` or ``release/...``."""
    why: str


@dataclass(frozen=True)
class AepIds:
    """Reads batches of a dataset and writes them into the history as active."""

    history: History
    dataset: Dataset
    reader: DataLakeReader
    pipeline: Pipeline
    clock: Clock
    writer: Writer

    def workspace(self, day: date) -> Workspace:
        """Return the day's workspace, also for a day outside the pipeline's bounds."""
        return Workspace(self.history.lake, self.pipeline, PartitionKey(self.pipeline.name, day), self.clock)

    def make_known(self, day: date, batches: Sequence[Batch]) -> list[LedgerRecord]:
        """Read the ids of active batches and record each as active; return the ledger.

        If interrupted, the next call continues where it stopped.

        Raises:
            CountMismatch: AEP's data lake has other numbers of rows than AEP's catalog.
            AmendmentRefused: the day would hold ids of two recipes, or an id twice.
            Conflict: a run wrote into the ledger at the same time.
        """
        ledger = self.history.ledger(day)
        records = ledger.records()
        _require_one_recipe(day, records, batches)
        workspace = self.workspace(day)
        with workspace.scratch() as scratch, open_duckdb(scratch) as db:
            db.execute("CREATE TABLE found (_id VARCHAR, batch VARCHAR)")
            counts = {batch.id: self._insert_ids(db, day, batch) for batch in batches}
            self._require_once(db, day, records, batches, scratch)
            # A batch in flight comes first: a run that followed a later record would not see it.
            unfinished = in_flight(records)
            for batch in sorted(batches, key=lambda each: unfinished is None or each.id != unfinished.batch):
                about = self._batch_fields(db, workspace, batch, scratch)
                records = self._record_load(ledger, records, batch, about, counts[batch.id])
        return records

    def record(
        self, ledger: Ledger, records: list[LedgerRecord], kind: Kind, batch: str | None, **fields: object
    ) -> list[LedgerRecord]:
        """Append a record with author and reason to a ledger; return the ledger's records."""
        at = self.clock.now().isoformat(timespec="milliseconds")
        return ledger.append(
            records, kind, run=self.writer.run, note=self.writer.why, at=at, batch=batch, **fields
        )

    def _insert_ids(self, db: duckdb.DuckDBPyConnection, day: date, batch: Batch) -> int:
        """Insert a batch's ids into the table ``found``; return their number.

        Raises:
            CountMismatch: AEP's data lake has another number of rows than AEP's catalog counts.
        """
        rows = read_back(db, "found", self.reader, self.dataset, self.pipeline, day, batch)
        if rows == batch.output_records:
            return rows
        known = batch.output_records
        count = "does not count the rows" if known is None else f"counts {counted(known, 'row')}"
        raise CountMismatch(
            f"AEP {count} in batch {batch.id} of partition {day}, but its data lake shows {rows}.",
            "Nothing was recorded for this day. Rows may become visible later: run it again. If rows were "
            "deleted in AEP, run the day with reprocess: replace after the batch was reverted.",
        )

    def _require_once(
        self,
        db: duckdb.DuckDBPyConnection,
        day: date,
        records: Sequence[LedgerRecord],
        batches: Sequence[Batch],
        scratch: Path,
    ) -> None:
        """Refuse to record a day as loaded whose events are in AEP twice: every run of it would succeed."""
        named = sorted(batch.id for batch in batches)
        rest = [record for record in active_records(records) if record.batch not in named]
        read_ids(db, "known", self.workspace(day), rest, scratch)
        (twice,) = db.execute(
            "SELECT count(*) FROM (SELECT _id FROM (FROM (SELECT _id FROM found) UNION ALL (SELECT _id FROM known)) "
            "GROUP BY _id HAVING count(*) > 1)"
        ).fetchone()
        if twice:
            others = ", ".join([*named, *(str(record.batch) for record in rest)])
            raise AmendmentRefused(
                f"AEP holds {counted(twice, 'event')} of partition {day} more than once, in batches {others}.",
                "Nothing was recorded for this day. Revert in AEP the batch that repeats the others, then try again; "
                "a run then loads what is missing.",
            )

    def _batch_fields(
        self, db: duckdb.DuckDBPyConnection, workspace: Workspace, batch: Batch, scratch: Path
    ) -> dict[str, object]:
        """Return the fields of the batch's records: its ids as a file, content and recipe by its tags."""
        staged = digest_of({"read_from_aep": batch.id})
        name = batch.id.replace("'", "''")
        query = f"SELECT DISTINCT _id, CAST(NULL AS BIGINT) AS digest FROM found WHERE batch = '{name}'"
        ids: LakeFile = write_ids(db, query, self.history, workspace, staged, scratch)
        content = batch.tag(CONTENT_TAG) or ""
        return {
            "content": content if _DIGEST.fullmatch(content) else staged,
            "staged": staged,
            "ids": ids,
            "recipe": recipe_of(batch),
        }

    def _record_load(
        self,
        ledger: Ledger,
        records: list[LedgerRecord],
        batch: Batch,
        about: dict[str, object],
        rows: int,
    ) -> list[LedgerRecord]:
        """Write the records that lead to ``active``, as a run would have, from the present end of the ledger."""
        newest = next((r for r in reversed(records) if r.batch == batch.id), None)
        before: list[Kind] = ["claimed", "created", "completing"]
        about = {**about, "counts": {"active": rows}}
        if newest is not None and newest.kind in before:
            before = before[before.index(newest.kind) + 1 :]
        elif newest is not None and newest.kind == "active":
            before = []  # only its ids are stored again
            if newest.refused is not None and newest.refused.key in self._stored_id_files(newest.refused.key):
                about |= {"counts": newest.counts, "refused": newest.refused, "made_of": newest.made_of}
        elif records and records[-1].kind == "claimed" and records[-1].run == self.writer.run:
            before = before[1:]
        for kind in before:
            records = self.record(
                ledger, records, kind, None if kind == "claimed" else batch.id, **{**about, "counts": {}}
            )
        return self.record(ledger, records, "active", batch.id, **about)

    def _stored_id_files(self, key: str) -> set[str]:
        return set(self.history.lake.keys(key.rpartition("/")[0]))


def may_become_active(unfinished: LedgerRecord, found: Batch | None) -> bool:
    """Return whether a batch in flight, as AEP shows it now, is or may become active."""
    if found is None:  # the catalog may lag; a batch that AEP had reported as failed does not count
        return unfinished.kind != "failed"
    return classify_status(found.status) not in (BatchState.REFUSED, BatchState.GONE)


def recipe_of(batch: Batch) -> int:
    """Return the recipe of a batch's ids, by its tag; batches without a tag have recipe 1."""
    text = batch.tag(RECIPE_TAG) or ""
    return int(text) if text.isdecimal() else 1


def _require_one_recipe(day: date, records: Sequence[LedgerRecord], batches: Sequence[Batch]) -> None:
    """Refuse a day of two recipes: runs compare ids only within a recipe, so the day could never be run again."""
    recipes = {str(record.batch): record.recipe for record in active_records(records)}
    recipes |= {batch.id: recipe_of(batch) for batch in batches}
    if len(set(recipes.values())) > 1:
        named = ", ".join(f"{batch} (recipe {recipe})" for batch, recipe in sorted(recipes.items()))
        raise AmendmentRefused(
            f"The active batches of partition {day} have ids of different recipes: {named}.",
            "The same event may be in several of them. Revert in AEP the batches of one recipe, then try again.",
        )
