"""The rows that can currently be read from a dataset; tests compare them with the rows that were sent."""

from __future__ import annotations

import json
from collections.abc import Iterator

from mixpanel_aep_sandbox.aep.core.scope import AepSandboxScope
from mixpanel_aep_sandbox.aep.ingestion.files import batch_files, read_rows, resolved_schema, result_path
from mixpanel_aep_sandbox.aep.ingestion.lifecycle import apply_due_changes, batches_of
from mixpanel_aep_sandbox.aep.ingestion.row_validation.checker import RowChecker
from mixpanel_aep_sandbox.aep.ingestion.row_validation.json_files import Corrupt
from mixpanel_aep_sandbox.aep.ingestion.row_validation.rules import RowRules
from mixpanel_aep_sandbox.aep.ingestion.settings import IngestSettings
from mixpanel_aep_sandbox.core.json_types import JsonObject


def active_batches(scope: AepSandboxScope, dataset: str) -> list[JsonObject]:
    """Return the batches of a dataset whose rows can be read (those in state ``success``), oldest first."""
    apply_due_changes(scope)
    return [batch for batch in batches_of(scope, dataset) if batch["state"] == "success"]


def active_ids(scope: AepSandboxScope, batch: JsonObject) -> Iterator[str]:
    """Yield the ``_id`` of every accepted row of a successful batch, each as a JSON string with its quotes."""
    with result_path(scope, batch["id"], "ids").open(encoding="ascii") as file:
        for line in file:
            yield line.rstrip("\n")


def active_rows(scope: AepSandboxScope, batch: JsonObject, only: int | None = None) -> Iterator[JsonObject]:
    """Yield the accepted rows of a successful batch as stored: converted, and without fields outside of the schema.

    Args:
        scope: The AEP sandbox.
        batch: The document of the batch.
        only: The index of the only file whose rows to yield, in ``batch_files``, from 0; None: all files.
    """
    resolved = resolved_schema(scope, batch["dataset"])
    form = batch["inputFormat"]["format"]
    settings = IngestSettings.of(scope.state)
    checker = RowChecker(RowRules(resolved), settings, nulls=form == "parquet", now_ms=batch["completed"])
    rejected = rejected_rows(scope, batch["id"])
    out = next(rejected, None)
    for number, body in enumerate(batch_files(scope, batch["id"])):
        if only is not None and number != only:
            continue
        while out is not None and out[0] < number:
            out = next(rejected, None)
        for index, row in enumerate(read_rows(scope, batch, body, resolved)):
            if out == (number, index):
                out = next(rejected, None)
            elif not isinstance(row, Corrupt):
                yield row if form == "csv" else checker.stored_row(row)


def rejected_rows(scope: AepSandboxScope, batch_id: str) -> Iterator[tuple[int, int]]:
    """Yield the position of every rejected row of a batch, in order.

    A position is the index of the file in the batch and the index of the row in the file, both from 0.
    """
    with result_path(scope, batch_id, "rejected").open(encoding="ascii") as file:
        for line in file:
            number, _, index = line.partition(" ")
            yield int(number), int(index)


def id_lines(scope: AepSandboxScope, dataset: str) -> Iterator[str]:
    """Yield one JSON line with ``_id`` and batch id for each row that can be read from a dataset."""
    for batch in active_batches(scope, dataset):
        for key in active_ids(scope, batch):
            yield f'{{"_id": {key}, "batch": "{batch["id"]}"}}\n'


def row_lines(scope: AepSandboxScope, dataset: str, limit: int) -> Iterator[str]:
    """Yield at most ``limit`` rows that can be read from a dataset, each as one JSON line."""
    left = limit
    for batch in active_batches(scope, dataset):
        for row in active_rows(scope, batch):
            if left <= 0:
                return
            left -= 1
            yield json.dumps(row) + "\n"
