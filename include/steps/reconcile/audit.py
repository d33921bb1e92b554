"""Audit a pipeline: account for every day from its first to the last settled one, by the batches' statuses in AEP."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from include.aep.client import AepClient
from include.config.model import Pipeline
from include.errors import DaysMissing
from include.lake.history import History
from include.lake.keys import PartitionKey
from include.lake.ledger_state import active_records
from include.lake.manifest import STEPS
from include.lake.manifests import manifest_keys
from include.mixpanel.event_time import settled_at
from include.plural import counted, is_or_are
from include.steps.history.day_states import DayState, read_days
from include.steps.reconcile.audited_day import COMPLETE, AuditedDay, DayStatus, Remedy, is_active, judge_day
from include.steps.reconcile.window import last_settled_day

__all__ = ["Audit", "AuditedDay", "DayStatus", "Remedy", "audit_days", "expected_days"]

_MOST_NAMED = 10
_NEVER_RUN = "never run"


@dataclass(frozen=True)
class Audit:
    """The audit of all days of a pipeline, oldest first.

    ``undated``: the ids of active batches of this project whose tags name no day.
    """

    pipeline: str
    days: tuple[AuditedDay, ...]
    undated: tuple[str, ...] = ()
    statuses: Mapping[str, str] = field(default_factory=dict)
    """AEP's status of each of this project's batches, by id."""

    @property
    def missing(self) -> tuple[AuditedDay, ...]:
        """The days whose rows are not all active in AEP."""
        return tuple(day for day in self.days if day.is_missing)

    @property
    def outdated(self) -> tuple[AuditedDay, ...]:
        """The days that were loaded with another filter, mapping, schema or time convention than the current one."""
        return tuple(day for day in self.days if day.outdated)

    @property
    def counts(self) -> dict[str, int]:
        """The number of days by status, the number of active ``rows``, and the number of rows that AEP ``refused``."""
        statuses = Counter(day.status.value for day in self.days)
        rows = {"rows": sum(day.rows for day in self.days), "refused": sum(day.refused for day in self.days)}
        return {**dict(sorted(statuses.items())), **rows}

    def days_to_catch_up(self, count: int, now: datetime, but: Sequence[date] = ()) -> list[date]:
        """Return at most ``count`` missing days for a run to load: first the days that were never tried, newest first.

        Days that were tried before follow in an order that changes every day, so that a day that always fails does not
        block the others. ``but``: days to leave out.
        """
        loadable = [day for day in reversed(self.missing) if day.is_loadable and day.day not in but]
        fresh = [day.day for day in loadable if day.reason == _NEVER_RUN]
        tried = [day.day for day in loadable if day.reason != _NEVER_RUN]
        turn = now.date().toordinal() * count % len(tried) if tried else 0
        return [*fresh, *tried[turn:], *tried[:turn]][:count]

    def require_complete(self, now: datetime, grace_hours: float) -> None:
        """Check that no day is missing for longer than the grace period.

        Raises:
            DaysMissing: days are missing, or batches name no day; the message has the reasons, the hint the remedies.
        """
        if self.undated:
            raise DaysMissing(
                f"AEP reports batches {', '.join(self.undated[:_MOST_NAMED])} as active. Their externalIds have this "
                "project's prefix but name no day, so their rows may be duplicates.",
                f"mixpanel-aep verify {self.pipeline} reports which rows are; revert the batches in AEP.",
            )
        overdue = [day for day in self.missing if now - day.settled > timedelta(hours=grace_hours)]
        if not overdue:
            return
        named = "; ".join(f"{day.day} ({day.reason})" for day in overdue[:_MOST_NAMED])
        more = f"; and {len(overdue) - _MOST_NAMED} more" if len(overdue) > _MOST_NAMED else ""
        raise DaysMissing(
            f"{len(overdue)} of {counted(len(self.days), 'day')} of pipeline {self.pipeline} {is_or_are(len(overdue))} missing in AEP for more than "
            f"{grace_hours:g} hours: {named}{more}.",
            _remedies(self.pipeline, overdue),
        )


def _remedies(pipeline: str, days: Sequence[AuditedDay]) -> str:
    """Return one sentence for each remedy, with the days that need it."""
    by_remedy: defaultdict[Remedy, list[str]] = defaultdict(list)
    for day in days:
        by_remedy[day.remedy].append(str(day.day))
    clauses = []
    for remedy, named in by_remedy.items():
        more = f" and {counted(len(named) - _MOST_NAMED, 'more day')}" if len(named) > _MOST_NAMED else ""
        text = remedy.value.replace("PIPELINE", pipeline)
        text = text.replace("DAY", named[0]) if len(named) == 1 else text
        clauses.append(f"For {', '.join(named[:_MOST_NAMED])}{more}: {text}.")
    return " ".join(clauses)


def audit_days(
    history: History,
    pipeline: Pipeline,
    aep: AepClient,
    now: datetime,
    current: Mapping[str, str] | None = None,
) -> Audit:
    """Compare the ledger of every day with one listing of the dataset's batches in AEP.

    ``current``: the digests of ``provenance.current_made_of``; a day that was loaded with others is listed as outdated.
    A day whose ledger cannot be read is missing.
    """
    states = read_days(history)
    batches = {
        batch.id: batch for batch in aep.catalog.batches_created_after(history.target.dataset_id, None)
    }
    active: defaultdict[date | None, list[str]] = defaultdict(list)
    for batch in batches.values():
        if batch.is_of_this_project and is_active(batch):
            active[batch.day].append(batch.id)
    days = []
    for day in expected_days(pipeline, now):
        settled = settled_at(day, pipeline.mixpanel, pipeline.settle_hours)
        state = states.get(day)
        if state is None and active[day]:
            reason = f"AEP reports batch {active[day][0]} of the day as active, but the day has no ledger"
            days.append(AuditedDay(day, DayStatus.UNKNOWN_BATCH, reason, settled, remedy=Remedy.RECOVER))
            continue
        if state is None:
            reason = _progress_without_ledger(history, pipeline, day)
            days.append(AuditedDay(day, DayStatus.NEVER_RUN, reason, settled, remedy=Remedy.RUN))
            continue
        status, reason, remedy = judge_day(day, state, batches)
        if status in COMPLETE and (strays := _surplus_batches(history, day, state, active[day])):
            status, remedy = DayStatus.UNKNOWN_BATCH, Remedy.REVERT
            reason = (
                f"AEP reports batch {strays[0]} of the day as active, but the ledger does not; compare them with mixpanel-aep "
                f"verify {pipeline.name} {day}"
            )
        rows = sum(load.rows for load in state.loads)
        outdated = _changed_inputs(state, current or {})
        days.append(AuditedDay(day, status, reason, settled, rows, outdated, remedy, state.refused))
    statuses = {batch.id: batch.status or "" for batch in batches.values() if batch.is_of_this_project}
    return Audit(pipeline.name, tuple(days), tuple(active[None]), statuses)


def expected_days(pipeline: Pipeline, now: datetime) -> list[date]:
    """Return all days from the pipeline's first to the last settled one."""
    count = (last_settled_day(pipeline, now) - pipeline.start_date).days + 1
    return [pipeline.start_date + timedelta(days=number) for number in range(count)]


def _surplus_batches(history: History, day: date, state: DayState, active: Sequence[str]) -> list[str]:
    """Return the active batches of a day that its ledger does not list as active: their rows may be duplicates."""
    strays = set(active) - {load.batch for load in state.loads}
    if strays:  # a run may have ended since the index was read
        strays -= {str(record.batch) for record in active_records(history.ledger(day).records())}
    return sorted(strays)


def _changed_inputs(state: DayState, current: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(
        name
        for name, digest in current.items()
        if any(load.made_of.get(name, digest) != digest for load in state.loads)
    )


def _progress_without_ledger(history: History, pipeline: Pipeline, day: date) -> str:
    """Return a phrase that names the last finished step of a day without a ledger."""
    partition = PartitionKey(pipeline.name, day)
    done = [step for step in STEPS if manifest_keys(history.lake, partition, step)]
    return f"never loaded; {done[-1]} is its last finished step" if done else _NEVER_RUN
