"""Record the outcome of a batch in the ledger: active, after its rows were counted, or failed, with AEP's reason."""

from __future__ import annotations

import json
import re
from contextlib import suppress

from include.aep.batch_state import BatchState, classify_status
from include.aep.failure_reasons import catalog_errors
from include.errors import (
    AccessDenied,
    BatchFailed,
    BatchUnconfirmed,
    CountMismatch,
    ServiceUnavailable,
    Throttled,
    Transient,
)
from include.lake.ledger_state import refused_record
from include.plural import counted
from include.steps.gzip_writer import gzip_writer
from include.steps.ingest.batch_loader import BatchLoader
from include.steps.ingest.partial_load import PartialLoad
from include.steps.workspace import Workspace


def record_active(work: BatchLoader, batch: str) -> list[str]:
    """Record that a batch is active, after a check that its active and its refused rows add up to the staged rows.

    Return the errors that AEP lists for the batch, as at most one text of codes and counts, without values.

    Raises:
        CountMismatch: AEP's counts differ, or AEP refused more rows than the pipeline's error threshold allows.
        LakeNotReadable: rows were refused, and AEP's data lake cannot be read to find out which.
        Transient: AEP has not counted the rows yet, or still shows the batches that this one replaces.
    """
    found, expected = work.aep.batches.find(batch), work.expected_rows(batch)
    rows, failed = (found.output_records, found.failed_records) if found else (None, None)
    if rows is None:
        raise Transient(
            f"AEP reports batch {batch} of partition {work.workspace.partition} as succeeded, but not its number of "
            "rows yet.",
            "A retry of this run requests the batch from AEP again.",
        )
    threshold = work.workspace.pipeline.aep.error_threshold_percent
    refused = expected - rows
    if (failed or 0) != refused or refused * 100 > threshold * expected:
        allowed = f"; aep.error_threshold_percent allows {threshold:g} percent" if threshold else ""
        raise CountMismatch(
            f"AEP reports batch {batch} as succeeded with {counted(rows, 'row')} and {failed or 0} failed ones, but "
            f"{expected} were staged for partition {work.workspace.partition}{allowed}.",
            "Compare the batch's failed rows with the staged files. Then revert the batch in AEP, and clear the task: "
            "it loads the partition again.",
        )
    replaces = next(r.replaces for r in reversed(work.records) if r.batch == batch and r.kind == "created")
    _require_replaced_gone(work, batch, replaces)
    fields: dict[str, object] = {"counts": {"active": rows}}
    earlier = None if replaces else refused_record(work.records)
    if found is not None and (refused or earlier is not None):
        fields = PartialLoad(work, found, rows, expected, earlier).record_fields()
    errors = "; ".join(catalog_errors(found)) if found is not None and found.errors else ""
    if errors:
        fields["note"] = f"AEP lists {errors}"
    work.record("active", batch, replaces=replaces, **fields)
    return [f"batch {batch}: {errors}"] if errors else []


def unconfirmed_batch_error(workspace: Workspace, batch: str, status: str | None) -> BatchUnconfirmed:
    """Return the error for a batch of the ledger that AEP does not confirm as existing and active.

    ``status``: the batch's status in AEP; None if AEP does not list the batch.
    """
    pipeline, day = workspace.pipeline.name, workspace.partition
    if status is None or classify_status(status) is BatchState.REFUSED:
        hint = (
            "If it stays so, check the dataset in AEP, then record its real state: mixpanel-aep ledger release "
            f"{pipeline} {day} --batch {batch} --why TEXT makes the next run load those rows again."
        )
    else:
        hint = (
            "If it stays so for a day, contact Adobe about the batch, or end it in AEP (abort or delete it). The next run "
            "then loads its rows again."
        )
    says = "does not list it" if status is None else f"reports its status as {status or 'nothing'}"
    return BatchUnconfirmed(
        f"The ledger of partition {day} names batch {batch}; AEP {says}.",
        f"A retry of this run requests the batch from AEP again. {hint}",
    )


def _require_replaced_gone(work: BatchLoader, batch: str, replaced: tuple[str, ...]) -> None:
    """Raise ``Transient`` while AEP still shows a replaced batch: until then, its rows are in AEP twice."""
    for other in replaced:
        found = work.aep.batches.find(other)
        if found is not None and classify_status(found.status) is not BatchState.GONE:
            raise Transient(
                f"AEP still shows batch {other} of partition {work.workspace.partition} as {found.status}, although "
                f"batch {batch} replaces it.",
                "A retry of this run checks it again. If it stays so, revert the older batch in AEP.",
            )


_OWN_FAILURE = re.compile(r"\b[A-Z]+-\d+-5\d\d\b")
"""Matches AEP's error codes for internal failures: a code ends with an HTTP status, 5xx for a failure of AEP."""


def record_failed(work: BatchLoader, batch: str) -> None:
    """Record that AEP refused a batch, and store AEP's report about the refused rows in quarantine.

    Raises:
        BatchFailed: the batch has the content that this run has to load, or AEP refused it as a duplicate.
    """
    why, found = work.aep.batches.why_failed(batch), work.aep.batches.find(batch)
    if found is not None and found.is_duplicate:
        # Do not record the batch as failed: the next run would then create a new batch of the same rows.
        raise _refused_batch_error(
            work,
            batch,
            why,
            "Its rows should be active in AEP under another batch; check there. No new batch is created from them, even "
            "if the task is cleared again. If they are missing: mixpanel-aep ledger release "
            f"{work.workspace.pipeline.name} {work.workspace.partition} --batch {batch} --why TEXT. The next run then "
            "loads the day.",
        )
    record = next(record for record in reversed(work.records) if record.batch == batch)
    kept = _keep_failed_rows(work, batch, record.staged)
    work.record("failed", batch, note=why, counts={"refused": kept})
    if (
        record.content == work.staged.content
    ):  # otherwise it is an earlier run's batch, and this run still has to load its own
        named = bool(kept) or " at " in why or "rows" in why
        if named and not _OWN_FAILURE.search(why):
            hint = "Correct the mapping or the schema, then clear the task transform."
        else:
            hint = "The cause is an error inside AEP. Clear the task ingest; if it fails again, contact Adobe with the batch id."
        raise _refused_batch_error(work, batch, why, f"None of the batch's rows are visible. {hint}")


def _keep_failed_rows(work: BatchLoader, batch: str, staged: str) -> int:
    """Store AEP's report about the refused rows in quarantine; return the number of reported rows.

    AEP removes the report after 30 days. If AEP denies access or is unavailable, the rows read so far are stored.
    """
    kept = 0
    with work.workspace.scratch() as scratch:
        path = scratch / "refused.jsonl.gz"
        with gzip_writer(path) as file, suppress(ServiceUnavailable, Throttled, AccessDenied):
            for row in work.aep.batches.failed_rows(batch):
                head = json.dumps({"step": "ingest", "batch": batch})[:-1].encode()
                file.write(head + b', "refused": ' + row.strip() + b"}\n")
                kept += 1
        if kept:
            work.workspace.lake.upload(work.workspace.partition.quarantine("ingest", staged), path)
    return kept


def _refused_batch_error(work: BatchLoader, batch: str, why: str, hint: str) -> BatchFailed:
    return BatchFailed(f"AEP refused batch {batch} of partition {work.workspace.partition}: {why}.", hint)
