"""Fixtures of the tests in ingestion/."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.sandbox.aep_app import AepApp, aep_app
from tests.support.sandbox.timed_batches import stop


@pytest.fixture
def aep(tmp_path: Path) -> Iterator[AepApp]:
    """A frozen clock, and batches that take 100 seconds."""
    with aep_app(tmp_path, batch_seconds=100.0) as caller:
        stop(caller)
        yield caller
