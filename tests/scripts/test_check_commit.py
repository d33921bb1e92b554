"""The hook that checks commit subjects accepts good ones, and names what is wrong with others."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit
SCRIPT = Path(__file__).parents[2] / "scripts" / "check_commit.py"


def check(message: str, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    file = tmp_path / "COMMIT_EDITMSG"
    file.write_text(message, encoding="utf-8")
    return subprocess.run(
        [sys.executable, str(SCRIPT), str(file)], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    "message", ["Add a page of days", "Feed rows\n\nBecause they were hungry.", "Use the clock\n"]
)
def test_good_subjects_are_accepted(message: str, tmp_path: Path) -> None:
    done = check(message, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("Add " + "x" * 69, "73 characters"),
        ("add a page", "capital letter"),
        ("Add a page.", "full stop"),
        ("Added a page", "imperative"),
        ("Adding a page", "imperative"),
        ("Fixes a page", "imperative"),
        ("Add a page\nand more", "second line"),
        ("", "capital letter"),
    ],
)
def test_bad_subjects_are_refused_by_name(message: str, expected: str, tmp_path: Path) -> None:
    done = check(message, tmp_path)
    assert done.returncode == 1
    assert expected in done.stderr
