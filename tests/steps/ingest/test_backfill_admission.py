"""A backfill into a dataset for Profile leaves the scheduled runs of every pipeline of the AEP sandbox their batches."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from include.aep.profile_batches import Neighbours, batches_a_day
from include.config.model import Pipeline
from include.errors import Throttled
from include.lake.lake import Lake
from include.steps.ingest.step import IngestResult
from include.steps.run_day import DayRun
from tests.support.pipeline_runner import PIPELINES, PipelineRunner, quick_sandbox

pytestmark = pytest.mark.sandbox
DAYS = (date(2026, 6, 30), date(2026, 7, 1), date(2026, 7, 2))


def for_profile(pipeline: Pipeline, **changes: object) -> Pipeline:
    target = pipeline.aep.model_copy(update={"profile": True})
    quality = pipeline.quality.model_copy(update={"max_quarantined": 0.5})
    return pipeline.model_copy(update={"aep": target, "quality": quality, **changes})


class Neighboured(PipelineRunner):
    """A runner whose AEP sandbox has another pipeline, which leaves one batch a day to backfills."""

    def steps(self, *args: object, **more: object) -> DayRun:
        steps = super().steps(*args, **more)  # type: ignore[arg-type]
        other = for_profile(PIPELINES["hostile"], late_days=60, catch_up_days=0)
        more_days = 82 - batches_a_day(steps.workspace.pipeline) - 61
        other = other.model_copy(update={"catch_up_days": more_days})
        object.__setattr__(steps, "neighbours", lambda: Neighbours((other,)))
        return steps


def test_backfills_use_what_all_pipelines_of_the_aep_sandbox_leave(tmp_path: Path) -> None:
    with quick_sandbox(tmp_path / "sandbox") as server:
        runner = Neighboured(server.url, Lake(f"file://{tmp_path}/lake"), for_profile(PIPELINES["shop"]))
        runner.setup()
        first, second = (runner.steps(day, backfill=True) for day in DAYS[:2])
        assert first.load(first.to_staged()).active
        staged = second.to_staged()
        with pytest.raises(Throttled, match="scheduled runs need up to 89, and backfills") as throttled:
            second.ingest(staged)
        assert throttled.value.wait_seconds > 80_000
        scheduled = runner.steps(DAYS[1])
        assert isinstance(scheduled.load(scheduled.to_staged()), IngestResult)
