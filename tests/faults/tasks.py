"""What runs for a whole pipeline, as the setup DAG, the reconcile DAG and a person at the command line run it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from include.steps.audit import Audit, audit_days
from include.steps.binding import open_history
from include.steps.origin import filter_digest
from tests.carrying import Carrier

TaskName = Literal["setup", "audit", "catch_up"]


def setup(carrier: Carrier, run: str) -> None:
    """The setup DAG."""
    carrier.setup()


def audit(carrier: Carrier, run: str) -> None:
    """Reconcile's last task."""
    now = carrier.clock.now()
    _audited(carrier).require_complete(now, carrier.pipeline.missing_grace_hours)


def catch_up(carrier: Carrier, run: str) -> None:
    """Reconcile, which loads the days that the audit calls missing, the newest first, within its limit."""
    missing = [audited.day for audited in reversed(_audited(carrier).missing)]
    for day in missing[: carrier.pipeline.catch_up_days]:
        carrier.ingest(day, carrier.steps(day, run, run).to_staged(), run)


def _audited(carrier: Carrier) -> Audit:
    opened = open_history(carrier.lake, carrier.pipeline, carrier.aep, carrier.source, all_days=True)
    current = {"filter": filter_digest(carrier.pipeline)}
    return audit_days(opened.history, carrier.pipeline, carrier.aep, carrier.clock.now(), current)


TASKS: Mapping[TaskName, Callable[[Carrier, str], None]] = {
    "setup": setup,
    "audit": audit,
    "catch_up": catch_up,
}
