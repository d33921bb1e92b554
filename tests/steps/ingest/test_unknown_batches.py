"""A finished day is not green while AEP holds a batch of this project that the day's ledger does not count."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest

from include.errors import BatchFailed, DaysMissing, UnknownBatch
from include.lake.lake import Lake
from include.steps.history.open_history import open_history
from include.steps.reconcile.audit import audit_days
from tests.steps.test_contradictions import PIPELINE, Breaker
from tests.steps.verify.test_verify import NOON, OURS, row
from tests.support.pipeline_runner import loaded_sandbox

pytestmark = pytest.mark.sandbox
DAY, EMPTY = date(2026, 7, 1), date(2026, 7, 3)


@pytest.fixture
def loaded(tmp_path: Path) -> Iterator[Breaker]:
    with loaded_sandbox(tmp_path, DAY) as server:
        yield Breaker(server.url, Lake(f"file://{tmp_path}/lake"), PIPELINE)


def failed_before_its_successor(breaker: Breaker) -> str:
    """AEP reports a batch of late rows as failed, and a later batch of the same rows is active."""
    breaker.late("late-1")
    staged = breaker.stage(DAY, "late")
    breaker.post("/aep/settings", {"next_batches": [{"outcome": "status", "status": "failed"}]})
    with pytest.raises(BatchFailed):
        breaker.ingest(DAY, staged, "late")
    batch = str(breaker.records(DAY)[-1].batch)
    breaker.load(run="next", refresh="late")
    breaker.post(f"/aep/batches/{batch}", {"status": "success"})
    return batch


def released_without_query_service(breaker: Breaker) -> str:
    """The catalog does not list a batch; a person releases it, its rows are loaded again, and it reappears."""
    batch = str(breaker.records(DAY)[-1].batch)
    breaker.post("/aep/settings", {"query_licence": "missing"})
    breaker.post(f"/aep/batches/{batch}", {"vanished": True})
    breaker.release(batch)
    breaker.load(run="next")
    breaker.post(f"/aep/batches/{batch}", {"vanished": False})
    breaker.post("/aep/settings", {"query_licence": "granted"})
    return batch


@pytest.mark.parametrize("happens", [failed_before_its_successor, released_without_query_service])
def test_an_abandoned_batch_becomes_active_after_its_successor(
    loaded: Breaker, happens: Callable[[Breaker], str]
) -> None:
    batch = happens(loaded)
    assert len(loaded.active()) > len(set(loaded.active()))
    reported = (
        f"Record \\d+ of the ledger of partition {DAY} marks batch {batch} .* AEP now reports it as success"
    )
    for refresh in (None, "refresh"):
        with pytest.raises(UnknownBatch, match=f"{reported}.*revert it in AEP"):
            loaded.load(run="green?", refresh=refresh)
    loaded.aep.batches.revert(batch)
    loaded.load(run="after")
    assert len(loaded.active()) == len(set(loaded.active()))


def test_an_unknown_batch_stops_a_finished_day_and_an_empty_one(loaded: Breaker) -> None:
    loaded.load(EMPTY)
    assert loaded.records(EMPTY)[-1].kind == "empty"
    for day in (DAY, EMPTY):
        batch = loaded.add_batch(OURS.replace(str(DAY), str(day)), [row("f" * 64, NOON)])
        with pytest.raises(UnknownBatch, match=f"{batch}.*ledger adopt hostile {day} --batch {batch}"):
            loaded.load(day, run="again")
        loaded.aep.batches.revert(batch)
        loaded.load(day, run="after")


def test_a_batch_of_this_project_without_a_day_stops_every_run(loaded: Breaker) -> None:
    batch = loaded.add_batch("mixpanel-aep-manual-fix", [row(loaded.ids()[0], NOON), row("f" * 64, NOON)])
    for day in (DAY, EMPTY):
        with pytest.raises(UnknownBatch, match=f"{batch} .*names no day.*[Rr]evert"):
            loaded.load(day, run="again")
    opened = open_history(loaded.lake, loaded.pipeline, loaded.aep, loaded.source, all_days=True)
    now = NOON.replace(day=4)
    with pytest.raises(DaysMissing, match=batch):
        audit_days(opened.history, loaded.pipeline, loaded.aep, now).require_complete(now, 24)
    loaded.aep.batches.revert(batch)
    loaded.load(DAY, EMPTY, run="after")
