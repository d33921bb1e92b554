"""The targets of the Makefile name files that exist: pytest runs no test at all if one of its paths is missing."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("target", ["test", "test-long"])
def test_the_named_tests_exist(target: str) -> None:
    shown = subprocess.run(
        ["make", "--dry-run", "--no-print-directory", target],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    named = {path for word in shown.split() if (path := word.removeprefix("--ignore=")).startswith("tests/")}
    assert len(named) > 20
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []
