"""Tasks for a whole pipeline, as the setup DAG, the reconcile DAG and a person at the command line run them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Literal

from include.lake.ledger_state import active_records
from include.steps.export.step import export_partitions
from include.steps.forget import Forgetting, GivenIds
from include.steps.history.open_history import open_history
from include.steps.history.provenance import filter_digest
from include.steps.reconcile.audit import Audit, audit_days
from include.steps.reconcile.window import days_to_reconcile
from include.steps.recover import recover
from include.steps.recover.aep_ids import AepIds, Writer
from include.steps.recover.amend import release
from include.steps.retention import clean
from tests.support.pipeline_runner import PipelineRunner

TaskName = Literal["setup", "audit", "reconcile", "recover", "release", "clean", "forget"]


def setup(runner: PipelineRunner, run: str) -> None:
    """Run the setup DAG's task."""
    runner.setup()


def audit(runner: PipelineRunner, run: str) -> None:
    """Run reconcile's last task."""
    now = runner.clock.now()
    _audited(runner).require_complete(now, runner.pipeline.missing_grace_hours)


def reconcile(runner: PipelineRunner, run: str) -> None:
    """Run reconcile: the days of the window in one export, and the missing days of the audit, within the limit."""
    days = days_to_reconcile(runner.pipeline, runner.clock.now())
    if days:
        export_partitions([runner.workspace(day) for day in days], runner.source, runner.mixpanel, run)
    limit = runner.pipeline.catch_up_days
    missing = _audited(runner).days_to_catch_up(limit, runner.clock.now(), days) if limit else []
    for day in (*days, *missing):
        runner.ingest(day, runner.steps(day, run, run).to_staged(), run)


def recover_lake(runner: PipelineRunner, run: str) -> None:
    """Run ``mixpanel-aep recover`` when no batch is open any more."""
    aep = runner.aep
    opened = open_history(runner.lake, runner.pipeline, aep, runner.source, any_lake=True, all_days=True)
    with aep.lake_reader() as reader:
        done = recover(opened.history, opened.dataset, reader, aep, runner.pipeline)
    assert not done.refused, (run, done.refused)


def release_batches(runner: PipelineRunner, run: str) -> None:
    """Run ``mixpanel-aep ledger release`` for every batch of a day that the catalog does not know."""
    aep, day = runner.aep, date(2026, 7, 1)
    opened = open_history(runner.lake, runner.pipeline, aep, runner.source, day)
    with aep.lake_reader() as reader:
        writer = Writer("release/a person", "it is gone for good")
        ids = AepIds(opened.history, opened.dataset, reader, runner.pipeline, runner.clock, writer)
        for record in active_records(opened.history.ledger(day).records()):
            if aep.batches.find(str(record.batch)) is None:
                release(ids, aep, day, str(record.batch))


def clean_lake(runner: PipelineRunner, run: str) -> None:
    """Run reconcile's task that removes expired files."""
    clean(runner.lake, runner.pipeline, runner.clock.now())


def forget_person(runner: PipelineRunner, run: str) -> None:
    """Run ``mixpanel-aep forget`` for the person of all events."""
    source = runner.source
    forgetting = Forgetting(runner.lake, runner.pipeline, source.project_id, runner.clock)
    forgetting.apply(forgetting.plan(GivenIds(frozenset({"u-1"}))), "a person")


def _audited(runner: PipelineRunner) -> Audit:
    opened = open_history(runner.lake, runner.pipeline, runner.aep, runner.source, all_days=True)
    current = {"filter": filter_digest(runner.pipeline)}
    return audit_days(opened.history, runner.pipeline, runner.aep, runner.clock.now(), current)


TASKS: Mapping[TaskName, Callable[[PipelineRunner, str], None]] = {
    "setup": setup,
    "audit": audit,
    "reconcile": reconcile,
    "recover": recover_lake,
    "release": release_batches,
    "clean": clean_lake,
    "forget": forget_person,
}
