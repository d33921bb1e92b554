"""Raw files are read as whole lines, in blocks of any size, with any line ends."""

from __future__ import annotations

import gzip
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.mixpanel.raw_blocks import read_blocks
from include.mixpanel.raw_file import read_lines
from include.steps.transform.name_counter import NameCounter

pytestmark = pytest.mark.unit
LINE = st.binary(max_size=30).map(lambda text: text.replace(b"\n", b"").rstrip(b"\r"))


@settings(max_examples=60)
@given(
    st.lists(st.tuples(LINE, st.sampled_from([b"\n", b"\r\n", b"\n\n", b"\n\r\n", b"\n \t\n"])), max_size=12),
    st.integers(1, 40),
    st.booleans(),
    st.booleans(),
)
def test_lines_are_the_same_in_blocks_of_any_size(
    lines: list[tuple[bytes, bytes]], block_bytes: int, bom: bool, open_end: bool
) -> None:
    body = b"".join(text + end for text, end in lines)
    body = body.rstrip(b"\r\n") if open_end else body
    with TemporaryDirectory() as folder:
        path = Path(folder) / "raw.gz"
        path.write_bytes(gzip.compress((b"\xef\xbb\xbf" if bom else b"") + body))
        blocks = list(read_blocks([path], block_bytes))
        expected = list(read_lines([path]))
    found = [text for block in blocks for text in block.data.split(b"\n")[:-1]]
    assert list(map(bytes.strip, found)) == list(map(bytes.strip, expected))
    for block in blocks:
        assert expected[block.first_line - 1].strip() == block.data.split(b"\n")[0].strip()


def test_only_a_newline_ends_a_line(tmp_path: Path) -> None:
    text = "a\u2028b\u0085c\x0bd\x0ce\rf".encode()
    path = tmp_path / "raw.gz"
    path.write_bytes(gzip.compress(text + b"\r\n" + text))
    assert b"".join(block.data for block in read_blocks([path])) == text + b"\n" + text + b"\n"
    assert list(read_lines([path])) == [text, text]


@given(
    st.lists(st.dictionaries(st.text(max_size=3), st.integers(1, 5), max_size=9), max_size=9),
    st.integers(1, 4),
)
def test_names_are_counted_alike_by_both_counters(parts: list[dict[str, int]], most: int) -> None:
    alone, first, second = (NameCounter(most) for _ in range(3))
    for number, part in enumerate(parts):
        alone.add(part)
        (first if number % 2 else second).add(part)
    first.merge(second)
    assert first.most_common() == alone.most_common()
    totals = {name: sum(part.get(name, 0) for part in parts) for part in parts for name in part}
    assert len(alone.most_common()) == min(most, len(totals))
    assert all(totals[name] == count for name, count in alone.most_common().items())
    assert alone.is_partial == (len(totals) > most)
