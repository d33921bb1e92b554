"""The writer of events' properties writes the same JSON for frequent and for rare shapes."""

from __future__ import annotations

import pytest

from include.xdm.events.shape_writer import sparse_objects, whole_objects
from include.xdm.events.shapes import encode_lines

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("rows", [1, 2, 8, 9])
def test_null_is_left_out_of_a_sparse_object_after_whole_objects_of_the_same_names(rows: int) -> None:
    names = (f"plan of {rows} rows",)
    whole = encode_lines(list(whole_objects(names, [["free"] * 8], 8)))
    assert whole == f'{{"{names[0]}":"free"}}\n'.encode() * 8
    assert encode_lines(list(sparse_objects(names, [[None] * rows], rows))) == b"{}\n" * rows
