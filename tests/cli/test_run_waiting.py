"""A user who waits for AEP sees the batch's status."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest

from include.aep.model import Batch
from include.cli.console import Output
from include.cli.run_day import BatchReporter
from include.clock import Clock
from include.steps.ingest.step import IngestResult, PendingBatch
from include.steps.run_day import DayRun

pytestmark = pytest.mark.unit


def test_the_status_of_the_batch_is_printed_every_minute(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    waited = [0.0]
    clock = Clock(lambda: waited[0], lambda seconds: waited.__setitem__(0, waited[0] + seconds))
    done = IngestResult(("B",), 1, 1, late=False, again=False)

    def ingest(_: object) -> Any:
        return done if waited[0] >= 150 else PendingBatch("B")

    def find(batch: str) -> Batch | None:
        return Batch(batch, "quarantining") if waited[0] < 100 else None

    aep: Any = SimpleNamespace(batches=SimpleNamespace(find=find))
    workspace: Any = SimpleNamespace(clock=clock)
    nothing: Any = None
    steps = DayRun(workspace, nothing, nothing, aep, "run")
    monkeypatch.setattr(DayRun, "ingest", lambda _, staged: ingest(staged))
    staged: Any = SimpleNamespace(partition=date(2026, 7, 1))
    assert steps.load(staged, on_wait=BatchReporter(aep, clock, Output())) is done
    reported = [line.split("waiting")[1] for line in capsys.readouterr().out.splitlines()]
    assert reported == [" for AEP: batch B is 'quarantining'", " for AEP: batch B is not listed"]
