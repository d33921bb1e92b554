"""L: loading into AEP."""

from __future__ import annotations

from typing import Any

from include.aep.upload import UploadLimits
from tests.failures.aep_failure import at
from tests.failures.failure import answer, drop, html
from tests.faults.case import (
    ALL_OF_IT,
    NO_FAULTS,
    Case,
    Do,
    Elsewhere,
    Go,
    Json,
    becomes,
    dies,
    fault,
    forced,
    run,
    settings,
)
from tests.faults.process_run import DAYS, one_row_a_file
from tests.faults.scenario import Scenario

_ONE_RUN = "tests/airflow/test_faults_of_one_run.py"
_AGAIN = "again:ServiceUnavailable"
_FILES = {"prepare": one_row_a_file}
_CHUNKS = {"limits": UploadLimits(chunk_from_bytes=1000, chunk_bytes=1500)}
_EXPIRED = answer(401, body_json={"error_code": "401013"})
_THRESHOLD = {"aep": {"error_threshold_percent": 50}}
_TWICE = (*ALL_OF_IT[:3], *ALL_OF_IT)
_ROUTES = ("token", "dataset", "find", "create", "upload", "complete", "poll")


def _down(route: str, how: Json, ends: str = _AGAIN) -> tuple[Any, ...]:
    """A route fails for longer than a try lasts, and then works again."""
    return fault(at(route, {**how, "times": None})), Go(ends=ends), NO_FAULTS


def _grow(scenario: Scenario) -> None:
    """Add a field to the schema in AEP, as an administrator may."""
    group = scenario.stage.aep.registry.find_by_title("fieldgroups", "Fault fields")
    assert group is not None
    path = f"/definitions/customFields/properties/_acmesandbox/properties/mixpanel/properties/field_{scenario.project_id}"
    scenario.stage.aep.registry.patch(
        "fieldgroups",
        group["$id"],
        [{"op": "add", "path": path, "value": {"title": "New", "type": "string"}}],
    )


def _refused_once(scenario: Scenario) -> None:
    """Assert that the ledger says which row AEP refused, and how many."""
    (record,) = [each for each in scenario.records(DAYS[0]) if each.kind == "active"]
    assert record.counts == {"active": 2, "refused": 1}
    assert record.ids is not None and record.refused is not None
    assert (record.ids.rows, record.refused.rows) == (2, 1)


CASES: tuple[Case | Elsewhere, ...] = (
    Case("L01", "kill -9 before POST /batches", "nothing in AEP", (dies("batch.create.before"),), ledger=ALL_OF_IT),
    # The batch is not orphaned: its externalId follows from the content, so the next run finds it.
    Case("L02", "POST succeeds, its answer is lost", "the batch is found again, filled and completed",
         (fault(at("create", drop(after=True))), Go(ends=_AGAIN)), ledger=ALL_OF_IT),
    Case("L03", "kill -9 after POST, before the ledger's record", "as L02", (dies("batch.create.after"),), ledger=ALL_OF_IT),
    Case("L04", "kill -9 after the ledger's record, before upload", "resumes with the same batch", (dies("ledger.created.after"),),
         ledger=ALL_OF_IT),
    Case("L04/s3", "the same with a lake in S3", "resumes with the same batch", (dies("ledger.created.after"),), lake="s3",
         ledger=ALL_OF_IT),
    *(Case(f"L05/after file {number}", "kill -9 after file k of n", "resumes; every file once, under the same names",
           (dies("batch.upload.after", number),), scenario=_FILES, ledger=ALL_OF_IT) for number in (1, 2, 3)),
    Case("L05/in a chunked file", "kill -9 between two chunks", "the upload starts again under the same name",
         (dies("batch.chunk.after", 2),), scenario=_CHUNKS, ledger=ALL_OF_IT),
    Case("L06", "an upload's answer is lost, its bytes arrived", "the same name again; one file", (fault(at("upload", drop(after=True))),),
         ledger=ALL_OF_IT),
    Case("L07", "kill -9 before the record of completing", "resumes, then COMPLETE", (dies("ledger.completing.before"),), ledger=ALL_OF_IT),
    Case("L08", "kill -9 after the record, before the call", "COMPLETE", (dies("ledger.completing.after"),), ledger=ALL_OF_IT),
    Case("L08/s3", "the same with a lake in S3", "COMPLETE", (dies("ledger.completing.after"),), lake="s3", ledger=ALL_OF_IT),
    Case("L09", "kill -9 after COMPLETE was accepted", "watched, or COMPLETE again; one active batch", (dies("batch.complete.after"),),
         ledger=ALL_OF_IT),
    Case("L10/500", "COMPLETE answers 500, but is done", "as L09", (fault(at("complete", answer(500, after=True))),), ledger=ALL_OF_IT),
    Case("L10/silence", "COMPLETE's answer is lost", "as L09", (fault(at("complete", drop(after=True))),), ledger=ALL_OF_IT),
    *(Case(f"L11/{route}", "the token expires before this call", "a new token, the call again; nothing else is repeated",
           (fault(at(route, _EXPIRED)),), scenario=_FILES if route == "upload" else {}, ledger=ALL_OF_IT)
      for route in ("upload", "complete", "poll")),
    Case("L12/down", "IMS is down", "bounded retries; IdentityServiceUnavailable",
         _down("token", drop(None), "again:IdentityServiceUnavailable"), ledger=ALL_OF_IT),
    Case("L12/html", "IMS answers a page", "bounded retries; IdentityServiceUnavailable",
         _down("token", html(None), "again:IdentityServiceUnavailable"), ledger=ALL_OF_IT),
    Case("L12/expired", "IMS gives a token that has expired already", "bounded retries; IdentityServiceUnavailable",
         (fault(at("token", answer(200, body_json={"access_token": "sandbox-token-expired-0123456789abcdef", "expires_in": 0}))),), ledger=ALL_OF_IT),
    Case("L13/401", "401 after a new token too", "red, names what to check",
         _down("create", _EXPIRED, "red:CredentialsRejected"), ledger=ALL_OF_IT),
    Case("L13/403", "403", "red, names what to check",
         _down("create", answer(403, body_json={"error_code": "403027"}), "red:(CredentialsRejected|AccessDenied)"), ledger=ALL_OF_IT),
    Case("L13/no dataset", "the dataset is gone", "red, names the dataset",
         _down("dataset", answer(200, body_json={}), "red:DatasetMissing"), ledger=ALL_OF_IT),
    *(Case(f"L14/{route} {status}", "a storm of refusals", "waits as requested, to a deadline; then Airflow's retry",
           _down(route, answer(status, retry_after=1), "again:.*"), ledger=ALL_OF_IT)
      for status, routes in ((429, ("create", "poll")), (503, _ROUTES[1:])) for route in routes),
    Case("L15/413", "413 on a file", "sent again in chunks", (settings(small_file_bytes=2000),), ledger=ALL_OF_IT,
         scenario={"limits": UploadLimits(chunk_bytes=1500)}),
    Case("L15/400", "400: chunks overlap or are missing", "the file again, once, in smaller chunks", (fault(at("finish", answer(400))),),
         scenario=_CHUNKS, ledger=ALL_OF_IT),
    Case("L15/for ever", "400 for ever", "red", _down("finish", answer(400), "red:RequestRefused"), scenario=_CHUNKS, ledger=ALL_OF_IT),
    Case("L16", "the batch fails", "red with AEP's reasons; the next run makes a new batch",
         (forced({"outcome": "failed", "errors": [{"code": "INGEST-1401-400", "description": "x", "rows": []}]}),
          Go(ends="red:BatchFailed", says="rows cannot be parsed")), batches=2, ledger=(*ALL_OF_IT[:3], "failed", *ALL_OF_IT)),
    # Partial ingestion is off: a batch with a part of a day cannot be completed by another batch, only removed.
    *(Case(f"L17/{name}", "the batch succeeds in part", "red with both counts; reverted by a person, the day is loaded again",
           (forced({"outcome": "partial", "rows": 1, **more}), Go(ends="red:CountMismatch", says="2 rows .*3 were staged"),
            becomes("inactive")), batches=2, ledger=_TWICE)
      for name, more in (("counted", {}), ("silently", {"silent": True}))),
    *(Case(f"L17/{name}", "AEP leaves out a row within the error threshold, and the run is killed",
           "the row is in quarantine and not active; the next try writes the same and is green",
           (forced({"outcome": "refused", "rows": 1}), dies(at_failpoint)), pipeline=_THRESHOLD, active=2,
           ledger=ALL_OF_IT, check=_refused_once)
      for name, at_failpoint in (("before the ledger", "ledger.active.before"), ("before the ids", "partial.quarantine.after"))),
    *(Case(f"L18/{status}", "the batch is stuck past the deadline", "BatchStuck at every try; never a second batch",
           (forced({"outcome": "status", "status": status}), *([Go(run(polls=3), "again:BatchStuck", "may still become active")] * 2),
            becomes("success")), ledger=ALL_OF_IT) for status in ("loaded", "staged", "retrying", "stalled", "loading")),
    Case("L19", "the batch turns active after we gave up", "the next run sees it",
         (forced({"outcome": "stalled"}), Go(run(polls=2), "again:BatchStuck"), becomes("success"), Go()), ledger=ALL_OF_IT),
    Case("L20", "statuses that nobody knows, and that flap", "keeps waiting",
         (forced({"outcome": "path", "path": [{"status": word, "seconds": 0.05}
                                             for word in ("preparing", "retrying", "SUCCESSFUL", "processing", "retrying")]}),),
         ledger=ALL_OF_IT),
    Case("L21/lag", "Catalog does not know the new batch yet", "keeps waiting", (settings(catalog_lag_seconds=0.3),), ledger=ALL_OF_IT),
    Case("L21/vanished", "Catalog has lost the batch", "BatchUnconfirmed at every try, with the way out; never a second batch without a person",
         (forced({"outcome": "stalled"}), Go(run(polls=2), "again:BatchStuck"),
          Do("Catalog hides it", lambda scenario: scenario.change_batch(vanished=True)), Go(run(polls=3), "again:BatchUnconfirmed", "ledger release"),
          Do("Catalog shows it", lambda scenario: scenario.change_batch(vanished=False)), becomes("success")), ledger=ALL_OF_IT),
    Case("L22", "success, but the counts differ", "red, with both counts; it stays red until a person has looked",
         (forced({"outcome": "partial", "rows": 2, "silent": True}), *([Go(ends="red:CountMismatch")] * 2)), finally_=None, active=1, lost=2,
         ledger=ALL_OF_IT[:3]),
    # A batch that was ended in AEP cannot become active any more, so a new batch needs no release.
    *(Case(f"L23/{status}", "a user ends the batch in AEP", "a new batch; the ledger keeps both",
           (forced({"outcome": "stalled"}), Go(run(polls=2), "again:BatchStuck"), becomes(status)), batches=2, ledger=_TWICE)
      for status in ("aborted", "deleted")),
    Case("L23/taken back", "a user removes the active batch in AEP", "the day is loaded again; the ledger keeps both",
         (Go(), becomes("inactive")), run=run(name="another"), batches=2, ledger=(*ALL_OF_IT, "gone", *ALL_OF_IT)),
    Elsewhere("L24/cleared", "a deferred task is cleared", "watched on; one batch, no row twice",
              (f"{_ONE_RUN}::test_a_deferred_task_is_cleared_and_run_again",)),
    Elsewhere("L24/marked failed", "a deferred task is marked failed", "what was committed comes in; the next run records it",
              (f"{_ONE_RUN}::test_a_deferred_task_is_marked_failed",)),
    # AEP's schemas only grow, so staged files still fit; a file that does not fit fails the batch, which is L16.
    Case("L25", "the dataset's schema has grown since staging", "loaded nevertheless",
         (Go(run(until="stage")), Do("a new field", _grow)), ledger=ALL_OF_IT),
    Case("L26", "AEP takes the batch for a duplicate", "red at every try, no loop, and no second batch",
         (forced({"outcome": "duplicate"}), *([Go(ends="red:BatchFailed", says="considers it a duplicate")] * 2)), finally_=None, active=0, lost=3,
         ledger=ALL_OF_IT[:3]),
)  # fmt: skip
