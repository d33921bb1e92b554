"""A lake and a clock for the tests of export."""

from __future__ import annotations

from pathlib import Path

import pytest

from include.lake.lake import Lake
from tests.steps.export.window_project import NOW
from tests.support.fake_clock import FakeClock


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(f"file://{tmp_path}/lake")


@pytest.fixture
def fake_clock() -> FakeClock:
    return FakeClock(at=NOW)
