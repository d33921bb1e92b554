"""A dataflow run as the Flow Service API returns it, with its metrics and activities (EP:sources/tutorials/api/monitor.md).

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
"""The only code of a cause in the samples; used for every cause [I]."""
_INSIDE = (
    *("source", "target", "type", "due", "window", "status", "started", "ended"),
    *("copy", "batch", "mapper", "failure", "outcome"),
)
"""Stored fields of a run that only its metrics and activities show."""
_GOOD = ("success", "inactive", "deleted")
"""A reverted batch had been ingested."""


def with_batch_outcome(scope: AepSandboxScope, run: Entity) -> Entity:
    """Return the run, marked as finished if its batch is finished; call this after ``settle``."""
    if run["status"] != "inProgress" or "batch" not in run:
        return run
    batch = scope.get(BATCHES, run["batch"])
    if batch is not None and batch["state"] not in (*FINAL, "inactive"):
        return run
    body = shown_batch(scope, batch) if batch else {}
    good = batch is not None and batch["state"] in _GOOD
    with scope.state.store.transaction():
        return save(
            scope,
            RUNS,
            {
                **run,
                "status": "success" if good else "failed",
                "ended": body.get("completed", scope.now),
                "outcome": {"metrics": body.get("metrics", {}), "errors": body.get("errors", [])},
            },
        )


def flow_run_body(run: Entity, export_url: str) -> JsonObject:
    """Return a dataflow run as the Flow Service API returns it.

    ``export_url``: the base URL of the Data Access API, for the links to files with rejected rows.
    """
    body = {name: value for name, value in run.items() if name not in _INSIDE}
    activities = []
    if "copy" in run or "failure" in run:
        activities.append(_copy(run))
    if "batch" in run or run.get("failure", {}).get("code") in (PROCESS, CREATE):
        activities.append(_promotion(run, export_url))
    return {**body, "metrics": _metrics(run, activities), "activities": activities}


def details(run: Entity) -> JsonObject:
    """Return a run as the ``lastRunDetails`` of its dataflow."""
    times = {"startedAtUTC": run.get("started"), "completedAtUTC": run.get("ended")}
    known = {name: value for name, value in times.items() if value is not None}
    return {"id": run["id"], "state": run["status"], **known}


def _metrics(run: Entity, activities: list[JsonObject]) -> JsonObject:
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
    """Return the errors of the run itself, one per step. Rows lost below the threshold are listed for successful runs, too."""
    if failure := run.get("failure"):
        return [{"code": failure["code"], "message": _MESSAGES[failure["code"]]}]
    if run["status"] == "failed" or run.get("outcome", {}).get("errors"):
        return [{"code": PROCESS, "message": _MESSAGES[PROCESS]}]
    return []


def _copy(run: Entity) -> JsonObject:
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
        "statusSummary": _failed(run)
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
    """Return the ``recordSummary`` of the copy activity: empty if a promotion activity follows, as in Adobe's sample.

    A run without data has only the copy activity, with counts of 0.
    """
    if run.get("failure", {}).get("code") == COPY:
        return {"failedInfo": _causes(run)}
    return {} if run.get("copy", {}).get("bytes") else {"inputRecordCount": 0, "outputRecordCount": 0}


def _promotion(run: Entity, export_url: str) -> JsonObject:
    metrics = run.get("outcome", {}).get("metrics", {})
    target: JsonObject = {"id": run["target"], "type": "TargetConnection"}
    files = _counts(metrics, inputFileCount="inputFileCount", outputFileCount="outputFileCount")
    if "batch" in run:
        meta = f"{export_url}{EXPORT}/batches/{run['batch']}/meta?path="
        files["extensions"] = {"manifest": {"fileInfo": f"{meta}input_files"}}
        target["reference"] = {"type": "Batch", "ids": [run["batch"]]}
        status = _of_batch(run, meta)
    else:
        status = _failed(run)
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


def _of_batch(run: Entity, meta: str) -> JsonObject:
    """Return status and errors of the batch, including rows that lost a required field by a failed transformation."""
    errors = run.get("outcome", {}).get("errors", [])
    if not errors:
        return {"status": run["status"], **({"errors": errors} if (errors := _errors(run)) else {})}
    lost = run.get("mapper", {}).get("rejected", 0)
    behind: list[JsonObject] = []
    for error in errors:
        count = error.get("recordCount")
        if error["code"] == REQUIRED_MISSING and lost:
            # These rows miss a required field because of their transformation, and are counted there.
            behind.append({"code": TRANSFORM_ERROR, "recordCount": lost, "message": "Mapper Transform Error"})
            count = max(count - lost, 0)
        if count != 0:
            counted = {} if count is None else {"recordCount": count}
            behind.append({"code": error["code"], **counted, "message": error["description"]})
    manifest = {"failedRecords": f"{meta}row_errors", "sampleErrors": f"{meta}row_error_samples.json"}
    extensions = {"manifest": manifest, "errors": behind}
    return {"status": run["status"], "errors": _errors(run), "extensions": extensions}


def _failed(run: Entity) -> JsonObject:
    return {"status": "failed", "errors": _errors(run), "extensions": {"errors": _causes(run)}}


def _causes(run: Entity) -> list[JsonObject]:
    return [{"code": _CAUSE, "message": run["failure"]["message"]}]


def _counts(metrics: JsonObject, **names: str) -> JsonObject:
    return {shown: metrics[kept] for shown, kept in names.items() if kept in metrics}


def _duration(started: int, ended: int | None) -> JsonObject:
    return {"startedAtUTC": started} | ({} if ended is None else {"completedAtUTC": ended})
