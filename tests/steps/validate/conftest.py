"""Fixtures of the tests in validate/."""

from __future__ import annotations

from pathlib import Path

import pytest

from include.lake.lake import Lake


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(f"file://{tmp_path}/lake")
