"""The cost of validation grows with the number of constraints, not with its square."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.measure import Measured, measured
from tests.benchmarks.wide_day import write_wide_day

pytestmark = pytest.mark.unit
ROWS = 10_000


def test_four_times_the_expectations_take_at_most_four_times_as_long(tmp_path: Path) -> None:
    def validated(constraints: int) -> Measured:
        folder = tmp_path / str(constraints)
        folder.mkdir()
        write_wide_day(folder, constraints=constraints, rows=ROWS)
        found = measured("tests.benchmarks.wide_day", str(folder))
        assert found.said == {"valid": ROWS}
        return found

    assert validated(800).cpu_seconds < 4 * validated(200).cpu_seconds
