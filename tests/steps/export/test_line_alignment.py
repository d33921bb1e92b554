"""The difference of two exports is exact, whatever their order, and however many lines are skipped."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.mixpanel.raw_blocks import lines_at, read_blocks
from include.mixpanel.raw_file import write_lines
from include.steps.export import line_alignment, line_digests
from include.steps.export.line_alignment import unaligned_lines
from include.steps.export.line_digests import LineDigests, difference

pytestmark = pytest.mark.unit
LINES = st.lists(st.sampled_from([b"a", b"b", b"bb", b"ab", b"c" * 30, b"d" * 31, b"{}"]), max_size=40)
EDITS = st.lists(
    st.tuples(st.sampled_from(["insert", "remove", "change", "move"]), st.integers(0, 40)), max_size=6
)


def edited(lines: Sequence[bytes], edits: Sequence[tuple[str, int]], *, shuffled: bool) -> list[bytes]:
    new = list(lines)
    for number, (edit, place) in enumerate(edits):
        at = place % (len(new) + 1)
        if edit == "insert" or not new or at == len(new):
            new.insert(at, b"new %d" % (number % 2))
        elif edit == "remove":
            del new[at]
        elif edit == "change":
            new[at] += b"!"
        else:
            new.append(new.pop(at))
    if shuffled:
        random.Random(len(new)).shuffle(new)
    return new


def found(
    old: Sequence[bytes], new: Sequence[bytes], *, aligned: bool
) -> tuple[Counter[bytes], Counter[bytes], int]:
    """Return the removed and added lines, and how many were hashed."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        paths = [write_lines(folder / f"{n}.gz", lines).path for n, lines in enumerate((old, new))]
        if aligned:
            digests = unaligned_lines(paths[:1], paths[1:], folder)
        else:
            one, other = (LineDigests.of([path], folder / f"{path.name}.bin") for path in paths)
            digests = one, other
        differs = difference(*digests, len(old) + len(new))
        assert differs is not None
        removed, added = (
            Counter(line for _, line in lines_at([path], (places + 1).tolist()))
            for path, places in zip(paths, (differs.removed, differs.added), strict=True)
        )
        return removed, added, sum(each.rows for each in digests)


@settings(max_examples=150)
@given(LINES, EDITS, st.booleans(), st.booleans(), st.integers(1, 3))
def test_the_difference_of_lines_is_exact_with_duplicates(
    old: list[bytes], edits: list[tuple[str, int]], shuffled: bool, aligned: bool, pass_lines: int
) -> None:
    new = edited(old, edits, shuffled=shuffled)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(line_digests, "_PASS_LINES", pass_lines)
        patch.setattr(line_alignment, "_LOOKAHEAD_BYTES", 40)
        patch.setattr(line_alignment, "_FREE_SEARCHES", 2)
        patch.setattr(line_alignment, "read_blocks", partial(read_blocks, block_bytes=50))
        removed, added, _ = found(old, new, aligned=aligned)
    assert (removed, added) == (Counter(old) - Counter(new), Counter(new) - Counter(old))


@pytest.mark.parametrize(
    ("edits", "hashed"),
    [
        ([], 0), ([("insert", 20_000)], 1), ([("remove", 20_000)], 1), ([("change", 0)], 2), ([("change", 19_999)], 2),
        ([("insert", n) for n in range(50, 5000, 50)], 99), ([("move", 3)], 2),
    ],
)  # fmt: skip
def test_lines_in_the_same_order_are_not_hashed(edits: list[tuple[str, int]], hashed: int) -> None:
    old = [b"line %d of a day, with some text" % n for n in range(20_000)]
    new = edited(old, edits, shuffled=False)
    removed, added, rows = found(old, new, aligned=True)
    assert (removed, added) == (Counter(old) - Counter(new), Counter(new) - Counter(old))
    assert rows == hashed


def test_exports_in_another_order_need_few_searches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every line is then hashed, after almost no other work."""
    searches: list[bytes] = []
    find = line_alignment._Window.find
    monkeypatch.setattr(
        line_alignment._Window, "find", lambda self, line: searches.append(line) or find(self, line)
    )
    old = [b"line %d of a day, with some text" % n for n in range(5000)]
    assert found(old, edited(old, [], shuffled=True), aligned=True)[:2] == (Counter(), Counter())
    assert len(searches) <= 2 * (line_alignment._FREE_SEARCHES + 1)


def test_more_differences_than_the_limit_are_not_listed(tmp_path: Path) -> None:
    paths = [write_lines(tmp_path / f"{n}.gz", [b"%d" % m for m in range(n * 5, 10)]).path for n in (0, 1)]
    old, new = (LineDigests.of([path], tmp_path / f"{path.name}.bin") for path in paths)
    assert difference(old, new, 4) is None
    few = difference(old, new, 5)
    assert few is not None
    assert (few.removed.tolist(), few.added.tolist()) == ([0, 1, 2, 3, 4], [])
