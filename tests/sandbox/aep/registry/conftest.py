"""Fixtures of the tests in registry/."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.sandbox.aep_app import AepApp, aep_app


@pytest.fixture
def aep(tmp_path: Path) -> Iterator[AepApp]:
    with aep_app(tmp_path) as caller:
        yield caller
