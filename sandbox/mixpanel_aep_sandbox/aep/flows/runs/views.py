"""Runs in the form of the API's responses, with their metrics and activities (EP:sources/tutorials/api/monitor.md).

The counts are those of the run's batch. A failed copy activity has the form of EP:observability/alerts/rules.md.
"""

from __future__ import annotations

from mixpanel_aep_sandbox.aep.catalog.routes.batches import batch_view as shown_batch
from mixpanel_aep_sandbox.aep.core.constants import EXPORT
from mixpanel_aep_sandbox.aep.core.scope import BATCHES, AepSandboxScope
from mixpanel_aep_sandbox.aep.dataprep.mapper import REQUIRED_MISSING, TRANSFORM_ERROR
from mixpanel_aep_sandbox.aep.flows.constants import RUNS
from mixpanel_aep_sandbox.aep.flows.models import Entity, save
from mixpanel_aep_sandbox.aep.flows.runs.execute import COPY, CREATE, PROCESS
from mixpanel_aep_sandbox.aep.ingestion.lifecycle import FINAL
from mixpanel_aep_sandbox.core.json_types import JsonObject

_MESSAGES = {
    COPY: "Error in copying the data from Source.",
    PROCESS: "Error occurred at promotion activity.",
    CREATE: "A problem occurred with the flow provider while creating batch using bulk ingest API.",
}
_CAUSE = "2200"
"""Error code of a cause. The samples have no other code, so it is used for every cause [I]."""
_INTERNAL_FIELDS = (
    *("source", "target", "type", "due", "window", "status", "started", "ended"),
    *("copy", "batch", "mapper", "failure", "outcome"),
)
"""Stored fields of a run that the API returns only in the run's metrics and activities."""
_INGESTED = ("success", "inactive", "deleted")
"""States of a batch that was ingested; a reverted batch had been ingested before."""


def update_outcome(scope: AepSandboxScope, run: Entity) -> Entity:
    """Return a run with the result of its batch.

    If the batch has reached a final state, its status and its counts are first stored in the run. Call
    ``apply_due_changes`` before, so that the state of the batch is up to date.
    """
    if run["status"] != "inProgress" or "batch" not in run:
        return run
    batch = scope.get(BATCHES, run["batch"])
    if batch is not None and batch["state"] not in (*FINAL, "inactive"):
        return run
    body = shown_batch(scope, batch) if batch else {}
    ingested = batch is not None and batch["state"] in _INGESTED
    with scope.state.store.transaction():
        return save(
            scope,
            RUNS,
            {
                **run,
                "status": "success" if ingested else "failed",
                "ended": body.get("completed", scope.now),
                "outcome": {"metrics": body.get("metrics", {}), "errors": body.get("errors", [])},
            },
        )


def flow_run_body(run: Entity, export_url: str) -> JsonObject:
    """Return a stored run in the form of the Flow Service API's responses.

    Args:
        run: The run.
        export_url: The base URL of the Data Access API, for links to files with rejected rows.
    """
    body = {name: value for name, value in run.items() if name not in _INTERNAL_FIELDS}
    activities = []
    if "copy" in run or "failure" in run:
        activities.append(_copy_activity(run))
    if "batch" in run or run.get("failure", {}).get("code") in (PROCESS, CREATE):
        activities.append(_promotion_activity(run, export_url))
    return {**body, "metrics": _metrics(run, activities), "activities": activities}


def last_run_details(run: Entity) -> JsonObject:
    """Return the ``lastRunDetails`` of a dataflow for its last run: id, state, and times of start and end."""
    times = {"startedAtUTC": run.get("started"), "completedAtUTC": run.get("ended")}
    set_times = {name: value for name, value in times.items() if value is not None}
    return {"id": run["id"], "state": run["status"], **set_times}


def _metrics(run: Entity, activities: list[JsonObject]) -> JsonObject:
    """Return the ``metrics`` of a run, which summarize its last activity."""
    status: JsonObject = {"status": run["status"]}
    if errors := _errors(run):
        status["errors"] = errors
    if "started" not in run:
        return {"statusSummary": status}
    metrics: JsonObject = {"durationSummary": _duration(run["started"], run.get("ended"))}
    if activities:
        last = activities[-1]
        refs = [last["id"]]
        metrics |= {name: last[name] for name in ("sizeSummary", "recordSummary")}
        files = {name: value for name, value in last["fileSummary"].items() if name != "extensions"}
        metrics["fileSummary"] = files | {"activityRefs": refs}
        status["activityRefs"] = refs
    return {**metrics, "statusSummary": status}


def _errors(run: Entity) -> list[JsonObject]:
    """Return the errors of the run as a whole: empty, or one entry for the step that failed.

    A successful run has an entry as well if rows were rejected below the error threshold.
    """
    if failure := run.get("failure"):
        return [{"code": failure["code"], "message": _MESSAGES[failure["code"]]}]
    if run["status"] == "failed" or run.get("outcome", {}).get("errors"):
        return [{"code": PROCESS, "message": _MESSAGES[PROCESS]}]
    return []


def _copy_activity(run: Entity) -> JsonObject:
    """Return the activity of a run that exports the data from Mixpanel, in the form of the API's responses."""
    copy = run.get("copy", {"bytes": 0, "files": 0, "ended": run.get("ended")})
    start, end = run["window"]
    return {
        "id": "copyActivity",
        "updatedAtUTC": copy["ended"],
        "durationSummary": {
            **_duration(run["started"], copy["ended"]),
            "extensions": {"windowStart": start, "windowEnd": end},
        },
        "sizeSummary": {"inputBytes": copy["bytes"], "outputBytes": copy["bytes"]},
        "recordSummary": _copied_records(run),
        "fileSummary": {"inputFileCount": copy["files"], "outputFileCount": copy["files"]},
        "statusSummary": _failed_status(run)
        if run.get("failure", {}).get("code") == COPY
        else {"status": "success", "extensions": {"type": run["type"]}},
        "sourceInfo": [
            {
                "id": run["source"],
                "type": "SourceConnection",
                "reference": {"type": "AdfRunId", "ids": [run["id"]]},
            }
        ],
    }


def _copied_records(run: Entity) -> JsonObject:
    """Return the ``recordSummary`` of the activity that exports the data from Mixpanel.

    It is empty if a promotion activity follows, as in Adobe's sample. A run without data has only this activity, with
    counts of 0.
    """
    if run.get("failure", {}).get("code") == COPY:
        return {"failedInfo": _causes(run)}
    return {} if run.get("copy", {}).get("bytes") else {"inputRecordCount": 0, "outputRecordCount": 0}


def _promotion_activity(run: Entity, export_url: str) -> JsonObject:
    """Return the activity of a run that maps the data and loads the batch, in the form of the API's responses."""
    metrics = run.get("outcome", {}).get("metrics", {})
    target: JsonObject = {"id": run["target"], "type": "TargetConnection"}
    files = _counts(metrics, inputFileCount="inputFileCount", outputFileCount="outputFileCount")
    if "batch" in run:
        meta = f"{export_url}{EXPORT}/batches/{run['batch']}/meta?path="
        files["extensions"] = {"manifest": {"fileInfo": f"{meta}input_files"}}
        target["reference"] = {"type": "Batch", "ids": [run["batch"]]}
        status = _batch_status(run, meta)
    else:
        status = _failed_status(run)
    ended = run.get("ended")
    return {
        "id": "promotionActivity",
        "updatedAtUTC": run["updatedAt"] if ended is None else ended,
        "durationSummary": _duration(run.get("copy", {}).get("ended", run["started"]), ended),
        "sizeSummary": _counts(metrics, inputBytes="inputByteSize", outputBytes="outputByteSize"),
        "recordSummary": _counts(
            metrics,
            inputRecordCount="inputRecordCount",
            outputRecordCount="outputRecordCount",
            failedRecordCount="failedRecordCount",
        ),
        "fileSummary": files,
        "statusSummary": status,
        "targetInfo": [target],
    }


def _batch_status(run: Entity, meta: str) -> JsonObject:
    """Return the ``statusSummary`` of a run with a batch: the status, and the causes with their numbers of rows.

    Args:
        run: The run.
        meta: The prefix of the URLs of the batch's diagnostics.
    """
    errors = run.get("outcome", {}).get("errors", [])
    if not errors:
        return {"status": run["status"], **({"errors": errors} if (errors := _errors(run)) else {})}
    rejected = run.get("mapper", {}).get("rejected", 0)
    causes: list[JsonObject] = []
    for error in errors:
        count = error.get("recordCount")
        if error["code"] == REQUIRED_MISSING and rejected:
            # In these rows, a required field is missing because its mapping failed: the mapping is the cause.
            mapper_error = {
                "code": TRANSFORM_ERROR,
                "recordCount": rejected,
                "message": "Mapper Transform Error",
            }
            causes.append(mapper_error)
            count = max(count - rejected, 0)
        if count != 0:
            record_count = {} if count is None else {"recordCount": count}
            causes.append({"code": error["code"], **record_count, "message": error["description"]})
    manifest = {"failedRecords": f"{meta}row_errors", "sampleErrors": f"{meta}row_error_samples.json"}
    extensions = {"manifest": manifest, "errors": causes}
    return {"status": run["status"], "errors": _errors(run), "extensions": extensions}


def _failed_status(run: Entity) -> JsonObject:
    """Return the ``statusSummary`` of an activity that failed without a batch."""
    return {"status": "failed", "errors": _errors(run), "extensions": {"errors": _causes(run)}}


def _causes(run: Entity) -> list[JsonObject]:
    return [{"code": _CAUSE, "message": run["failure"]["message"]}]


def _counts(metrics: JsonObject, **names: str) -> JsonObject:
    """Return some of a batch's metrics under other names.

    Args:
        metrics: The metrics of the batch.
        names: The names in ``metrics``, by the new names.
    """
    return {new: metrics[old] for new, old in names.items() if old in metrics}


def _duration(started: int, ended: int | None) -> JsonObject:
    return {"startedAtUTC": started} | ({} if ended is None else {"completedAtUTC": ended})
