"""A batch belongs to the content that it was created for, also when a later run with other content finds it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from include.aep.batches import Batches
from include.lake.lake import Lake
from scripts.demo.evidence import Comparison
from tests.support.pipeline_runner import PIPELINES, PipelineRunner, quick_sandbox

pytestmark = pytest.mark.sandbox
DAY = date(2026, 7, 1)


def test_a_batch_committed_by_an_earlier_run_is_never_used_for_other_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The earlier run died after COMPLETE; since then the mapping changed and the number of rows did not."""

    def complete_and_die(batches: Batches, batch: str) -> None:
        real(batches, batch)
        raise KeyboardInterrupt

    real = Batches.complete
    with quick_sandbox(tmp_path / "sandbox") as server:
        runner = PipelineRunner(server.url, Lake(f"file://{tmp_path}/lake"), PIPELINES["hostile"])
        runner.setup()
        staged = runner.stage(DAY)
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(Batches, "complete", complete_and_die)
            runner.ingest(DAY, staged)

        before = runner.pipeline
        runner.pipeline = before.model_copy(update={"unmapped": "drop"})
        other = runner.stage(DAY)
        assert (other.rows, other.content != staged.content) == (staged.rows, True)
        later = runner.ingest(DAY, other, run="test/later")
        assert (later.active, len(later.batches)) == (staged.rows, 1), (
            "its rows are active, in the earlier form"
        )
        last = runner.records(DAY)[-1]
        assert (last.kind, last.content, last.staged) == ("active", staged.content, staged.digest)

        runner.pipeline = before
        assert runner.ingest(DAY, staged).again
        assert runner.compare(DAY) == Comparison(0, 0, 0)
