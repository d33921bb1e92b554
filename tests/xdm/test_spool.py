"""The spool: texts come back as they were, in any order, a bounded slice at a time."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.xdm import spool as module
from include.xdm.sift import SiftedEvent
from include.xdm.spool import Spool

pytestmark = pytest.mark.unit


def sifted(number: int, *texts: str) -> SiftedEvent:
    return SiftedEvent(number, f"id-{number}", number * 1000, 0, True, *texts)


@settings(max_examples=40)
@given(st.lists(st.tuples(st.text(), st.text(), st.text()), max_size=8), st.randoms(use_true_random=False))
def test_texts_come_back_as_they_were_in_the_order_that_is_asked_for(
    texts: list[tuple[str, str, str]], chance: object
) -> None:
    with TemporaryDirectory() as folder, Spool(Path(folder) / "spool") as spool:
        rows = [spool.add(sifted(number, *three)) for number, three in enumerate(texts)]
        order = list(range(len(rows)))
        chance.shuffle(order)  # type: ignore[attr-defined]
        places = [
            (
                rows[n].id,
                rows[n].timestamp_ms,
                rows[n].offset,
                rows[n].event_bytes,
                rows[n].properties_bytes,
                rows[n].unmapped_bytes,
            )
            for n in order
        ]
        found = [row for table in spool.slices(places) for row in table.to_pylist()]
    assert [(row["event"], row["properties"], row["unmapped"]) for row in found] == [texts[n] for n in order]
    assert [row["_id"] for row in found] == [f"id-{n}" for n in order]


@pytest.mark.parametrize(
    ("limit", "value", "sizes"), [("SLICE_BYTES", 30, [3, 3, 1]), ("SLICE_ROWS", 2, [2, 2, 2, 1])]
)
def test_a_slice_is_bounded_in_bytes_and_in_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, value: int, sizes: list[int]
) -> None:
    monkeypatch.setattr(module, limit, value)
    with Spool(tmp_path / "spool") as spool:
        rows = [spool.add(sifted(number, "event", "{}", "null")) for number in range(7)]
        places = [
            (row.id, row.timestamp_ms, row.offset, row.event_bytes, row.properties_bytes, row.unmapped_bytes)
            for row in rows
        ]
        assert [table.num_rows for table in spool.slices(places)] == sizes


def test_the_digest_is_of_the_properties_alone(tmp_path: Path) -> None:
    with Spool(tmp_path / "spool") as spool:
        one, moved, other = (
            spool.add(sifted(n, "A", text, "u" * n)) for n, text in enumerate(["x", "x", "y"])
        )
    assert one.digest == moved.digest != other.digest
