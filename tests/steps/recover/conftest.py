"""Fixtures of the tests in recover/."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from include.lake.lake import Lake
from tests.steps.verify.test_verify import DAY
from tests.support.lost_lake import Recoverer
from tests.support.pipeline_runner import PIPELINES, loaded_sandbox


@pytest.fixture
def loaded(tmp_path: Path) -> Iterator[Recoverer]:
    with loaded_sandbox(tmp_path, DAY) as server:
        yield Recoverer(server.url, Lake(f"file://{tmp_path}/lake"), PIPELINES["hostile"])
