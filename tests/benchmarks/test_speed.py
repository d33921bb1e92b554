"""No step becomes much slower: processor time compared with a baseline that reads the same file."""

from __future__ import annotations

import pytest

from benchmarks.__main__ import STEPS, one_round, sandbox
from benchmarks.event_days import write_day
from benchmarks.measure import Measured, measured
from benchmarks.targets import CPU_TARGETS, MARGIN
from benchmarks.variants import VARIANTS

pytestmark = pytest.mark.sandbox
EVENTS = 100_000


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Measured]:
    """One round on a day of 100,000 events."""
    folder = tmp_path_factory.mktemp("benchmark")
    VARIANTS["shipped"].write_files(folder)
    write_day(folder / "answer.gz", EVENTS)
    with sandbox(folder) as url:
        measured("benchmarks.step", str(folder), url, "setup")
        return one_round(folder, url)


@pytest.mark.parametrize("step", STEPS)
def test_a_step_reaches_its_share_of_the_baseline(found: dict[str, Measured], step: str) -> None:
    """Seconds of the step itself: starting Python and importing would hide it on so small a day."""
    ratio = found["baseline"].said["cpu_seconds"] / found[step].said["cpu_seconds"]
    assert ratio > MARGIN * CPU_TARGETS[step]


def test_the_day_was_loaded_completely(found: dict[str, Measured]) -> None:
    assert found["baseline"].said["events"] == EVENTS
    assert found["export"].said["counts"] == {"exported": EVENTS}
    assert found["stage"].said["counts"]["staged"] == EVENTS
