"""Errors are a sentence and a hint, with the documented exit code."""

from __future__ import annotations

import pytest

from include.cli.__main__ import main
from tests.cli.asking import Cli

pytestmark = pytest.mark.sandbox


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (("check", "nope"), "There is no pipeline 'nope'.\nHint: There are: adobe-tutorial, hostile, shop."),
        (("discover", "shop"), "The lake has no exported day of pipeline shop."),
        (
            ("run", "shop", "2026-07-02", "2026-07-01"),
            "A run cannot end (2026-07-01) before it begins (2026-07-02).",
        ),
        (("run", "shop", "2020-01-01"), "is before the start_date 2026-06-30"),
        (("run", "shop", "2026-07-03"), "is after the end_date 2026-07-02"),
    ],
)
def test_a_refusal_is_a_sentence_and_exit_code_1(cli: Cli, argv: tuple[str, ...], sentence: str) -> None:
    code, text = cli(*argv)
    assert code == 1
    assert sentence in text


@pytest.mark.parametrize(
    "argv", [(), ("paint",), ("run", "shop"), ("run", "shop", "today"), ("discover", "shop", "--days", "0")]
)
def test_wrong_usage_is_exit_code_2(argv: tuple[str, ...]) -> None:
    assert main(argv) == 2
