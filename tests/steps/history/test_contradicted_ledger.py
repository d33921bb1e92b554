"""Records that contradict AEP, and rows that AEP lost: run, audit and verify each report them with a remedy."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from include.errors import (
    AmendmentRefused,
    BatchUnconfirmed,
    LedgerContradicted,
    Terminal,
    VerificationFailed,
)
from include.lake.lake import Lake
from include.steps.reconcile.audit import DayStatus, Remedy
from include.steps.verify.results import DayResult
from include.steps.verify.verified_days import VerifiedDay, write_verified
from tests.steps.test_contradictions import PIPELINE, Breaker
from tests.support.pipeline_runner import loaded_sandbox

pytestmark = pytest.mark.sandbox
DAY, NEXT = date(2026, 7, 1), date(2026, 7, 2)


@pytest.fixture
def loaded(tmp_path: Path) -> Iterator[Breaker]:
    with loaded_sandbox(tmp_path, DAY) as server:
        yield Breaker(server.url, Lake(f"file://{tmp_path}/lake"), PIPELINE)


def name_in_ledger(breaker: Breaker, kind: str, batch: str) -> None:
    """A record was forged, or copied by hand."""
    ledger = breaker.history(DAY).ledger(DAY)
    fields = ledger.records()[-1].model_dump(exclude={"number", "kind", "version", "history"})
    ledger.append(ledger.records(), kind, **{**fields, "batch": batch})  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["active", "completing"])
@pytest.mark.parametrize("other", ["day", "dataset"])
def test_a_record_with_a_batch_of_another_dataset_is_reported_and_released(
    loaded: Breaker, kind: str, other: str
) -> None:
    own = loaded.pipeline
    if other == "dataset":
        loaded.pipeline = own.model_copy(
            update={"aep": own.aep.model_copy(update={"dataset": "Another dataset"})}
        )
        loaded.setup()
        loaded.load()
    else:
        loaded.late("next", NEXT)
        loaded.load(NEXT)
    victim = str(loaded.records(DAY if other == "dataset" else NEXT)[-1].batch)
    loaded.pipeline = own
    name_in_ledger(loaded, kind, victim)
    before = loaded.active()
    with pytest.raises(LedgerContradicted, match=f"ledger release hostile {DAY} --batch {victim}"):
        loaded.load(run="again", refresh="again")
    assert loaded.audited().is_missing
    if kind == "active":
        with pytest.raises(VerificationFailed, match=victim):
            loaded.verify([DAY]).require_equal()
    loaded.release(victim)
    loaded.load(run="after", refresh="after")
    assert (loaded.audited().status, loaded.active()) == (DayStatus.ACTIVE, before)
    loaded.verify([DAY]).require_equal()


@pytest.mark.parametrize("damage", ["missing", "text", "ids of another day"])
def test_an_unreadable_ledger_stops_only_its_own_day(loaded: Breaker, damage: str) -> None:
    loaded.late("next", NEXT)
    loaded.load(NEXT)
    assert loaded.lake.root is not None
    ledger, others = (loaded.history(day).ledger(day) for day in (DAY, NEXT))
    path = loaded.lake.root / ledger.key(3)
    path.unlink()
    if damage != "missing":
        body = (loaded.lake.root / others.key(3)).read_text()
        path.write_text("{" if damage == "text" else body)
    assert (loaded.audited().status, loaded.audited(NEXT).status) == (DayStatus.UNREADABLE, DayStatus.ACTIVE)
    found = {result.day: result for result in loaded.verify().days}
    assert found[NEXT].is_equal
    assert f"mixpanel-aep recover PIPELINE {DAY}" in found[DAY].trouble
    (loaded.lake.root / ledger.prefix).rename(loaded.lake.root.parent / "moved")
    loaded.recover([DAY])
    loaded.load(run="after")
    assert loaded.audited().status is DayStatus.ACTIVE


def test_a_day_with_rows_that_verify_found_lost_is_replaced_once(loaded: Breaker) -> None:
    (first,) = {str(record.batch) for record in loaded.records(DAY) if record.batch}
    number = len(loaded.records(DAY))
    history = loaded.history(DAY)
    write_verified(history, [DayResult(DAY, ids=8, lost=3)], {DAY: number}, "2026-07-05T00:00:00+00:00")
    loaded.load(run="plain")
    assert loaded.records(DAY)[-1].batch == first
    for run in ("replace", "again"):
        done = loaded.ingest(DAY, loaded.stage(DAY, replace=True), run, replace=True)
        assert first not in done.batches
        assert done.again == (run == "again")
    loaded.check(8)


def test_a_verification_older_than_the_newest_load_replaces_nothing(loaded: Breaker) -> None:
    history, number = loaded.history(DAY), len(loaded.records(DAY))
    write_verified(history, [DayResult(DAY, lost=3)], {DAY: number - 1}, "2026-07-05T00:00:00+00:00")
    assert loaded.ingest(DAY, loaded.stage(DAY, replace=True), "r", replace=True).again
    assert VerifiedDay("", 1, lost=1).is_equal is False


@pytest.mark.parametrize(
    ("status", "released"),
    [("quarantining", False), ("loading", False), ("staging", False), ("failed", True), (None, True)],
)
def test_an_active_batch_is_named_and_release_is_advised_only_where_it_works(
    loaded: Breaker, status: str | None, released: bool
) -> None:
    batch = str(loaded.records(DAY)[-1].batch)
    change = {"status": "deleted", "vanished": True} if status is None else {"status": status}
    loaded.post(f"/aep/batches/{batch}", change)
    says = "does not list it" if status is None else f"reports its status as {status}"
    with pytest.raises(BatchUnconfirmed, match=f"names batch {batch}; AEP {says}") as refused:
        loaded.load(run="again")
    assert ("ledger release" in refused.value.hint) == released
    assert loaded.audited().remedy is (Remedy.RELEASE if released else Remedy.WAIT)
    if released:
        loaded.release(batch)
        loaded.load(run="after")
        loaded.check(8)
        return
    with pytest.raises(AmendmentRefused) as kept:
        loaded.release(batch)
    assert "Run the day" not in kept.value.hint


def test_a_replacement_by_much_fewer_rows_needs_confirmation(loaded: Breaker) -> None:
    for number in range(40):
        loaded.late(f"late-{number}")
    loaded.load(run="late", refresh="late")
    before = loaded.active()
    for number in range(12):
        loaded.leave_out(f"late-{number}")
    loaded.pipeline = loaded.pipeline.model_copy(
        update={"mixpanel": loaded.pipeline.mixpanel.model_copy(update={"where": 'properties["$insert_id"] == "late-1"'})}
    )  # fmt: skip
    staged = loaded.stage(DAY, "short", replace=True)
    with pytest.raises(Terminal, match=r"1 row would replace 48 active rows.*quality\.max_removed"):
        loaded.ingest(DAY, staged, "short", replace=True)
    assert loaded.active() == before
    quality = loaded.pipeline.quality.model_copy(update={"max_removed": 1.0})
    loaded.pipeline = loaded.pipeline.model_copy(update={"quality": quality})
    assert loaded.ingest(DAY, staged, "meant", replace=True).active == 1


def test_a_day_with_all_events_in_quarantine_is_not_called_empty(loaded: Breaker) -> None:
    properties = {"time": str(1_782_907_200 + 2 * 86_400), "distinct_id": "u", "$insert_id": "i"}
    event = {"event": "E", "properties": properties}
    loaded.post(f"/mixpanel/projects/{loaded.project_id}/events", {"events": [event]})
    quality = loaded.pipeline.quality.model_copy(update={"max_quarantined": 1.0})
    source = loaded.pipeline.mixpanel.model_copy(update={"events": ("E",)})
    loaded.pipeline = loaded.pipeline.model_copy(update={"quality": quality, "mixpanel": source})
    day = date(2026, 7, 3)
    loaded.load(day)
    found = loaded.audited(day)
    assert (found.status, found.reason) == (
        DayStatus.QUARANTINED,
        "no event is valid; events in quarantine: 1",
    )
