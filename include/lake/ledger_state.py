"""Derive the state of a partition from the records of its ledger. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence

from include.lake.ledger import LedgerRecord


def active_records(records: Sequence[LedgerRecord]) -> list[LedgerRecord]:
    """Return the newest ``active`` record of each batch whose rows are in the dataset, in order of their activation.

    Batches that were replaced or removed since are left out.
    """
    found: dict[str | None, LedgerRecord] = {}
    for record in records:
        if record.kind == "gone":
            found.pop(record.batch, None)
        elif record.kind == "active":
            for batch in record.replaces:
                found.pop(batch, None)
            found[record.batch] = record
    return list(found.values())


def refused_record(records: Sequence[LedgerRecord]) -> LedgerRecord | None:
    """Return a record whose ``ids`` are the day's rows that AEP refused and no active batch contains; None without one.

    It is a copy of the newest active record that has ``refused``, with this file as its ``ids``.
    """
    newest = next(
        (record for record in reversed(active_records(records)) if record.refused is not None), None
    )
    return newest.model_copy(update={"ids": newest.refused}) if newest is not None else None


def refused_rows(records: Sequence[LedgerRecord]) -> int:
    """Return the number of the day's rows that AEP refused and no active batch contains."""
    found = refused_record(records)
    return found.ids.rows if found is not None and found.ids is not None else 0


def in_flight(records: Sequence[LedgerRecord]) -> LedgerRecord | None:
    """Return the newest record of the unfinished batch: it is not active, and may still become so. None without one.

    A batch with the record ``failed`` counts as unfinished, because AEP can still change its status.
    """
    named = next((record for record in reversed(records) if record.batch and record.kind != "gone"), None)
    if named is None or named.kind == "active":
        return None
    # A person may have released a batch that was never active.
    is_released = any(
        r.kind == "gone" and r.batch == named.batch and r.number > named.number for r in records
    )
    return None if is_released else named


def batches_to_poll(records: Sequence[LedgerRecord]) -> list[str]:
    """Return the ids of the active batches and of the unfinished one: ``decide`` needs their statuses in AEP."""
    flying = in_flight(records)
    return [str(record.batch) for record in [*active_records(records), *([flying] if flying else [])]]
