"""Mapped rows: a compiled mapping is run over events, slice by slice, and no event stops the others."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from include.errors import SchemaError
from include.xdm.compile import CompiledMapping

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)
_BATCH_ROWS = 50_000
_MOST_REJECTED = 1000
"""Each costs a few dozen queries to find."""


class RowMapper:
    """Runs a mapping over slices of events and writes the rows to a Parquet file.

    ``reject(_id, event, line)`` is called for an event that DuckDB cannot map: its name, and it as JSON again.
    """

    def __init__(self, db: Any, compiled: CompiledMapping, reject: Callable[[str, str, bytes], None]) -> None:
        self._db, self._compiled, self._reject = db, compiled, reject
        self.rows = 0
        self.rejected = 0
        self.failed: Counter[str] = Counter()
        self.inexact: Counter[str] = Counter()

    def write(self, slices: Iterable[pa.Table], path: Path) -> int:
        """Maps ``slices`` into ``path``, which is made if there are rows; returns their number."""
        import pyarrow.parquet as pq

        writer = None
        for events in slices:
            for mapped in self._mapped(events):
                self._count(mapped)
                kept = mapped.select(list(self._compiled.columns))
                writer = writer or pq.ParquetWriter(path, kept.schema, compression="zstd")
                writer.write_table(kept.cast(writer.schema))
                self.rows += kept.num_rows
        if writer is not None:
            writer.close()
        return self.rows

    def _mapped(self, events: pa.Table) -> Iterator[pa.Table]:
        """The events' rows. Where a value makes the query fail, the slice is halved until it is alone."""
        import duckdb
        import pyarrow as pa

        # Not the errors of memory, disk or DuckDB itself: those are of no event's making.
        data_errors = (
            duckdb.DataError, duckdb.InvalidInputException, pa.ArrowInvalid, UnicodeError,
        )  # fmt: skip
        try:
            self._db.register("events", events)
            yield self._db.sql(self._compiled.select).to_arrow_table()
        except data_errors as error:
            fault = type(error).__name__
        else:
            return
        if events.num_rows > 1:
            middle = events.num_rows // 2
            yield from self._mapped(events.slice(0, middle))
            yield from self._mapped(events.slice(middle))
            return
        (event,) = events.to_pylist()
        self._refuse(event, fault)

    def _refuse(self, event: Mapping[str, Any], fault: str) -> None:
        if not self.rejected:  # without the error's text, which may quote the value
            log.warning(
                "An event could not be mapped (%s). Such events are quarantined as unexpected_error.", fault
            )
        self.rejected += 1
        if self.rejected > _MOST_REJECTED:
            raise SchemaError(
                f"More than {_MOST_REJECTED} events cannot be mapped at all ({fault}).",
                "That is a mistake in the mapping set or in this program, not in the events: run preview, leave out "
                "mappings until it works, and report the one that fails.",
            )
        line = (
            f'{{"event":{json.dumps(event["event"], ensure_ascii=False)},"properties":{event["properties"]}}}'
        )
        self._reject(event["_id"], event["event"], line.encode())

    def _count(self, mapped: pa.Table) -> None:
        import pyarrow.compute as pc

        for name, counter in (("failed", self.failed), ("inexact", self.inexact)):
            counts = pc.value_counts(pc.list_flatten(mapped[name])).to_pylist()
            counter.update({str(entry["values"]): int(entry["counts"]) for entry in counts})


def write_event_digests(db: Any, path: Path) -> int:
    """Writes ``_id`` and ``digest`` of every row in DuckDB's table ``sifted`` that is not in ``losers``, by ``_id``.

    Returns the number of rows. The sort spills to disk as DuckDB's do, and rows pass through a batch at a time.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([("_id", pa.string()), ("digest", pa.int64())])
    query = "SELECT _id, content AS digest FROM sifted ANTI JOIN losers USING (line_number) ORDER BY _id"
    rows = 0
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for batch in db.sql(query).to_arrow_reader(_BATCH_ROWS):
            writer.write_table(pa.Table.from_batches([batch]).cast(schema))
            rows += batch.num_rows
    return rows


def compacted_by_day(db: Any) -> int:
    """How many rows that stay Mixpanel's compaction may merge into another one of their day.

    It merges events of one name, ``distinct_id`` and ``$insert_id``; our ``_id`` holds the second, too.
    """
    query = (
        "SELECT coalesce(sum(events - 1), 0) FROM (SELECT count(*) AS events FROM sifted "
        "ANTI JOIN losers USING (line_number) WHERE has_insert_id GROUP BY compacted HAVING count(*) > 1)"
    )
    return int(db.execute(query).fetchall()[0][0])
