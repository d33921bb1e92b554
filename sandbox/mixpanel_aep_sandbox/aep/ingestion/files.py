"""The uploaded files of a batch, their rows, and the paths of the files that the processing of the batch writes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mixpanel_aep_sandbox.aep.core.scope import DATASETS, AepSandboxScope, files_kind
from mixpanel_aep_sandbox.aep.ingestion.row_validation.csv_files import csv_rows
from mixpanel_aep_sandbox.aep.ingestion.row_validation.json_files import Row, json_array, json_lines, row_of
from mixpanel_aep_sandbox.aep.ingestion.row_validation.parquet_files import parquet_rows
from mixpanel_aep_sandbox.aep.registry.composition.resolve import find_resource, resolve
from mixpanel_aep_sandbox.core.json_types import JsonObject


def batch_files(scope: AepSandboxScope, batch_id: str) -> list[JsonObject]:
    """Return the documents of a batch's completely uploaded files, ordered by their paths."""
    held = [body for _, body in scope.items(files_kind(batch_id)) if not body["open"]]
    return sorted(held, key=lambda body: str(body["path"]))


def result_path(scope: AepSandboxScope, batch_id: str, *parts: str) -> Path:
    """Return the path on disk of a file that the processing of a batch writes, such as ``ids`` or ``rejected``."""
    return scope.state.store.file("aep", batch_id, "result", *parts)


def disk_path(scope: AepSandboxScope, body: JsonObject) -> Path:
    """Return the path on disk of an uploaded file; ``body`` is the file's document."""
    return scope.state.store.file("aep", body["batch"], body["name"])


def read_rows(
    scope: AepSandboxScope, batch: JsonObject, body: JsonObject, resolved: JsonObject | None
) -> Iterator[Row]:
    """Yield the rows of one uploaded file as the client sent them; an unparsable JSON row is yielded as ``Corrupt``.

    Args:
        scope: The AEP sandbox.
        batch: The document of the batch.
        body: The document of the file.
        resolved: The schema that the columns of a Parquet file must match; None: all columns are accepted.

    Raises:
        Unreadable, Incompatible, EmptyHeader: The whole file is invalid.
    """
    path, input_format = disk_path(scope, body), batch["inputFormat"]
    if input_format["format"] == "parquet":
        return iter(parquet_rows(path, resolved))
    if input_format["format"] == "csv":
        return iter(csv_rows(path, input_format))
    return map(row_of, raw_rows(path, input_format))


def raw_rows(path: Path, input_format: JsonObject) -> Iterator[bytes]:
    """Yield the text of each row of a JSON file, unparsed: lines, or the items of an array."""
    return json_array(path) if input_format.get("isMultiLineJson") else json_lines(path)


def resolved_schema(scope: AepSandboxScope, dataset: str) -> JsonObject:
    """Return the resolved schema of a dataset (by id); an empty object if the dataset or schema was deleted."""
    body = scope.get(DATASETS, dataset)
    schema = find_resource(scope, body["schemaRef"]["id"]) if body else None
    return resolve(scope, schema) if schema else {}
