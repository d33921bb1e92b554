"""Numbers of texts are equal if and only if the texts are, wherever the texts stand."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from include.xdm.events.text_numbers import Texts, text_numbers

pytestmark = pytest.mark.unit

TEXTS = st.binary(max_size=30) | st.lists(st.sampled_from([b"\0", b"a" * 8, b"b" * 8]), max_size=6).map(
    b"".join
)


@given(st.lists(TEXTS, max_size=40))
@example([b"", b"\0", b"\0" * 8, b"\0" * 9, b"a" * 8, b"a" * 8 + b"\0"])
@example([b"a" * 8 + b"b" * 8, b"b" * 8 + b"a" * 8, b"a" * 16, b"b" * 16])
def test_equal_texts_have_equal_numbers_and_others_do_not(texts: list[bytes]) -> None:
    found = text_numbers(Texts.of(texts)).tolist()
    assert len(found) == len(texts)
    assert len(set(zip(texts, found, strict=True))) == len(set(texts)) == len(set(found))
    assert found == [text_numbers(Texts.of([text])).tolist()[0] for text in texts]


@given(st.lists(st.text(max_size=9), max_size=20), st.integers(0, 20))
def test_texts_of_an_arrow_array(texts: list[str], first: int) -> None:
    import pyarrow as pa

    array = pa.array(texts, pa.string()).slice(first)
    encoded = [text.encode() for text in texts[first:]]
    found = Texts.of_array(array)
    assert list(map(bytes, found.split())) == encoded
    assert text_numbers(found).tolist() == text_numbers(Texts.of(encoded)).tolist()


def test_a_million_similar_texts_have_different_numbers() -> None:
    texts = Texts.of([b'["Purchase","u-%d","i-%d"]' % (n % 1000, n) for n in range(1_000_000)])
    assert len(set(text_numbers(texts).tolist())) == 1_000_000


def test_the_numbers_do_not_depend_on_the_process() -> None:
    code = "from include.xdm.events.text_numbers import *; print(text_numbers(Texts.of([b'', b'abc', b'x' * 20])).tolist())"
    found = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[3],
    )
    assert found.stdout.strip() == str(text_numbers(Texts.of([b"", b"abc", b"x" * 20])).tolist())
