"""What runs for a whole pipeline, as the setup DAG, the reconcile DAG and a person at the command line run it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Literal

from include.aep.decide import loads
from include.steps.clean import clean
from include.steps.export.step import export_partitions
from include.steps.history.open_history import open_history
from include.steps.history.provenance import filter_digest
from include.steps.reconcile.audit import Audit, audit_days
from include.steps.reconcile.window import days_to_reconcile
from include.steps.recover import recover
from include.steps.recover.aep_ids import AepIds, Writer
from include.steps.recover.amend import release
from tests.support.pipeline_runner import Carrier

TaskName = Literal["setup", "audit", "reconcile", "recover", "release", "clean"]


def setup(carrier: Carrier, run: str) -> None:
    """The setup DAG."""
    carrier.setup()


def audit(carrier: Carrier, run: str) -> None:
    """Reconcile's last task."""
    now = carrier.clock.now()
    _audited(carrier).require_complete(now, carrier.pipeline.missing_grace_hours)


def reconcile(carrier: Carrier, run: str) -> None:
    """Reconcile: the days of the window in one export, and the days that the audit calls missing, within the limit."""
    days = days_to_reconcile(carrier.pipeline, carrier.clock.now())
    if days:
        export_partitions([carrier.workspace(day) for day in days], carrier.source, carrier.mixpanel, run)
    limit = carrier.pipeline.catch_up_days
    missing = _audited(carrier).to_catch_up(limit, carrier.clock.now(), days) if limit else []
    for day in (*days, *missing):
        carrier.ingest(day, carrier.steps(day, run, run).to_staged(), run)


def recover_lake(carrier: Carrier, run: str) -> None:
    """``mixpanel-aep recover``, where no batch is open any more."""
    aep = carrier.aep
    opened = open_history(carrier.lake, carrier.pipeline, aep, carrier.source, any_lake=True, all_days=True)
    with aep.lake_reader() as reader:
        done = recover(opened.history, opened.dataset, reader, aep, carrier.pipeline)
    assert not done.refused, (run, done.refused)


def release_batches(carrier: Carrier, run: str) -> None:
    """``mixpanel-aep ledger release`` for every batch of a day that the catalog does not know."""
    aep, day = carrier.aep, date(2026, 7, 1)
    opened = open_history(carrier.lake, carrier.pipeline, aep, carrier.source, day)
    with aep.lake_reader() as reader:
        writer = Writer("release/a person", "it is gone for good")
        ids = AepIds(opened.history, opened.dataset, reader, carrier.pipeline, carrier.clock, writer)
        for record in loads(opened.history.ledger(day).records()):
            if aep.batches.find(str(record.batch)) is None:
                release(ids, aep, day, str(record.batch))


def clean_lake(carrier: Carrier, run: str) -> None:
    """Reconcile's task that removes what the retention does not keep."""
    clean(carrier.lake, carrier.pipeline, carrier.clock.now())


def _audited(carrier: Carrier) -> Audit:
    opened = open_history(carrier.lake, carrier.pipeline, carrier.aep, carrier.source, all_days=True)
    current = {"filter": filter_digest(carrier.pipeline)}
    return audit_days(opened.history, carrier.pipeline, carrier.aep, carrier.clock.now(), current)


TASKS: Mapping[TaskName, Callable[[Carrier, str], None]] = {
    "setup": setup,
    "audit": audit,
    "reconcile": reconcile,
    "recover": recover_lake,
    "release": release_batches,
    "clean": clean_lake,
}
