"""Audit: every day from the pipeline's first to the last settled one is accounted for, by AEP's own account."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import Enum

from include.aep.client import AepClient
from include.aep.decide import BatchOutlook, loads, outlook
from include.aep.model import Batch
from include.config.model import Pipeline
from include.errors import DaysMissing
from include.lake.history import History
from include.lake.keys import STEP_FOLDERS, PartitionKey
from include.mixpanel.time import settled_at
from include.steps.day_index import DayState, read_days
from include.steps.reconcile import last_settled_day

_MOST_NAMED = 10


class DayStatus(Enum):
    """What became of a day."""

    ACTIVE = "active"
    EMPTY = "empty"
    NEVER_RUN = "never run"
    FAILED = "failed"
    WAITING = "waiting"
    PARTLY_LOADED = "partly loaded"
    NOT_ACTIVE = "not active in AEP"
    UNKNOWN_BATCH = "batch that the ledger does not know"


_COMPLETE = (DayStatus.ACTIVE, DayStatus.EMPTY)


@dataclass(frozen=True)
class AuditedDay:
    """One day. ``settled``: when it could first be exported; ``rows``: active in AEP."""

    day: date
    status: DayStatus
    reason: str
    settled: datetime
    rows: int = 0
    outdated: tuple[str, ...] = ()
    """Which of ``filter``, ``mapping`` and ``schema`` have changed since the day was loaded."""

    @property
    def is_missing(self) -> bool:
        return self.status not in _COMPLETE


@dataclass(frozen=True)
class Audit:
    """All days of a pipeline, oldest first."""

    pipeline: str
    days: tuple[AuditedDay, ...]

    @property
    def missing(self) -> tuple[AuditedDay, ...]:
        return tuple(day for day in self.days if day.is_missing)

    @property
    def outdated(self) -> tuple[AuditedDay, ...]:
        """Days that were loaded under another filter, mapping or schema than today's."""
        return tuple(day for day in self.days if day.outdated)

    @property
    def counts(self) -> dict[str, int]:
        """Days by status, and active ``rows``."""
        statuses = Counter(day.status.value for day in self.days)
        return {**dict(sorted(statuses.items())), "rows": sum(day.rows for day in self.days)}

    def require_complete(self, now: datetime, grace_hours: float) -> None:
        """Refuse days that are missing for longer than the grace.

        Raises:
            DaysMissing: naming them, each with its reason.
        """
        overdue = [day for day in self.missing if now - day.settled > timedelta(hours=grace_hours)]
        if not overdue:
            return
        named = "; ".join(f"{day.day} ({day.reason})" for day in overdue[:_MOST_NAMED])
        more = f"; and {len(overdue) - _MOST_NAMED} more" if len(overdue) > _MOST_NAMED else ""
        raise DaysMissing(
            f"{len(overdue)} of {len(self.days)} days of pipeline {self.pipeline} are missing in AEP for more than "
            f"{grace_hours:g} hours: {named}{more}.",
            "Run a backfill of these days; catch_up_days of the pipeline file lets reconcile do that by itself.",
        )


def audit_days(
    history: History,
    pipeline: Pipeline,
    aep: AepClient,
    now: datetime,
    current: Mapping[str, str] | None = None,
) -> Audit:
    """Compare every day's ledger with one listing of the dataset's batches.

    ``current``: digests of today's ``filter``, ``mapping`` and ``schema``; days that were loaded under others are
    listed as outdated.
    """
    states = read_days(history)
    batches = {
        batch.id: batch for batch in aep.catalog.batches_created_after(history.target.dataset_id, None)
    }
    active: defaultdict[date | None, list[str]] = defaultdict(list)
    for batch in batches.values():
        if batch.is_ours and _is_active(batch):
            active[batch.day].append(batch.id)
    days = []
    for day in expected_days(pipeline, now):
        settled = settled_at(day, pipeline.mixpanel, pipeline.settle_hours)
        state = states.get(day)
        if state is None:
            days.append(AuditedDay(day, DayStatus.NEVER_RUN, _unloaded(history, pipeline, day), settled))
            continue
        status, reason = _judge(day, state, batches)
        if status in _COMPLETE and (strays := _strays(history, day, state, active[day])):
            status = DayStatus.UNKNOWN_BATCH
            reason = (
                f"AEP calls batch {strays[0]} of the day active, the ledger does not; compare them with mixpanel-aep "
                f"verify {pipeline.name} {day}"
            )
        rows = sum(load.rows for load in state.loads)
        days.append(AuditedDay(day, status, reason, settled, rows, _outdated(state, current or {})))
    return Audit(pipeline.name, tuple(days))


def expected_days(pipeline: Pipeline, now: datetime) -> list[date]:
    """The days from the pipeline's first to the last settled one."""
    count = (last_settled_day(pipeline, now) - pipeline.start_date).days + 1
    return [pipeline.start_date + timedelta(days=number) for number in range(count)]


def _judge(day: date, state: DayState, batches: Mapping[str, Batch]) -> tuple[DayStatus, str]:
    for load in state.loads:
        found = batches.get(load.batch)
        if found is not None and (found.day != day or found.output_records not in (None, load.rows)):
            reason = f"the ledger names batch {load.batch}, which in AEP is a load of {found.day or 'no day'} with {found.output_records} rows"
            return DayStatus.NOT_ACTIVE, reason
    not_active = [load.batch for load in state.loads if not _is_active(batches.get(load.batch))]
    if not_active:
        one = not_active[0]
        found = batches.get(one)
        says = f"calls it {found.status}" if found and found.status else "does not list it"
        reason = f"the ledger says that batch {one} is active, AEP {says}"
        part = len(not_active) < len(state.loads)
        return (DayStatus.PARTLY_LOADED if part else DayStatus.NOT_ACTIVE), reason
    if state.progress in ("waiting", "failed"):
        reason = (
            "a run has begun and not ended" if state.progress == "waiting" else "AEP refused the last batch"
        )
        if state.loads:
            return DayStatus.PARTLY_LOADED, f"late rows are not loaded: {reason}"
        return (DayStatus.WAITING if state.progress == "waiting" else DayStatus.FAILED), reason
    if state.loads:
        return DayStatus.ACTIVE, "active"
    if state.progress == "empty":
        return DayStatus.EMPTY, "no events"
    return DayStatus.NOT_ACTIVE, "its batch was taken back in AEP"


def _strays(history: History, day: date, state: DayState, active: Sequence[str]) -> list[str]:
    """Active batches of ours that are no loads of the day by its ledger: their rows may be there twice."""
    strays = set(active) - {load.batch for load in state.loads}
    if strays:  # a run may have ended since the index was read
        strays -= {str(record.batch) for record in loads(history.ledger(day).records())}
    return sorted(strays)


def _is_active(batch: Batch | None) -> bool:
    return batch is not None and outlook(batch.status) is BatchOutlook.ACTIVE


def _outdated(state: DayState, current: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(
        name
        for name, digest in current.items()
        if any(load.made_of.get(name, digest) != digest for load in state.loads)
    )


def _unloaded(history: History, pipeline: Pipeline, day: date) -> str:
    """How far a day has come that has no ledger yet."""
    partition = PartitionKey(pipeline.name, day)
    done = [
        step
        for step in STEP_FOLDERS
        if any(key.endswith("/manifest.json") for key in history.lake.keys(partition.step(step)))
    ]
    return f"never loaded; {done[-1]} is its last finished step" if done else "never run"
