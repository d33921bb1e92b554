"""Find the rows of a mapped day (the base) that are superseded by lines that were added to or removed from the day.

The rule is that of ``deduplicate``: of the lines with the same ``_id``, the line that was processed last is kept; of
several such lines, the one with the smallest content digest. The list of events of the base has, for every ``_id``, the
row that was kept and the number of lines.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from include.steps.transform.nested_rows import hex_ids
from include.steps.transform.spill import read_batches, spill_schema, write_batch
from include.xdm.identities.identity_columns import count_dropped_properties
from include.xdm.mapping.compile import CompiledMapping

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

_LINES = "(id VARCHAR, processed BIGINT, content BIGINT, has_insert_id BOOLEAN)"
_ROWS_OF_LINES = """
    SELECT id, count(*) AS lines, bool_or(has_insert_id) AS has_insert_id, max(processed) AS processed,
        first(content ORDER BY processed DESC, content) AS content
    FROM {table} GROUP BY id
"""
_IDS = """
    CREATE TEMP TABLE ids AS
    SELECT id, coalesce(b.lines, 0) AS before, coalesce(r.lines, 0) AS removed, coalesce(a.lines, 0) AS added,
        coalesce(a.has_insert_id, r.has_insert_id) AS has_insert_id,
        before > removed AS survives,
        added > 0 AND (a.processed > b.processed OR (a.processed = b.processed AND a.content < b.content)) AS beaten,
        added > 0 AND a.processed = b.processed AND a.content = b.content AS tied,
        removed > 0 AND (r.processed > b.processed OR (r.processed = b.processed AND r.content <= b.content))
            AS may_be_gone,
        before > 0 AND (NOT survives OR coalesce(beaten, false)) AS superseded,
        added > 0 AND survives AND NOT coalesce(beaten, false) AS kept_off
    FROM touched LEFT JOIN added_rows a USING (id) LEFT JOIN removed_rows r USING (id) LEFT JOIN base b USING (id)
"""
"""Create a table with a row for each ``_id`` of an added or removed line; ``b`` is the base's row with this ``_id``.

``before``, ``removed``, ``added``: numbers of lines. ``survives``: a line of the base is left. ``beaten``: an added
line has priority over the base's row; ``tied``: neither has priority. ``may_be_gone``: the base's row may be from a
removed line. ``superseded``: the base's row no longer belongs to the day. ``kept_off``: the base's row stays, and no
added line is written.
"""
_ALONE = "before = 1 AND removed = 1"
"""The condition for an ``_id`` whose only line was removed."""
_UNDECIDED = "removed > before OR (survives AND NOT coalesce(beaten, false) AND (tied OR may_be_gone))"
"""The condition for an ``_id`` for which the counts and digests do not show which row has to be kept."""


@dataclass(frozen=True)
class SupersededRows:
    """The result of ``find_superseded``: which rows of the base are superseded, and which added rows are not kept.

    Attributes:
        rows: The number of rows of the base that no longer belong to the day.
        not_kept: The ``_id``s of added rows that are dropped, because the base's row is kept (Arrow, 32 bytes each).
        twins: The increase of the number of duplicates without ``$insert_id``.
        failed: The number of values of superseded rows that were not converted, by code.
        dropped: The number of identities of superseded rows that were dropped, by namespace and reason.
        unknown: The number of superseded rows that ``failed`` and ``dropped`` do not cover.
    """

    rows: int
    not_kept: pa.Array
    twins: int
    failed: Counter[int]
    dropped: Counter[tuple[str, str]]
    unknown: int


def find_superseded(
    db: duckdb.DuckDBPyConnection,
    events: list[Path],
    added: list[Path],
    removed: list[Path],
    compiled: CompiledMapping,
) -> SupersededRows | None:
    """Compare the added and the removed rows (spill files) with the base's list of events (Parquet files).

    Return None if the comparison does not show which row of an ``_id`` has to be kept. ``compiled``: the mapping with
    which the rows were spilled. ``db``: an empty DuckDB database; the function creates the view ``superseded_ids``.
    """
    schema = spill_schema(compiled)
    for name, paths in (("added", added), ("removed", removed)):
        db.execute(f"CREATE TEMP TABLE {name} {_LINES}")
        for rows in _spilled(paths, schema):
            _insert(db, name, rows)
        db.execute(f"CREATE TEMP TABLE {name}_rows AS {_ROWS_OF_LINES.format(table=name)}")
    db.execute("CREATE TEMP TABLE touched AS SELECT id FROM added_rows UNION SELECT id FROM removed_rows")
    db.execute("CREATE TEMP TABLE base (id VARCHAR, processed BIGINT, content BIGINT, lines INTEGER)")
    for path in events:
        db.execute(
            "INSERT INTO base SELECT _id, processed, digest, lines FROM read_parquet(?) "
            "WHERE _id IN (SELECT id FROM touched)",
            [str(path)],
        )
    db.execute(_IDS)
    db.execute("CREATE TEMP VIEW superseded_ids AS SELECT id AS _id FROM ids WHERE superseded ORDER BY id")
    if _number(db, f"SELECT count(*) FROM ids WHERE {_UNDECIDED}"):
        return None
    failed, dropped = _known_of_removed(db, removed, compiled)
    twins = "greatest(before - removed + added - 1, 0) - greatest(before - 1, 0)"
    return SupersededRows(
        rows=_number(db, "SELECT count(*) FROM superseded_ids"),
        not_kept=_binary(db, "SELECT unhex(id) AS id FROM ids WHERE kept_off"),
        twins=_number(db, f"SELECT coalesce(sum({twins}), 0) FROM ids WHERE NOT has_insert_id"),
        failed=failed,
        dropped=dropped,
        unknown=_number(db, f"SELECT count(*) FROM ids WHERE superseded AND NOT ({_ALONE})"),
    )


def _known_of_removed(
    db: duckdb.DuckDBPyConnection, removed: list[Path], compiled: CompiledMapping
) -> tuple[Counter[int], Counter[tuple[str, str]]]:
    """Return the failed conversions and dropped identities of removed lines that were the only line of their ``_id``.

    For other removed lines, it is unknown whether the base counted them.
    """
    codes: Counter[int] = Counter()
    dropped: Counter[tuple[str, str]] = Counter()
    for rows in _spilled(removed, spill_schema(compiled)):
        rows = rows.filter(_is_among_ids(db, rows, _ALONE))
        for values in rows["failed"].drop_null().to_pylist():
            codes.update(values)
        dropped += count_dropped_properties(compiled.identities, compiled.identity_columns, rows)
    return codes, dropped


def _is_among_ids(db: duckdb.DuckDBPyConnection, rows: pa.Table, condition: str) -> pa.BooleanArray:
    import pyarrow as pa
    import pyarrow.compute as pc

    db.register("some_rows", pa.table({"id": hex_ids(rows)}))
    query = f"SELECT id FROM ids SEMI JOIN some_rows USING (id) WHERE {condition}"
    found = db.sql(query).to_arrow_table()
    db.unregister("some_rows")
    return pc.is_in(hex_ids(rows), value_set=found["id"].combine_chunks().cast(pa.string()))


def without_ids(path: Path, schema: pa.Schema, ids: pa.Array) -> tuple[int, int]:
    """Rewrite the spill file ``path`` without the rows of ``ids``; return the numbers of removed rows and bytes."""
    import pyarrow.compute as pc

    target, rows, size = path.with_suffix(".left"), 0, 0
    with target.open("wb") as file:
        for batch in read_batches([path], schema):
            left = batch.filter(pc.invert(pc.is_in(batch["id"], value_set=ids)))
            rows, size = rows + batch.num_rows - left.num_rows, size + batch.nbytes - left.nbytes
            write_batch(file, left)
    target.replace(path)
    return rows, size


def _spilled(paths: list[Path], schema: pa.Schema) -> Iterator[pa.Table]:
    import pyarrow as pa

    for batch in read_batches(paths, schema):
        yield pa.Table.from_batches([batch])


def _insert(db: duckdb.DuckDBPyConnection, table: str, rows: pa.Table) -> None:
    import pyarrow as pa

    columns = [hex_ids(rows), *(rows[name] for name in ("processed", "content", "has_insert_id"))]
    db.register("some_rows", pa.table(columns, ["id", "processed", "content", "has_insert_id"]))
    db.execute(f"INSERT INTO {table} SELECT * FROM some_rows")
    db.unregister("some_rows")


def _binary(db: duckdb.DuckDBPyConnection, query: str) -> pa.Array:
    import pyarrow as pa

    return db.sql(query).to_arrow_table()["id"].combine_chunks().cast(pa.binary(32))


def _number(db: duckdb.DuckDBPyConnection, query: str) -> int:
    ((found,),) = db.execute(
        query
    ).fetchall()  # not fetchone: db.sql fails while a result is not fetched completely
    return int(found)
