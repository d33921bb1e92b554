"""L: loading into AEP."""

from __future__ import annotations

from tests.failures.aep_failure import at
from tests.failures.failure import drop
from tests.faults.case import ALL_OF_IT, Case, Elsewhere, dies, fault

CASES: tuple[Case | Elsewhere, ...] = (
    Case("L01", "kill -9 before POST /batches", "nothing in AEP", (dies("batch.create.before"),),
         ledger=ALL_OF_IT),
    Case("L02", "POST succeeds, its answer is lost", "the batch is found again by its externalId",
         (fault(at("create", drop(after=True))),), ledger=ALL_OF_IT),
    Case("L03", "kill -9 after POST, before the ledger's record", "as L02", (dies("batch.create.after"),), ledger=ALL_OF_IT),
    Case("L04", "kill -9 after the ledger's record, before upload", "resumes with the same batch", (dies("ledger.created.after"),),
         ledger=ALL_OF_IT),
)  # fmt: skip
