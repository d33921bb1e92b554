"""The size of an event as JSON: never below the true one, and exact where Profile would drop it."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.quality import aep_json as module
from include.quality.aep_json import PROFILE_EVENT_BYTES, instant_text, row_bytes, without_nulls
from tests.support.builders import instants

pytestmark = pytest.mark.unit
KIND = pa.struct([
    ("text", pa.string()), ("number", pa.float64()), ("whole", pa.int64()), ("yes", pa.bool_()), ("at", pa.timestamp("ms", "UTC")),
    ("Größe", pa.list_(pa.struct([("a", pa.string()), ("b", pa.list_(pa.int64()))]))), ("map", pa.map_(pa.string(), pa.string())),
])  # fmt: skip
TEXT = st.text(max_size=5) | st.sampled_from(["\0" * 40, '"' * 9, "👩", "a\\b"])
ROW = st.fixed_dictionaries({}, optional={
    "text": TEXT, "number": st.integers(-(2**40), 2**40).map(lambda n: n / 4), "whole": st.integers(-(2**63), 2**63 - 1),
    "yes": st.booleans(), "at": st.sampled_from(instants(3)),
    "Größe": st.lists(st.none() | st.fixed_dictionaries({"a": st.none() | TEXT, "b": st.lists(st.integers(0, 9))})),
    "map": st.dictionaries(TEXT, TEXT, max_size=3).map(lambda pairs: list(pairs.items())),
})  # fmt: skip


def size_of(row: dict[str, Any]) -> int:
    return len(
        json.dumps(
            without_nulls(row), ensure_ascii=False, separators=(",", ":"), default=instant_text
        ).encode()
    )


@given(st.lists(st.none() | ROW, min_size=1, max_size=6))
def test_no_event_is_larger_than_its_columns_show(rows: list[dict[str, Any] | None]) -> None:
    table = pa.table({"row": pa.array(rows, KIND)})
    true = [size_of(row) for row in table.to_pylist(maps_as_pydicts="strict")]
    assert all(found >= size for found, size in zip(row_bytes(table), true, strict=True))
    with pytest.MonkeyPatch.context() as always:
        always.setattr(module, "PROFILE_EVENT_BYTES", -1)
        assert row_bytes(table).tolist() == true


@pytest.mark.parametrize("over", [0, 1])
def test_at_the_limit_the_size_is_exact(over: int) -> None:
    envelope = len('{"row":""}')
    table = pa.table({"row": ["x" * (PROFILE_EVENT_BYTES - envelope + over), "small"]})
    assert row_bytes(table).tolist()[0] == PROFILE_EVENT_BYTES + over
    assert row_bytes(table.slice(1)).tolist()[0] <= PROFILE_EVENT_BYTES
