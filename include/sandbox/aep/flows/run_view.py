"""A run as others see it: metrics and activities (EP:sources/tutorials/api/monitor.md).

Its numbers are the batch's. A failed copy looks as in EP:observability/alerts/rules.md.
"""

from __future__ import annotations

from typing import Any

from include.sandbox.aep.catalog_batches import shown as shown_batch
from include.sandbox.aep.constants import EXPORT
from include.sandbox.aep.flows.carry_out import COPY, CREATE, PROCESS
from include.sandbox.aep.flows.constants import RUNS
from include.sandbox.aep.flows.entities import Entity, save
from include.sandbox.aep.lifecycle import FINAL
from include.sandbox.aep.place import BATCHES, Place

_MESSAGES = {
    COPY: "Error in copying the data from Source.",
    PROCESS: "Error occurred at promotion activity.",
    CREATE: "A problem occurred with the flow provider while creating batch using bulk ingest API.",
}
_CAUSE = "2200"
"""The one code of a cause that a sample has; used for every cause [I]."""
_HIDDEN = ("due", "window", "status", "started", "ended", "copy", "batch", "mapper", "failure", "outcome")
_SHOWN_ALSO = ("sources", "targets", "type")
_GOOD = ("success", "inactive", "deleted")
"""A batch that was reverted had been ingested."""
Json = dict[str, Any]


def settled(place: Place, run: Entity) -> Entity:
    """The run, ended when its batch has: to be called after ``settle``."""
    if run["status"] != "inProgress" or "batch" not in run:
        return run
    batch = place.get(BATCHES, run["batch"])
    if batch is not None and batch["state"] not in (*FINAL, "inactive"):
        return run
    body = shown_batch(place, batch) if batch else {}
    good = batch is not None and batch["state"] in _GOOD
    with place.world.store.transaction():
        return save(
            place,
            RUNS,
            {
                **run,
                "status": "success" if good else "failed",
                "ended": body.get("completed", place.now),
                "outcome": {"metrics": body.get("metrics", {}), "errors": body.get("errors", [])},
            },
        )


def shown(run: Entity, export_url: str) -> Json:
    """``export_url`` is where Data Access answers."""
    body = {name: value for name, value in run.items() if name not in (*_HIDDEN, *_SHOWN_ALSO)}
    activities = [_copy(run)] if "copy" in run or run.get("failure", {}).get("code") == COPY else []
    if "batch" in run:
        activities.append(_promotion(run, export_url))
    return {**body, "metrics": _metrics(run, activities), "activities": activities}


def _metrics(run: Entity, activities: list[Json]) -> Json:
    status: Json = {"status": run["status"]}
    if errors := _errors(run):
        status["errors"] = errors
    if "started" not in run:
        return {"statusSummary": status}
    metrics: Json = {"durationSummary": _duration(run["started"], run.get("ended"))}
    if activities:
        last = activities[-1]
        refs = [last["id"]]
        metrics |= {name: last[name] for name in ("sizeSummary", "recordSummary")}
        files = {name: value for name, value in last["fileSummary"].items() if name != "extensions"}
        metrics["fileSummary"] = files | {"activityRefs": refs}
        status["activityRefs"] = refs
    return {**metrics, "statusSummary": status}


def _errors(run: Entity) -> list[Json]:
    """The run's own errors, one a step. Rows that were lost below the threshold are errors of a success too."""
    if failure := run.get("failure"):
        return [{"code": failure["code"], "message": _MESSAGES[failure["code"]]}]
    if run["status"] == "failed" or run.get("outcome", {}).get("errors"):
        return [{"code": PROCESS, "message": _MESSAGES[PROCESS]}]
    return []


def _copy(run: Entity) -> Json:
    copy, failure = run.get("copy", {}), run.get("failure", {})
    status: Json = {"status": "success", "extensions": {"type": run["type"]}}
    records: Json = {} if copy.get("bytes", 1) else {"inputRecordCount": 0, "outputRecordCount": 0}
    if failure.get("code") == COPY:
        cause = [{"code": _CAUSE, "message": failure["message"]}]
        records = {"failedInfo": cause}
        status = {"status": "failed", "errors": _errors(run), "extensions": {"errors": cause}}
    ended = copy.get("ended", run.get("ended"))
    start, end = run["window"]
    size, files = copy.get("bytes", 0), copy.get("files", 0)
    reference = {"type": "AdfRunId", "ids": [run["id"]]}
    return {
        "id": "copyActivity",
        "updatedAtUTC": ended,
        "durationSummary": {
            **_duration(run["started"], ended),
            "extensions": {"windowStart": start, "windowEnd": end},
        },
        "sizeSummary": {"inputBytes": size, "outputBytes": size},
        "recordSummary": records,
        "fileSummary": {"inputFileCount": files, "outputFileCount": files},
        "statusSummary": status,
        "sourceInfo": [{"id": run["sources"][0], "type": "SourceConnection", "reference": reference}],
    }


def _promotion(run: Entity, export_url: str) -> Json:
    outcome = run.get("outcome", {"metrics": {}, "errors": []})
    metrics = outcome["metrics"]
    meta = f"{export_url}{EXPORT}/batches/{run['batch']}/meta?path="
    status: Json = {"status": run["status"]}
    if outcome["errors"]:
        status |= {
            "errors": _errors(run),
            "extensions": {
                "manifest": {
                    "failedRecords": f"{meta}row_errors",
                    "sampleErrors": f"{meta}row_error_samples.json",
                },
                "errors": _row_errors(run, outcome["errors"]),
            },
        }
    return {
        "id": "promotionActivity",
        "updatedAtUTC": run.get("ended", run["updatedAt"]),
        "durationSummary": _duration(
            run["copy"]["ended"] if "copy" in run else run["started"], run.get("ended")
        ),
        "sizeSummary": _counts(metrics, inputBytes="inputByteSize", outputBytes="outputByteSize"),
        "recordSummary": _counts(
            metrics,
            inputRecordCount="inputRecordCount",
            outputRecordCount="outputRecordCount",
            failedRecordCount="failedRecordCount",
        ),
        "fileSummary": {
            **_counts(metrics, inputFileCount="inputFileCount", outputFileCount="outputFileCount"),
            "extensions": {"manifest": {"fileInfo": f"{meta}input_files"}},
        },
        "statusSummary": status,
        "targetInfo": [
            {
                "id": run["targets"][0],
                "type": "TargetConnection",
                "reference": {"type": "Batch", "ids": [run["batch"]]},
            }
        ],
    }


def _row_errors(run: Entity, errors: list[Json]) -> list[Json]:
    """The batch's errors, and how many of its rows a failed transformation has cost a required field."""
    told = []
    for error in errors:
        count = {"recordCount": error["recordCount"]} if "recordCount" in error else {}
        told.append({"code": error["code"], **count, "message": error["description"]})
    mapper = run.get("mapper", {}).get("rejected", 0)
    lost = {"code": "MAPPER-3700-400", "recordCount": mapper, "message": "Mapper Transform Error"}
    return [*told, lost] if mapper else told


def _counts(metrics: Json, **names: str) -> Json:
    return {shown: metrics[kept] for shown, kept in names.items() if kept in metrics}


def _duration(started: int, ended: int | None) -> Json:
    return {"startedAtUTC": started} | ({} if ended is None else {"completedAtUTC": ended})
