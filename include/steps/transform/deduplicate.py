"""Find duplicate rows by ``_id``, and the order of the remaining rows, in a table that fits into memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    from include.xdm.convert.arrow_arrays import Integers

_Key = tuple[int, int, int, str]


@dataclass(frozen=True)
class DeduplicatedRows:
    """The rows of a table that ``deduplicate`` keeps, and the number of rows that it drops.

    Attributes:
        rows: The indexes of the rows to keep, ordered by time and then by ``_id``.
        lines: For each row of the table, the number of rows with its ``_id``; only valid for rows that are kept.
        duplicates: The number of dropped rows.
        twins: The number of dropped rows without ``$insert_id``.
    """

    rows: Integers
    lines: npt.NDArray[np.int32]
    duplicates: int
    twins: int


def deduplicate(table: pa.Table, *, compare_all: bool) -> DeduplicatedRows:
    """Choose one row for each ``_id`` of ``table`` (spilled rows, in one chunk), and return the rows in their order.

    Of the rows with the same ``_id``, the row that Mixpanel processed last is kept; if several were processed at that
    time, the row with the smallest content digest. Rows that are equal in both differ only in properties that Mixpanel
    rewrites. Of these, the row with the smallest unmapped JSON is kept and, with ``compare_all``, every column is
    compared, so that the order of the lines in an export never affects the result.
    """
    import numpy as np

    ids = _id_words(table)
    dropped, lines_of_kept = _dropped_rows(table, ids[:, 0], compare_all)
    lines = np.ones(table.num_rows, np.int32)
    lines[list(lines_of_kept)] = list(lines_of_kept.values())
    kept = np.ones(table.num_rows, bool)
    kept[dropped] = False
    rows = np.flatnonzero(kept)
    rows = rows[_by_time_and_id(table["timestamp"].to_numpy()[rows], ids[rows])]
    has_insert_id = table["has_insert_id"].take(dropped).to_pylist() if dropped else []
    return DeduplicatedRows(rows, lines, len(dropped), has_insert_id.count(False))


def _by_time_and_id(stamps: Integers, words: npt.NDArray[np.uint64]) -> Integers:
    """Return the indexes that sort rows by time and then by ``_id``; ``words``: the result of ``_id_words``."""
    import numpy as np

    order = np.argsort(words[:, 0])  # an unstable sort, which is by far the fastest
    order = order[np.argsort(stamps[order], kind="stable")]
    times, firsts = stamps[order], words[order, 0]
    if ((times[1:] == times[:-1]) & (firsts[1:] == firsts[:-1])).any():
        return np.lexsort((*(words[:, n] for n in (3, 2, 1, 0)), stamps))
    return order


def _id_words(table: pa.Table) -> npt.NDArray[np.uint64]:
    """Return the ``_id`` of each row as four unsigned 64-bit numbers, which sort in the same order as the bytes."""
    import numpy as np

    column = table["id"].combine_chunks() if table["id"].num_chunks != 1 else table["id"].chunk(0)
    data = np.frombuffer(column.buffers()[1], ">u8", 4 * len(column), 32 * column.offset)
    return data.astype(np.uint64).reshape(-1, 4)


def _dropped_rows(
    table: pa.Table, first_words: npt.NDArray[np.uint64], compare_all: bool
) -> tuple[list[int], dict[int, int]]:
    """Return the indexes of the rows to drop, and for each row that has duplicates and is kept, the number of its rows.

    The second result is by index of the kept row.
    """
    import numpy as np

    order = np.argsort(first_words)
    ordered = first_words[order]
    again = np.flatnonzero(ordered[1:] == ordered[:-1])
    if not len(again):
        return [], {}
    suspects = np.unique(np.concatenate([order[again], order[again + 1]]))
    groups: dict[bytes, list[int]] = {}
    keys = _keys(table.take(suspects))
    for place, identity in enumerate(table["id"].take(suspects).to_pylist()):
        groups.setdefault(identity, []).append(place)
    dropped: list[int] = []
    lines_of_kept: dict[int, int] = {}
    for places in groups.values():
        if len(places) > 1:
            stays = _first(table, suspects, places, keys, compare_all)
            dropped += [int(suspects[place]) for place in places if place != stays]
            lines_of_kept[int(suspects[stays])] = len(places)
    return sorted(dropped), lines_of_kept


def _keys(rows: pa.Table) -> list[_Key]:
    columns = [rows["processed"].to_pylist(), rows["content"].to_pylist(), rows["timestamp"].to_pylist()]
    texts = rows["unmapped"].to_pylist() if "unmapped" in rows.column_names else [None] * rows.num_rows
    return [
        (-processed, content, stamp, text or "")
        for processed, content, stamp, text in zip(*columns, texts, strict=True)
    ]


def _first(
    table: pa.Table, suspects: Integers, places: Sequence[int], keys: Sequence[_Key], compare_all: bool
) -> int:
    best = min(keys[place] for place in places)
    equal = [place for place in places if keys[place] == best]
    if len(equal) == 1 or not compare_all:
        return equal[0]  # the remaining rows are equal
    rows = table.drop_columns(["line"]).take(suspects[equal]).to_pylist()
    return min(zip(map(repr, rows), equal, strict=True))[1]
