"""Judge one day of the audit: its status by its ledger and by AEP, and the remedy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum

from include.aep.batch_state import BatchState, classify_status
from include.aep.model import Batch
from include.plural import counted
from include.steps.history.day_states import DayState, Load


class DayStatus(Enum):
    """The status of a day in the audit; a status in ``COMPLETE`` needs no action."""

    ACTIVE = "active"
    EMPTY = "empty"
    QUARANTINED = "all events in quarantine"
    NEVER_RUN = "never run"
    FAILED = "failed"
    WAITING = "waiting"
    PARTLY_LOADED = "partly loaded"
    NOT_ACTIVE = "not active in AEP"
    UNKNOWN_BATCH = "batch that the ledger does not know"
    UNREADABLE = "ledger that cannot be read"


class Remedy(Enum):
    """What to do about a missing day, as a text for people.

    A run may load a day without a person's decision only with ``RUN`` and ``CORRECT``.
    """

    NONE = ""
    RUN = "run a backfill; catch_up_days of the pipeline file lets reconcile do that automatically"
    CORRECT = (
        "correct what AEP names as the reason (mixpanel-aep ledger show PIPELINE DAY), then run a backfill"
    )
    WAIT = "wait until AEP has decided the batch; if it stays so for a day, contact Adobe about it"
    RELEASE = "mixpanel-aep ledger release PIPELINE DAY --batch ID --why TEXT, then run a backfill"
    REVERT = (
        "mixpanel-aep verify PIPELINE DAY reports which rows are duplicates; revert the batch in AEP, or mixpanel-aep "
        "ledger adopt PIPELINE DAY --batch ID --why TEXT"
    )
    RECOVER = "mixpanel-aep recover PIPELINE DAY reads the day's ledger from AEP"
    REBUILD = "move the day's ledger out of the lake, then mixpanel-aep recover PIPELINE DAY"


COMPLETE = (DayStatus.ACTIVE, DayStatus.EMPTY, DayStatus.QUARANTINED)
Verdict = tuple[DayStatus, str, Remedy]


@dataclass(frozen=True)
class AuditedDay:
    """The audit of one day.

    ``settled``: the time from which the day could be exported. ``rows``: the number of active rows.
    """

    day: date
    status: DayStatus
    reason: str
    settled: datetime
    rows: int = 0
    outdated: tuple[str, ...] = ()
    """What differs from the settings with which the day was loaded: ``filter``, ``mapping``, ``schema``, ``time``."""
    remedy: Remedy = Remedy.NONE
    refused: int = 0
    """The number of rows that AEP refused; they are in quarantine with a reason, and not active."""

    @property
    def is_missing(self) -> bool:
        """Whether rows of the day are not active in AEP."""
        return self.status not in COMPLETE

    @property
    def is_loadable(self) -> bool:
        """Whether a run may load the missing rows without a decision by a person."""
        return self.remedy in (Remedy.RUN, Remedy.CORRECT)


def judge_day(day: date, state: DayState, batches: Mapping[str, Batch]) -> Verdict:
    """Return the status, the reason and the remedy of a day.

    ``state``: the state of the day by its ledger. ``batches``: the batches of the dataset by id, as AEP lists them.
    """
    if state.progress == "unreadable":
        return DayStatus.UNREADABLE, state.trouble, Remedy.REBUILD
    for load in state.loads:
        found = batches.get(load.batch)
        if found is not None and (found.day != day or found.output_records not in (None, load.rows)):
            of = f"a load of {found.day or 'no day'} with {counted(found.output_records or 0, 'row')}"
            remedy = Remedy.RELEASE if found.day != day else Remedy.REBUILD
            return DayStatus.NOT_ACTIVE, f"the ledger names batch {load.batch}, which in AEP is {of}", remedy
    for load in state.loads:
        if not is_active(batches.get(load.batch)):
            return _judge_inactive_loads(state, load, batches)
    return _progress(state)


def is_active(batch: Batch | None) -> bool:
    """Return whether AEP reports a batch as active; False for None, a batch that AEP does not list."""
    return batch is not None and classify_status(batch.status) is BatchState.ACTIVE


def _judge_inactive_loads(state: DayState, load: Load, batches: Mapping[str, Batch]) -> Verdict:
    """Return the verdict on a day of which AEP does not report the batch of ``load`` as active."""
    found = batches.get(load.batch)
    says = f"reports its status as {found.status or 'nothing'}" if found else "does not list it"
    is_part = any(is_active(batches.get(other.batch)) for other in state.loads)
    match classify_status(found.status) if found else None:
        case BatchState.GONE:  # a run detects this and loads the rows again
            remedy = Remedy.RUN
        case None | BatchState.REFUSED:
            remedy = Remedy.RELEASE
        case _:
            remedy = Remedy.WAIT
    status = DayStatus.PARTLY_LOADED if is_part else DayStatus.NOT_ACTIVE
    return status, f"the ledger shows batch {load.batch} as active, but AEP {says}", remedy


def _progress(state: DayState) -> Verdict:
    """Return the verdict on a day whose active loads AEP confirms, or that has none."""
    if state.progress in ("waiting", "failed"):
        is_waiting = state.progress == "waiting"
        reason = "a run has started and not ended" if is_waiting else "AEP refused the last batch"
        remedy = Remedy.RUN if is_waiting else Remedy.CORRECT
        if state.loads:
            return DayStatus.PARTLY_LOADED, f"late rows are not loaded: {reason}", remedy
        return (DayStatus.WAITING if is_waiting else DayStatus.FAILED), reason, remedy
    if state.loads:
        refused = f"; rows refused by AEP, in quarantine: {state.refused}" if state.refused else ""
        return DayStatus.ACTIVE, f"active{refused}", Remedy.NONE
    if state.quarantined:
        reason = f"no event is valid; events in quarantine: {state.quarantined}"
        return DayStatus.QUARANTINED, reason, Remedy.NONE
    if state.progress == "empty":
        return DayStatus.EMPTY, "no events", Remedy.NONE
    return DayStatus.NOT_ACTIVE, "its batch was reverted in AEP", Remedy.RUN
