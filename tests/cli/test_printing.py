"""What is printed fits the terminal."""

from __future__ import annotations

import pytest

from include.cli import printing

pytestmark = pytest.mark.sandbox


def test_columns_stay_in_line_beside_wide_characters(capsys: pytest.CaptureFixture[str]) -> None:
    printing.table("", [("価格", "1"), ("four", "2")])
    assert capsys.readouterr().out.splitlines() == ["   価格  1", "   four  2"]
