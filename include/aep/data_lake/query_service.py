"""Reads AEP's data lake by SQL queries, divided so that each result stays below Query Service's row limit."""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from include.aep.data_lake.fingerprint import BUCKET_DIGITS, Bucket
from include.aep.data_lake.query_connection import QueryConnection
from include.aep.data_lake.query_errors import TableMissing
from include.aep.data_lake.reader import DataLakeReader, Window, names_in_order, prefixes_of, utc_text
from include.aep.model import Dataset
from include.errors import LakeNotReadable

if TYPE_CHECKING:
    from psycopg.rows import TupleRow

TABLE_TAG = "adobe/pqs/table"
_WINDOWS_PER_QUERY = 31
_MOST_BATCHES = 200
"""The maximum number of batch ids in a query; a longer list is first reduced to the batches with rows in the window."""
_SOURCE = "coalesce(_acp_system_metadata.acp_sourceBatchId, '')"
_MOMENT = "CAST(%s AS timestamp)"


class QueryServiceReader(DataLakeReader):
    """Reads rows of a dataset by SQL queries in one session of Query Service."""

    def __init__(self, connection: QueryConnection) -> None:
        self._connection = connection

    @property
    def query_seconds(self) -> float:
        """The total duration of all queries so far, in seconds."""
        return self._connection.query_seconds

    def rows_by_batch(self, dataset: Dataset, start: datetime, end: datetime) -> dict[str, int]:
        """Return the number of rows in a window by source batch; see ``DataLakeReader``."""
        where, values = _window_condition(start, end)
        found = self._rows(dataset, f"{_SOURCE} AS b, count(*) AS n", f"{where} GROUP BY 1", values)
        return {str(batch): int(count) for batch, count in found.complete()}

    def fingerprints_of(
        self,
        dataset: Dataset,
        windows: Mapping[str, Window],
        *,
        batches: Collection[str] | None = None,
        digits: int = BUCKET_DIGITS,
    ) -> dict[str, dict[str, Bucket]]:
        """Return the fingerprints of several windows, see ``DataLakeReader``; one query reads up to 31 windows."""
        names = names_in_order(windows)
        found: dict[str, dict[str, Bucket]] = {name: {} for name in windows}
        size = max(1, min(_WINDOWS_PER_QUERY, self._connection.limits.rows // 16**digits))
        for at in range(0, len(names), size):
            group = names[at : at + size]
            for number, bucket, counts in self._buckets(
                dataset, [windows[name] for name in group], batches, digits
            ):
                found[group[number]][bucket] = counts
        return found

    def ids(
        self,
        dataset: Dataset,
        start: datetime,
        end: datetime,
        prefix: str | Collection[str] = "",
        *,
        batches: Collection[str] | None = None,
    ) -> Iterator[tuple[str, str]]:
        """Yield the ``_id`` and the source batch of every row in a window; see ``DataLakeReader``.

        One query counts the rows by the beginning of their ids, then each further query reads up to 45,000 rows.
        """
        length, prefixes = prefixes_of(prefix)
        present = self._batches_in_window(dataset, start, end, batches)
        if (length and not prefixes) or (present is not None and not present):
            return
        scope = _Scope(dataset, *_window_condition(start, end, present))
        yield from self._ids_below(scope, length, prefixes, max(length, BUCKET_DIGITS))

    def close(self) -> None:
        """End the session of Query Service."""
        self._connection.close()

    def _buckets(
        self, dataset: Dataset, windows: Sequence[Window], batches: Collection[str] | None, digits: int
    ) -> Iterator[tuple[int, str, Bucket]]:
        """Yield each bucket of the windows, with the index of its window and the common first digits of its ids."""
        start, end = windows[0].start, windows[-1].end
        present = self._batches_in_window(dataset, start, end, batches)
        if present is not None and not present:
            return
        cases = " ".join(
            f"WHEN timestamp >= {_MOMENT} AND timestamp < {_MOMENT} THEN {number}"
            for number in range(len(windows))
        )
        columns = (
            f"CASE {cases} ELSE -1 END AS w, substr(_id, 1, {int(digits)}) AS b, count(*) AS n, "
            "count(DISTINCT _id) AS d, sum(CAST(conv(substr(_id, 3, 12), 16, 10) AS decimal(38,0))) AS s"
        )
        bounds = [utc_text(bound) for each in windows for bound in (each.start, each.end)]
        where, values = _window_condition(start, end, present)
        result = self._rows(dataset, columns, f"{where} GROUP BY 1, 2", [*bounds, *values])
        for number, name, rows, different, checksum in result.complete():
            if int(number) >= 0:
                yield int(number), str(name), Bucket(int(rows), int(different), int(checksum or 0))

    def _ids_below(
        self, scope: _Scope, length: int, prefixes: Collection[str], digits: int
    ) -> Iterator[tuple[str, str]]:
        """Yield the ``_id`` and source batch of the rows whose ids begin with one of ``prefixes``.

        The rows are counted by the first ``digits`` hex digits of their ids, then read in groups below the row limit. A
        group that is too large is divided by one more digit. ``length``: the length of each prefix; 0: all ids.
        """
        where, values = scope.prefix_condition(length, prefixes)
        columns = f"substr(_id, 1, {int(digits)}) AS p, count(*) AS n, count(DISTINCT _id) AS d"
        counted = self._rows(scope.dataset, columns, f"{where} GROUP BY 1", values).complete()
        most = self._connection.limits.rows
        counts = {str(name): int(count) for name, count, _ in counted}
        alike = {str(name) for name, _, different in counted if different == 1}
        for group in _group_by_count(counts, most):
            if len(group) == 1 and counts[group[0]] > most:
                if group[0] in alike:
                    yield from self._rows_of_one_id(scope, digits, group)
                else:
                    yield from self._ids_below(scope, digits, group, digits + 1)
                continue
            where, values = scope.prefix_condition(digits, group)
            result = self._rows(scope.dataset, f"_id, {_SOURCE} AS b", where, values)
            if result.is_complete:
                yield from ((str(key), str(batch)) for key, batch in result.rows)
            elif result.rows:
                # The server's row limit is lower than documented: the following groups have to be smaller.
                self._connection.limits = replace(self._connection.limits, rows=max(1, len(result.rows) - 1))
                yield from self._ids_below(scope, digits, group, digits)

    def _rows_of_one_id(self, scope: _Scope, digits: int, prefix: list[str]) -> Iterator[tuple[str, str]]:
        """Yield the rows of a single id that has more rows than a result can have.

        Only their number in each source batch is queried, and the rows are created from it.
        """
        where, values = scope.prefix_condition(digits, prefix)
        columns = f"_id, {_SOURCE} AS b, count(*) AS n"
        for key, batch, count in self._rows(
            scope.dataset, columns, f"{where} GROUP BY 1, 2", values
        ).complete():
            yield from itertools.repeat((str(key), str(batch)), int(count))

    def _batches_in_window(
        self, dataset: Dataset, start: datetime, end: datetime, batches: Collection[str] | None
    ) -> Collection[str] | None:
        """Return ``batches``; if they are too many for a query, only those with a row in the window."""
        if batches is None or len(batches) <= _MOST_BATCHES:
            return batches
        return set(batches) & self.rows_by_batch(dataset, start, end).keys()

    def _rows(self, dataset: Dataset, columns: str, rest: str, values: Sequence[str]) -> _Rows:
        """Run a SELECT of ``columns`` on the dataset's table; ``rest`` is the query from WHERE on, with ``values``."""
        from psycopg import sql

        text = f"SELECT {columns}, count(*) OVER () AS total FROM {{table}} {rest}"  # noqa: S608 - constants only
        query = sql.SQL(text).format(table=sql.Identifier(table_of(dataset)))
        rows = self._connection.rows(query, values)
        return _Rows([row[:-1] for row in rows], int(rows[0][-1]) if rows else 0)


@dataclass(frozen=True)
class _Rows:
    """The rows that a query returned, and how many rows (``total``) its result has without the server's row limit."""

    rows: list[TupleRow]
    total: int

    @property
    def is_complete(self) -> bool:
        return len(self.rows) == self.total

    def complete(self) -> list[TupleRow]:
        """Return the rows.

        Raises:
            LakeNotReadable: the server truncated the result.
        """
        if not self.is_complete:
            raise LakeNotReadable(
                f"Query Service truncated a result of {self.total} rows after {len(self.rows)} rows.",
                "The service's limit is lower than the documented 50,000 rows. Set verify.reader: data_access in the "
                "pipeline file.",
            )
        return self.rows


@dataclass(frozen=True)
class _Scope:
    """The rows to read, as a dataset and an SQL condition (``where``) with its parameters (``values``)."""

    dataset: Dataset
    where: str
    values: list[str]

    def prefix_condition(self, length: int, prefixes: Collection[str]) -> tuple[str, list[str]]:
        """Return the SQL condition for those of the rows whose ids begin with one of ``prefixes``, and its parameters.

        ``length``: the length of each prefix; 0: all ids.
        """
        if not length:
            return self.where, self.values
        marks = ", ".join(["%s"] * len(prefixes))
        return f"{self.where} AND substr(_id, 1, {int(length)}) IN ({marks})", [
            *self.values,
            *sorted(prefixes),
        ]


def table_of(dataset: Dataset) -> str:
    """Return the name of the dataset's table in Query Service, which AEP writes into the tag ``adobe/pqs/table``.

    Raises:
        TableMissing: the tag is missing, or is not a valid table name.
    """
    values = dataset["tags"].get(TABLE_TAG)
    name = values[0] if isinstance(values, list) and values else None
    if not isinstance(name, str) or not re.fullmatch(r"[a-z0-9_]{1,255}", name):
        raise TableMissing(
            f"The dataset has no table in Query Service: its tag {TABLE_TAG} is missing or invalid.",
            "Check the dataset's page in AEP under Datasets, which shows the table name.",
        )
    return name


def _window_condition(
    start: datetime, end: datetime, batches: Collection[str] | None = None
) -> tuple[str, list[str]]:
    """Return the SQL condition for the rows of a window, and if given of ``batches`` only, and its parameters."""
    where = f"WHERE timestamp >= {_MOMENT} AND timestamp < {_MOMENT}"
    values = [utc_text(start), utc_text(end)]
    if batches is None:
        return where, values
    marks = ", ".join(["%s"] * len(batches))
    return f"{where} AND {_SOURCE} IN ({marks})", [*values, *sorted(batches)]


def _group_by_count(counts: Mapping[str, int], most: int) -> Iterable[list[str]]:
    """Yield the names in ``counts`` in groups whose counts add up to at most ``most``.

    A name whose own count is larger than ``most`` is a group of its own.
    """
    group: list[str] = []
    size = 0
    for name in sorted(counts):
        if group and size + counts[name] > most:
            yield group
            group, size = [], 0
        group.append(name)
        size += counts[name]
    if group:
        yield group
