"""Builds ledger records for the tests of decide()."""

from __future__ import annotations

from include.aep.batch_state import BatchState
from include.lake.ledger import LedgerRecord
from include.steps.ingest.decide import Action

MINE, OTHER = "a" * 32, "b" * 32


A, O = Action, BatchState  # noqa: E741


def record(
    number: int, kind: str, content: str = MINE, batch: str | None = None, replaces: tuple[str, ...] = ()
) -> LedgerRecord:
    return LedgerRecord.model_validate({
        "number": number, "kind": kind, "run": "r", "at": "t", "content": content, "staged": content, "batch": batch,
        "replaces": replaces,
    })  # fmt: skip
