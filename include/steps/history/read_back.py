"""Read the ``_id``s of one batch from AEP's data lake."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from include.aep.data_lake import DataLakeReader, Window
from include.aep.model import Batch, Dataset
from include.config.model import Pipeline
from include.mixpanel.event_time import day_start, latest_instant
from include.steps.history.id_sets import insert_ids
from include.steps.verify.compare_days import EVER

if TYPE_CHECKING:
    import duckdb


def read_back(
    db: duckdb.DuckDBPyConnection,
    table: str,
    reader: DataLakeReader,
    dataset: Dataset,
    pipeline: Pipeline,
    day: date,
    batch: Batch,
) -> int:
    """Insert the ``_id`` and the batch of each row of a batch into a DuckDB table; return the number of rows.

    First, only rows with timestamps of the batch's day are read, which costs least. If their number differs from the
    count in AEP's catalog, the whole dataset is searched for rows of the batch.
    """
    zone = pipeline.mixpanel.day_zone
    start, end = day_start(day, zone), latest_instant(day, zone)
    rows = 0
    for window in [Window(start, end), EVER] if start < end else [EVER]:
        db.execute(f"DELETE FROM {table} WHERE batch = ?", [batch.id])
        insert_ids(db, table, reader.ids(dataset, window.start, window.end, batches=[batch.id]))
        (rows,) = db.execute(f"SELECT count(*) FROM {table} WHERE batch = ?", [batch.id]).fetchone()
        if rows == batch.output_records:
            break
    return int(rows)
