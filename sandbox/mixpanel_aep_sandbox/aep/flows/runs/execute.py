"""Execution of a run: exports the events of the run's window from Mixpanel, maps them, and creates a batch."""

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
from mixpanel_aep_sandbox.aep.flows.mapping_sets import find_mapping
from mixpanel_aep_sandbox.aep.flows.models import Entity, document_kind
from mixpanel_aep_sandbox.aep.flows.routes.connections import make_client
from mixpanel_aep_sandbox.aep.flows.source.mixpanel_client import MixpanelRequestError
from mixpanel_aep_sandbox.aep.flows.source.rows import InvalidEvent, parse_event, source_row
from mixpanel_aep_sandbox.aep.flows.source.time_zones import days_of_window, find_zone
from mixpanel_aep_sandbox.aep.ingestion.files import resolved_schema
from mixpanel_aep_sandbox.aep.ingestion.service_batches import make_batch
from mixpanel_aep_sandbox.core.json_types import JsonObject

COPY, PROCESS, CREATE = "CONNECTOR-1001-500", "CONNECTOR-2001-500", "CONNECTOR-3001-500"
"""Error codes for a failure of the export from Mixpanel, of the mapping, and of the creation of the batch."""


class RunFailed(Exception):
    """A run of a dataflow failed.

    Attributes:
        code: Adobe's error code for the part of the run that failed.
        message: The cause.
        copy: The counts of the data that was exported before; None if the export failed.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message = code, message
        self.copy: Entity | None = None


def execute(scope: AepSandboxScope, run: Entity) -> Entity:
    """Execute a run until its batch is completed, and return the fields to add to the run.

    Returns:
        An object with ``copy``, the counts of exported data. If there are rows, it also has ``batch``, the id of the
            batch, and ``mapper``, the counts of mapped rows.

    Raises:
        RunFailed: the export, the mapping or the creation of the batch failed.
    """
    flow = scope.get(document_kind(FLOWS), run["flowId"])
    base = scope.get(document_kind(CONNECTIONS), flow["ends"]["base"]) if flow else None
    if flow is None or base is None:
        raise RunFailed(COPY, "The dataflow or its base connection was deleted.")
    source = flow["ends"]["source"]
    where = find_zone(source["timezone"])
    assert where is not None, "validated when the source connection was created"
    start, end = run["window"]
    span = days_of_window(start, end, where, scope.now)
    if span is None:
        return {"copy": _copy_counts(scope, 0)}
    try:
        with make_client(scope.state, base).export(source["projectId"], *span) as lines:
            return _load_batch(scope, run, flow, lines)
    except MixpanelRequestError as error:
        status = "" if error.status is None else f"Mixpanel answered {error.status}: "
        raise RunFailed(COPY, f"{status}{error.text}") from error
    except InvalidEvent as error:
        raise RunFailed(COPY, f"Mixpanel's response is incomplete: {error}.") from error


def _load_batch(scope: AepSandboxScope, run: Entity, flow: Entity, lines: BinaryIO) -> Entity:
    """Map the exported lines to rows in a file, and create a batch with this file; return the fields of ``execute``.

    The batch is created after all rows have been mapped, so that an incomplete export does not create a batch.
    """
    dataset = flow["ends"]["target"]["dataSetId"]
    copied = _copy_counts(scope, lines.seek(0, 2))
    lines.seek(0)
    mapped = scope.state.store.file("flows", run["id"], secrets.token_hex(8))
    try:
        counts = _map_rows(_make_mapper(scope, flow, dataset), lines, mapped)
        if not counts["rows"]:
            # Without rows, no batch is created (assumed [I]), as "0-byte files are not ingestible"
            # (EP:ingestion/guardrails.md).
            return {"copy": copied}
        return {"copy": copied, "batch": _create_batch(scope, run, flow, dataset, mapped), "mapper": counts}
    except RunFailed as error:
        error.copy = copied
        raise
    finally:
        mapped.unlink(missing_ok=True)


def _make_mapper(scope: AepSandboxScope, flow: Entity, dataset: str) -> Mapper:
    """Return the mapper for the dataflow's mapping set and the schema of the dataset.

    Raises:
        RunFailed: the mapping set or the dataset was deleted.
    """
    params = next(step["params"] for step in flow["transformations"] if step["name"] == "Mapping")
    mapping = find_mapping(scope, params)
    if mapping is None:
        raise RunFailed(PROCESS, "The mapping set of the dataflow was deleted.")
    schema = resolved_schema(scope, dataset)
    if not schema:
        raise RunFailed(CREATE, "The dataset of the dataflow was deleted.")
    options = language_options(scope.state)
    return Mapper(mapping, schema, now_milliseconds=scope.state.clock.milliseconds, options=options)


def _map_rows(mapper: Mapper, lines: BinaryIO, into: Path) -> dict[str, int]:
    """Write the mapped rows of exported lines to a file, as JSON Lines, and return their counts.

    Returns:
        ``rows``: the number of all rows. ``rejected``: the number of rows without a required field whose mapping
            failed.
    """
    rows = rejected = 0
    with into.open("w", encoding="ascii") as file:
        for line in lines:
            mapped = mapper.map(source_row(parse_event(line)))
            file.write(json.dumps(mapped.data) + "\n")
            rows += 1
            rejected += mapped.rejected and any(error.code == TRANSFORM_ERROR for error in mapped.errors)
    return {"rows": rows, "rejected": rejected}


def _copy_counts(scope: AepSandboxScope, size: int) -> JsonObject:
    """Return the counts of copied data for an export of ``size`` bytes, with the current time as the end."""
    return {"bytes": size, "files": 1 if size else 0, "ended": scope.now}


def _create_batch(scope: AepSandboxScope, run: Entity, flow: Entity, dataset: str, mapped: Path) -> str:
    """Create a batch with one JSON Lines file, complete the batch, and return its id."""
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
        # In the same transaction, because after a crash between the two steps the rows would be loaded twice.
        scope.put(document_kind(RUNS), run["id"], {**run, "batch": batch})
    return batch
