"""Workers with different versions of this project on one lake: a day is loaded once, or the older worker refuses it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pytest

from include.errors import BadManifest
from include.lake.lake import Lake
from include.steps.workspace import DATA_VERSION
from scripts.demo.evidence import Comparison
from tests.support.pipeline_runner import PIPELINES, PipelineRunner, quick_sandbox

pytestmark = pytest.mark.sandbox
DAY = date(2026, 7, 1)
EVENTS = 8


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[PipelineRunner]:
    with quick_sandbox(tmp_path / "sandbox") as server:
        found = PipelineRunner(server.url, Lake(f"file://{tmp_path}/lake"), PIPELINES["hostile"])
        found.setup()
        yield found


@contextmanager
def older(**constants: int) -> Iterator[None]:
    """Run with constants of an older version, by module: ``lake.ledger.VERSION``."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in constants.items():
            patch.setattr(f"include.{name}", value)
        yield


def older_data() -> dict[str, int]:
    modules = ("transform.step", "validate.rules", "stage.step")
    return {f"steps.{module}.DATA_VERSION": DATA_VERSION - 1 for module in modules}


@pytest.mark.parametrize("first", ["older", "newer"])
def test_a_day_of_workers_with_two_data_versions_is_loaded_once(runner: PipelineRunner, first: str) -> None:
    """Each version finds no output of the other one, makes its own, and both stage the same rows."""
    with older(**older_data()):
        by_older = runner.stage(DAY)
    by_newer = runner.stage(DAY)
    assert by_older.digest != by_newer.digest
    outputs = [by_older, by_newer] if first == "older" else [by_newer, by_older]
    runner.ingest(DAY, outputs[0], run="one/run")
    batches = {record.batch for record in runner.records(DAY) if record.kind == "active"}
    with older(**(older_data() if first == "newer" else {})):
        runner.ingest(DAY, runner.stage(DAY), run="other/run")
    assert {record.batch for record in runner.records(DAY) if record.kind == "active"} == batches
    assert runner.compare(DAY) == Comparison(0, 0, 0)
    assert runner.result(DAY).active == EVENTS


@pytest.mark.parametrize(("name", "version"), [("lake.ledger.VERSION", 2), ("lake.manifest.VERSION", 0)])
def test_an_older_worker_refuses_records_that_it_cannot_read_and_changes_nothing(
    runner: PipelineRunner, name: str, version: int
) -> None:
    runner.run_partition(DAY)
    records = runner.records(DAY)
    with older(**{name: version}), pytest.raises(BadManifest) as refused:
        runner.ingest(DAY, runner.stage(DAY), run="older/run")
    assert refused.value.sentence.endswith("was written by a newer version of mixpanel-aep.")
    assert refused.value.hint.startswith("Upgrade mixpanel-aep")
    assert runner.records(DAY) == records
    assert runner.result(DAY).active == EVENTS
    runner.ingest(DAY, runner.stage(DAY), run="newer/run")
    assert runner.compare(DAY) == Comparison(0, 0, 0)
