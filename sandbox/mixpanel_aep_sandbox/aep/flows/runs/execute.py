"""Execution of a run: copy the events of its window from Mixpanel, map them, and create a batch."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import BinaryIO

from mixpanel_aep_sandbox.aep.core.errors import Problem
from mixpanel_aep_sandbox.aep.core.scope import AepSandboxScope
from mixpanel_aep_sandbox.aep.dataprep.mapper import TRANSFORM_ERROR, Mapper
from mixpanel_aep_sandbox.aep.dataprep.settings import language_options
from mixpanel_aep_sandbox.aep.flows.constants import CONNECTIONS, FLOWS, RUNS, SERVICE_CLIENT
from mixpanel_aep_sandbox.aep.flows.mapping_sets import mapping_of
from mixpanel_aep_sandbox.aep.flows.models import Entity, document_kind
from mixpanel_aep_sandbox.aep.flows.routes.connections import client_of
from mixpanel_aep_sandbox.aep.flows.source.mixpanel_client import MixpanelRequestError
from mixpanel_aep_sandbox.aep.flows.source.rows import InvalidEvent, event_of, source_row
from mixpanel_aep_sandbox.aep.flows.source.time_zones import days, zone
from mixpanel_aep_sandbox.aep.ingestion.files import resolved_schema
from mixpanel_aep_sandbox.aep.ingestion.service_batches import make_batch
from mixpanel_aep_sandbox.core.json_types import JsonObject

COPY, PROCESS, CREATE = "CONNECTOR-1001-500", "CONNECTOR-2001-500", "CONNECTOR-3001-500"


class RunFailed(Exception):
    """The run failed: a code of the connector, the cause, and what was copied before."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message = code, message
        self.copy: Entity | None = None


def execute(scope: AepSandboxScope, run: Entity) -> Entity:
    """Execute a run until its batch is complete, and return ``copy``, ``batch``, ``mapper``. Raises RunFailed."""
    flow = scope.get(document_kind(FLOWS), run["flowId"])
    base = scope.get(document_kind(CONNECTIONS), flow["ends"]["base"]) if flow else None
    if flow is None or base is None:
        raise RunFailed(COPY, "The dataflow was deleted, or its base connection.")
    source = flow["ends"]["source"]
    where = zone(source["timezone"])
    assert where is not None, "checked when the source connection was made"
    start, end = run["window"]
    span = days(start, end, where, scope.now)
    if span is None:
        return {"copy": _copy_counts(scope, 0)}
    try:
        with client_of(scope.state, base).export(source["projectId"], *span) as lines:
            return _load_batch(scope, run, flow, lines)
    except MixpanelRequestError as refusal:
        status = "" if refusal.status is None else f"Mixpanel answered {refusal.status}: "
        raise RunFailed(COPY, f"{status}{refusal.text}") from refusal
    except InvalidEvent as error:
        raise RunFailed(COPY, f"Mixpanel's response is incomplete: {error}.") from error


def _load_batch(scope: AepSandboxScope, run: Entity, flow: Entity, lines: BinaryIO) -> Entity:
    """Map all source rows into one file, then create the batch, so that an incomplete copy creates no batch."""
    dataset = flow["ends"]["target"]["dataSetId"]
    copied = _copy_counts(scope, lines.seek(0, 2))
    lines.seek(0)
    mapped = scope.state.store.file("flows", run["id"], secrets.token_hex(8))
    try:
        counts = _map(_mapper(scope, flow, dataset), lines, mapped)
        if not counts["rows"]:
            # [I] "0-byte files are not ingestible" (EP:ingestion/guardrails.md): without rows, no batch is created.
            return {"copy": copied}
        return {"copy": copied, "batch": _batch(scope, run, flow, dataset, mapped), "mapper": counts}
    except RunFailed as failed:
        failed.copy = copied
        raise
    finally:
        mapped.unlink(missing_ok=True)


def _mapper(scope: AepSandboxScope, flow: Entity, dataset: str) -> Mapper:
    params = next(step["params"] for step in flow["transformations"] if step["name"] == "Mapping")
    mapping = mapping_of(scope, params)
    if mapping is None:
        raise RunFailed(PROCESS, "The mapping set of the dataflow was deleted.")
    schema = resolved_schema(scope, dataset)
    if not schema:
        raise RunFailed(CREATE, "The dataset of the dataflow was deleted.")
    options = language_options(scope.state)
    return Mapper(mapping, schema, now_milliseconds=scope.state.clock.milliseconds, options=options)


def _map(mapper: Mapper, lines: BinaryIO, into: Path) -> dict[str, int]:
    """Write the mapped rows as JSON Lines; count all rows, and the rows without a required field due to a failed mapping."""
    rows = rejected = 0
    with into.open("w", encoding="ascii") as file:
        for line in lines:
            mapped = mapper.map(source_row(event_of(line)))
            file.write(json.dumps(mapped.data) + "\n")
            rows += 1
            rejected += mapped.rejected and any(error.code == TRANSFORM_ERROR for error in mapped.errors)
    return {"rows": rows, "rejected": rejected}


def _copy_counts(scope: AepSandboxScope, size: int) -> JsonObject:
    return {"bytes": size, "files": 1 if size else 0, "ended": scope.now}


def _batch(scope: AepSandboxScope, run: Entity, flow: Entity, dataset: str, mapped: Path) -> str:
    """Create a batch with one JSON Lines file and complete it."""
    options = flow.get("options", {})
    given = {
        "datasetId": dataset,
        "inputFormat": {"format": "json"},
        "enableErrorDiagnostics": options.get("errorDiagnosticsEnabled", False),
        "partialIngestionPercent": options.get("partialIngestionPercent"),
        "tags": {"flowId": [flow["id"]], "flowRunId": [run["id"]]},
    }
    with scope.state.store.transaction():
        try:
            batch = make_batch(scope, given, SERVICE_CLIENT, mapped)
        except Problem as problem:
            raise RunFailed(CREATE, problem.body["detail"]) from problem
        # Stored together, because a crash in between would load the rows twice.
        scope.put(document_kind(RUNS), run["id"], {**run, "batch": batch})
    return batch
