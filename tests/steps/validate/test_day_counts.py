"""Duplicate ids of a day are counted exactly, with a limited number of them in memory."""

from __future__ import annotations

import hashlib
import tempfile
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.quality.view import RowChunk
from include.steps.validate import day_counts
from include.steps.validate.day_counts import DayCounts

pytestmark = pytest.mark.unit
_NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


def rows(ids: list[str]) -> pa.Table:
    return pa.table(
        {
            "_id": pa.array(ids, pa.string()),
            "timestamp": pa.array([_NOON] * len(ids), pa.timestamp("ms", tz="UTC")),
            "eventType": pa.array(["a"] * len(ids), pa.string()),
        }
    )


def identifier(number: int) -> str:
    """Return an ``_id`` of the usual length, or a short one, which is hashed differently."""
    return hashlib.sha256(b"%d" % number).hexdigest() if number % 5 else f"short-{number}"


@given(st.lists(st.lists(st.integers(0, 40).map(identifier), min_size=1, max_size=30), max_size=4))
def test_duplicates_are_counted_across_files_and_parts(files: list[list[str]]) -> None:
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        patch.setattr(day_counts, "_MOST_KEYS", 8)
        counts, paths = DayCounts(Path(name) / "keys.bin"), []
        for number, ids in enumerate(files):
            paths.append(Path(name) / f"{number}.parquet")
            pq.write_table(rows(ids), paths[-1])
            counts.add(RowChunk(rows(ids)))
        every = Counter(each for ids in files for each in ids)
        assert counts.double_ids(paths) == sum(count > 1 for count in every.values())


def test_a_day_without_rows_has_no_duplicates(tmp_path: Path) -> None:
    assert DayCounts(tmp_path / "keys.bin").double_ids([]) == 0
