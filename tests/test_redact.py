"""What a person reads holds no secret and stays on its line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.redact import MASK, one_line, scrub

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("Authorization: Bearer abc.def-ghi", "Authorization: Bearer ***"),
        ("authorization: BASIC dXNlcjpzZWNyZXQ=", "authorization: BASIC ***"),
        ("sent bearer  eyJhbGciOi\nand more", "sent bearer ***\nand more"),
        ("a bearer of news", "a bearer of news"),
        ("nothing here", "nothing here"),
    ],
)
def test_what_looks_like_a_credential_is_masked(text: str, clean: str) -> None:
    assert scrub(text) == clean


@given(st.lists(st.text(min_size=3), max_size=4), st.text())
def test_no_secret_is_left(secrets: list[str], text: str) -> None:
    whole = text + "".join(secrets) + text
    left = scrub(whole, [*secrets, "", None])  # type: ignore[list-item]
    assert not [secret for secret in secrets if secret in left and secret not in MASK and "*" not in secret]


def test_of_a_secret_inside_another_nothing_is_left() -> None:
    assert scrub("key=abcdef", ["abc", "abcdef"]) == f"key={MASK}"


@given(st.text(), st.integers(1, 100))
def test_one_line_is_one_line_of_bounded_length(text: str, limit: int) -> None:
    line = one_line(text, limit)
    assert len(line) <= limit
    assert not {"\n", "\r", "\x1b", "\x00", "\u2028", "\u2029", "\x85"} & set(line)
    assert len(line.splitlines()) <= 1
