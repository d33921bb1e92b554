"""Read the ``_id``s of batches from AEP's data lake, and record the batches in the ledger as loads."""

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
    """The person who changes a ledger, and the reason; every record that is written contains both."""

    run: str
    """The author as ``recover/<user>@<host>``, ``adopt/...`` or ``release/...``; it stands in place of a run's id."""
    why: str


@dataclass(frozen=True)
class AepIds:
    """Reads the ids of active batches of a dataset, and records the batches as active in the history."""

    history: History
    dataset: Dataset
    reader: DataLakeReader
    pipeline: Pipeline
    clock: Clock
    writer: Writer

    def workspace(self, day: date) -> Workspace:
        """Return the workspace of a day, which may be outside the pipeline's dates."""
        return Workspace(self.history.lake, self.pipeline, PartitionKey(self.pipeline.name, day), self.clock)

    def record_batches(self, day: date, batches: Sequence[Batch]) -> list[LedgerRecord]:
        """Read the ids of active batches from AEP, and record each batch as active; return the records of the ledger.

        After an interruption, the call can be repeated and continues.

        Raises:
            CountMismatch: the number of rows in AEP's data lake differs from that in AEP's catalog.
            AmendmentRefused: the day would have ids of two recipes, or an id twice.
            Conflict: a run wrote to the ledger at the same time.
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
        """Append a record with the author and the reason to a ledger; return all records of the ledger."""
        at = self.clock.now().isoformat(timespec="milliseconds")
        return ledger.append(
            records, kind, run=self.writer.run, note=self.writer.why, at=at, batch=batch, **fields
        )

    def _insert_ids(self, db: duckdb.DuckDBPyConnection, day: date, batch: Batch) -> int:
        """Insert the ids of a batch into the table ``found``; return their number.

        Raises:
            CountMismatch: the number of rows in AEP's data lake differs from that in AEP's catalog.
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
        """Check that no event of the day is in AEP twice: once the day is recorded as loaded, no run reports it."""
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
        """Return the fields of the batch's ledger records: the file of its ids; content and recipe from its tags."""
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
        """Append the records that a run would have written for this batch, up to ``active``; skip those that exist."""
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
    """Return whether a batch that the ledger shows as unfinished (``in_flight``) is or may become active in AEP.

    ``found``: the batch as AEP shows it now; None if AEP does not list it.
    """
    if found is None:  # the catalog may lag; a batch that AEP had reported as failed does not count
        return unfinished.kind != "failed"
    return classify_status(found.status) not in (BatchState.REFUSED, BatchState.GONE)


def recipe_of(batch: Batch) -> int:
    """Return the recipe of the ids in a batch, from its tag; batches without the tag have recipe 1."""
    text = batch.tag(RECIPE_TAG) or ""
    return int(text) if text.isdecimal() else 1


def _require_one_recipe(day: date, records: Sequence[LedgerRecord], batches: Sequence[Batch]) -> None:
    """Check that all ids of a day have one recipe: with two recipes, runs could not compare the day's ids any more."""
    recipes = {str(record.batch): record.recipe for record in active_records(records)}
    recipes |= {batch.id: recipe_of(batch) for batch in batches}
    if len(set(recipes.values())) > 1:
        named = ", ".join(f"{batch} (recipe {recipe})" for batch, recipe in sorted(recipes.items()))
        raise AmendmentRefused(
            f"The active batches of partition {day} have ids of different recipes: {named}.",
            "The same event may be in several of them. Revert in AEP the batches of one recipe, then try again.",
        )
