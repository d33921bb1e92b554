"""The order of a piece's rows: by time, and then by every byte of ``_id``."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.steps.transform.deduplicate import deduplicate

pytestmark = pytest.mark.unit
ENDS = st.binary(min_size=2, max_size=2)
ROWS = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from([b"\x00", b"\xff"]), ENDS), unique_by=lambda r: r[1:]
)


@given(ROWS)
def test_rows_with_ids_that_begin_alike_are_in_the_order_of_the_whole_id(
    rows: list[tuple[int, bytes, bytes]],
) -> None:
    stamps = [stamp for stamp, _, _ in rows]
    ids = [first * 30 + end for _, first, end in rows]
    table = pa.table(
        {
            "id": pa.array(ids, pa.binary(32)),
            "timestamp": pa.array(stamps, pa.int64()),
            "processed": pa.array([0] * len(rows), pa.int64()),
            "content": pa.array([0] * len(rows), pa.int64()),
            "has_insert_id": pa.array([True] * len(rows), pa.bool_()),
        }
    ).combine_chunks()
    found = deduplicate(table, compare_all=False)
    assert found.rows.tolist() == sorted(range(len(rows)), key=lambda n: (stamps[n], ids[n]))
    assert found.duplicates == 0
