"""Process a batch that became active without some of its rows, because AEP refused them.

The refused rows are the staged ``_id``s that are not in the batch. They are written to quarantine. AEP's diagnostics
are only samples, and are used only for the reasons.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from include.aep.data_lake import TableMissing
from include.aep.failure_reasons import catalog_errors
from include.aep.model import Batch
from include.errors import CountMismatch, LakeNotReadable, PipelineError, Transient
from include.failpoint import failpoint
from include.json_types import JsonObject
from include.lake.ledger import LedgerRecord
from include.lake.manifest import LakeFile, digest_of
from include.plural import counted
from include.quality.aep_json import instant_text, without_nulls
from include.steps.day_rows import rows_among
from include.steps.duckdb_connection import open_duckdb
from include.steps.gzip_writer import gzip_writer
from include.steps.history.id_sets import insert_ids, read_ids, write_ids
from include.steps.history.read_back import read_back
from include.steps.ingest.batch_loader import BatchLoader
from include.steps.quarantine_records import refused_digest

if TYPE_CHECKING:
    import duckdb

_WRITTEN_ROWS = 2_000
"""The maximum number of rows that are converted to Python objects at the same time."""
ACTIVE = "SELECT _id, digest FROM staged SEMI JOIN found USING (_id)"
"""A query for the staged rows that the batch contains; ``found`` has the ``_id``s of the batch in AEP."""
REFUSED_OF_BATCH = "SELECT _id, digest FROM staged ANTI JOIN found USING (_id)"
"""A query for the staged rows that the batch lacks: AEP refused them."""
REFUSED = f"{REFUSED_OF_BATCH} UNION ALL SELECT _id, digest FROM earlier ANTI JOIN staged USING (_id)"
"""A query for all rows of the day that AEP refused and that are in no active batch.

The table ``earlier`` contains those from before this batch; a row that was staged again is no longer one of them.
"""
UNEXPECTED = """SELECT count(*) FROM (
    SELECT _id FROM found WHERE _id NOT IN (SELECT _id FROM staged)
    UNION ALL SELECT _id FROM found GROUP BY _id HAVING count(*) > 1)"""
"""A query that counts the errors in a batch: rows that were not staged, and ``_id``s that occur more than once."""


@dataclass(frozen=True)
class PartialLoad:
    """An active batch from which AEP refused rows, before the ledger records the batch as active.

    ``staged_rows``: the number of rows that were sent. ``earlier``: the ledger record with the ids of the rows of the
    day that AEP had refused before this batch (``refused_record``); None without such rows.
    """

    work: BatchLoader
    batch: Batch
    rows: int
    """The number of rows of the batch that AEP counts as active."""
    staged_rows: int
    earlier: LedgerRecord | None

    def record_fields(self) -> dict[str, object]:
        """Write the refused rows to quarantine, and publish the ids of the active and of the refused rows.

        Return the fields ``ids``, ``refused`` and ``counts`` of the batch's active record. After a crash, the call can
        be repeated: the same files are written again.

        Raises:
            CountMismatch: AEP's data lake contains other rows in the batch than its catalog counts, or rows that were
                not staged.
            Transient: the data lake does not show the dataset's table or all rows of the batch yet.
            LakeNotReadable: the data lake cannot be read, so that the active rows are unknown.
        """
        workspace = self.work.workspace
        with workspace.scratch() as scratch, open_duckdb(scratch) as db:
            read_ids(db, "staged", workspace, [self._load_record], scratch)
            read_ids(db, "earlier", workspace, [self.earlier] if self.earlier else [], scratch)
            db.execute("CREATE TEMP TABLE found (_id VARCHAR, batch VARCHAR)")
            own = self.staged_rows - self.rows
            if own:
                self._read_back(db)
                self._write_quarantine(db, scratch)
                failpoint("partial.quarantine.after")
            else:
                db.execute("INSERT INTO found SELECT _id, '' FROM staged")
            fields: dict[str, object] = {
                "refused": self._write_ids(db, REFUSED, self._refused_digest, scratch),
                "counts": {"active": self.rows, **({"refused": own} if own else {})},
            }
            if own:
                active = digest_of({"active_of": self.batch.id})
                fields["ids"] = self._write_ids(db, ACTIVE, active, scratch)
            return fields

    @property
    def _load_record(self) -> LedgerRecord:
        return next(record for record in reversed(self.work.records) if record.batch == self.batch.id)

    @property
    def _refused_digest(self) -> str:
        return refused_digest(self.batch.id)

    def _write_ids(self, db: duckdb.DuckDBPyConnection, query: str, digest: str, scratch: Path) -> LakeFile:
        return write_ids(db, query, self.work.history, self.work.workspace, digest, scratch)

    def _read_back(self, db: duckdb.DuckDBPyConnection) -> None:
        """Read the ids of the batch's rows from AEP into the table ``found``.

        Check that there are as many as AEP reports, and that each of them was staged.
        """
        workspace, aep = self.work.workspace, self.work.aep
        dataset = aep.catalog.require_dataset(self.work.history.target.dataset_id)
        try:
            with aep.lake_reader(workspace.pipeline.verify.reader) as reader:
                rows = read_back(
                    db, "found", reader, dataset, workspace.pipeline, workspace.partition.day, self.batch
                )
        except TableMissing as error:
            raise Transient(
                f"AEP refused {self.staged_rows - self.rows} of {counted(self.staged_rows, 'row')} of batch {self.batch.id} of partition "
                f"{workspace.partition}, and it cannot be read yet which ones: {error.sentence}",
                f"{error.hint} A retry of this run reads them again; the batch is not loaded again.",
            ) from None
        except LakeNotReadable as error:
            raise self._not_readable_error(error) from None
        if rows < self.rows:
            raise Transient(
                f"AEP's data lake shows {rows} of {counted(self.rows, 'row')} of batch {self.batch.id} of partition "
                f"{workspace.partition}; AEP refused the other {self.staged_rows - self.rows}.",
                "Rows become visible some time after the batch is active. A retry of this run reads them again.",
            )
        (unexpected,) = db.execute(UNEXPECTED).fetchone()
        if rows > self.rows or unexpected:
            raise CountMismatch(
                f"AEP counts {counted(self.rows, 'active row')} in batch {self.batch.id} of partition {workspace.partition}, but its data "
                f"lake shows {rows}, of which {unexpected} were not staged or are duplicates.",
                "Contact Adobe about the batch, or revert it in AEP and clear the task: it loads the partition again.",
            )

    def _not_readable_error(self, error: LakeNotReadable) -> LakeNotReadable:
        refused = self.staged_rows - self.rows
        return LakeNotReadable(
            f"AEP refused {refused} of {counted(self.staged_rows, 'row')} of batch {self.batch.id} of partition "
            f"{self.work.workspace.partition} ({self._described_errors}). Its data lake, which shows which ones, cannot be read: "
            f"{error.sentence}",
            f"{error.hint} Or write verify.reader: data_access in the pipeline file. Then clear the task: the batch is "
            "not loaded again. Or revert the batch in AEP and remove aep.error_threshold_percent: then one invalid row "
            "fails the batch, and none of its rows become visible.",
        )

    @property
    def _described_errors(self) -> str:
        return "; ".join(catalog_errors(self.batch)) or "AEP gives no reason"

    def _write_quarantine(self, db: duckdb.DuckDBPyConnection, scratch: Path) -> None:
        """Write each refused row to quarantine with AEP's reasons, which AEP removes after 30 days."""
        db.execute("CREATE TEMP TABLE why (_id VARCHAR, reason VARCHAR)")
        with suppress(PipelineError):  # the rows are refused with or without reasons
            insert_ids(db, "why", self.work.aep.batches.reasons_of_rows(self.batch.id))
        path = scratch / "refused.jsonl.gz"
        with gzip_writer(path) as file:
            found = self._refused_rows(db, scratch)
            while rows := list(islice(found, _WRITTEN_ROWS)):
                reasons = self._reasons(db, [row["_id"] for row in rows])
                for row in rows:
                    record = {
                        "step": "ingest",
                        "batch": self.batch.id,
                        "reasons": reasons.get(row["_id"]) or [self._described_errors],
                        "row": row,
                    }
                    file.write(json.dumps(record, ensure_ascii=False, default=instant_text).encode() + b"\n")
        workspace = self.work.workspace
        workspace.lake.upload(workspace.partition.quarantine("ingest", self._refused_digest), path)

    def _reasons(self, db: duckdb.DuckDBPyConnection, ids: Sequence[str]) -> dict[str, list[str]]:
        query = (
            "SELECT _id, list(DISTINCT reason ORDER BY reason) FROM why WHERE _id IN (SELECT unnest(?)) "
            "GROUP BY _id"
        )
        return dict(db.execute(query, [list(ids)]).fetchall())

    def _refused_rows(self, db: duckdb.DuckDBPyConnection, scratch: Path) -> Iterator[JsonObject]:
        """Yield the refused rows from the staged files, as JSON objects."""
        import pyarrow as pa

        workspace = self.work.workspace
        refused_ids = {key for (key,) in db.execute(f"SELECT _id FROM ({REFUSED_OF_BATCH})").fetchall()}
        paths = workspace.local_files(workspace.require("stage", self._load_record.staged), scratch)
        for path in paths:
            if path.suffix == ".json":
                with path.open("rb") as file:
                    yield from (row for row in map(json.loads, file) if row["_id"] in refused_ids)
                continue
            for table in rows_among([path], pa.array(refused_ids, pa.string())):
                for start in range(0, table.num_rows, _WRITTEN_ROWS):
                    some = table[start : start + _WRITTEN_ROWS]
                    yield from map(without_nulls, some.to_pylist(maps_as_pydicts="strict"))
