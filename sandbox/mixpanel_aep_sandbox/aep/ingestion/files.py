"""The files that a batch is made of, their rows, and where the results of reading them are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mixpanel_aep_sandbox.aep.core.scope import DATASETS, AepSandboxScope, files_kind
from mixpanel_aep_sandbox.aep.ingestion.rows.csv_files import csv_rows
from mixpanel_aep_sandbox.aep.ingestion.rows.json_files import Row, json_array, json_lines, row_of
from mixpanel_aep_sandbox.aep.ingestion.rows.parquet_files import parquet_rows
from mixpanel_aep_sandbox.aep.registry.composition.resolve import find, resolve


def batch_files(scope: AepSandboxScope, batch_id: str) -> list[dict[str, Any]]:
    """The files that a batch is made of, in the order of their paths."""
    held = [body for _, body in scope.items(files_kind(batch_id)) if not body["open"]]
    return sorted(held, key=lambda body: str(body["path"]))


def result_path(scope: AepSandboxScope, batch_id: str, *parts: str) -> Path:
    return scope.state.store.file("aep", batch_id, "result", *parts)


def disk_path(scope: AepSandboxScope, body: dict[str, Any]) -> Path:
    """Where the bytes of an uploaded file are."""
    return scope.state.store.file("aep", body["batch"], body["name"])


def read_rows(
    scope: AepSandboxScope, batch: dict[str, Any], body: dict[str, Any], resolved: dict[str, Any] | None
) -> Iterator[Row]:
    """The rows of one uploaded file, as they were sent. Raises Unreadable, Incompatible or EmptyHeader.

    ``resolved``: the schema that Parquet's columns have to fit; None: any columns will do.
    """
    path, wanted = disk_path(scope, body), batch["inputFormat"]
    if wanted["format"] == "parquet":
        return iter(parquet_rows(path, resolved))
    if wanted["format"] == "csv":
        return iter(csv_rows(path, wanted))
    return map(row_of, raw_rows(path, wanted))


def raw_rows(path: Path, wanted: dict[str, Any]) -> Iterator[bytes]:
    """The rows of a JSON file as text."""
    return json_array(path) if wanted.get("isMultiLineJson") else json_lines(path)


def resolved_schema(scope: AepSandboxScope, dataset: str) -> dict[str, Any]:
    """The resolved schema of a dataset; empty when the dataset was deleted."""
    body = scope.get(DATASETS, dataset)
    schema = find(scope, body["schemaRef"]["id"]) if body else None
    return resolve(scope, schema) if schema else {}
