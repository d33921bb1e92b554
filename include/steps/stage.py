"""Stage: files exactly as AEP takes them, sized for AEP and named by what is in them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

from include.aep.decide import loads
from include.errors import PayloadTooLarge
from include.lake.history import History
from include.lake.lake import sha256_file
from include.lake.manifest import LakeFile, Manifest, digest_of, upload_file
from include.quality.suite import present
from include.steps.choose import unloaded_rows
from include.steps.id_sets import write_ids
from include.steps.origin import made_of, require_exported_from, require_one_recipe, source_of
from include.steps.transform import open_duckdb
from include.steps.workspace import DATA_VERSION, Workspace

FILE_ROWS = 500_000
"""Rows of one staged file: some 100 MB, below AEP's 256 MB for a single upload; a larger file is sent in chunks."""
MOST_FILES, MOST_BYTES = 1500, 100_000_000_000
"""What AEP takes as one batch (EP:ingestion/guardrails.md)."""


def stage_partition(
    workspace: Workspace, valid: Manifest, history: History | None = None, *, replace: bool = False
) -> Manifest:
    """Stage the valid rows that are not active at AEP yet, or find them staged; with ``replace`` all of them.

    ``counts``: ``staged``; where rows are active already, also ``already_active``, ``changed`` and ``vanished``.
    ``details``: ``beside`` (the staged digests of the loads that were excluded), ``ids`` (the file of the ``_id``s),
    ``recipe``, ``made_of``, and the ``source`` of the events. Without a history nothing counts as active.

    Raises:
        AnotherSource: the events are from another project than the history is bound to.
        PayloadTooLarge: they are more than AEP takes in one batch.
    """
    mapped = workspace.require("transform", valid.inputs["transform"])
    raw = workspace.require("export", mapped.inputs["export"])
    if history is not None:
        require_exported_from(history, raw)
    records = history.ledger(workspace.partition.day).records() if history is not None else []
    active = [] if replace else loads(records)
    excluded = {record.staged for record in active}
    if (loaded := _already_loaded(workspace, valid, excluded)) is not None:
        return loaded
    recipe = int(mapped.details.get("recipe", 1))
    require_one_recipe(workspace, active, recipe)
    file_format = workspace.pipeline.aep.file_format
    inputs = {
        "validate": valid.digest,
        "beside": ",".join(sorted(excluded)),
        "format": file_format,
        "file_rows": str(FILE_ROWS),
        "data_version": str(DATA_VERSION),
    }
    if history is not None:
        inputs["history"] = history.target.digest
    digest = digest_of(inputs)
    done = workspace.find("stage", digest)
    if done is not None:
        return done
    files, ids = [], None
    with workspace.scratch() as scratch, open_duckdb(scratch) as db:
        paths = workspace.local_files(valid, scratch)
        unloaded = unloaded_rows(db, workspace, mapped, paths, active, scratch)
        for path, rows in _write(unloaded.tables(), scratch, file_format):
            name = f"events-{sha256_file(path)[:16]}.{file_format}"
            key = f"{workspace.partition.output('stage', digest)}/{name}"
            files.append(upload_file(workspace.lake, key, path, rows))
            path.unlink()
            _require_room(workspace, files)
        if files and history is not None:
            ids = write_ids(db, unloaded.ids, history, workspace, digest, scratch)
    return workspace.publish(
        step="stage",
        digest=digest,
        inputs=inputs,
        files=tuple(files),
        counts={"staged": sum(file.rows for file in files), **unloaded.counts},
        details={
            "beside": sorted(excluded),
            "ids": ids.model_dump() if ids else None,
            "recipe": recipe,
            "made_of": made_of(workspace.pipeline, mapped),
            "source": source_of(raw),
        },
    )


def _already_loaded(workspace: Workspace, valid: Manifest, active: set[str]) -> Manifest | None:
    """The staged output of these very rows, where it is active together with all that it was chosen to exclude."""
    for digest in sorted(active):
        staged = workspace.find("stage", digest)
        if (
            staged is not None
            and staged.inputs["validate"] == valid.digest
            and set(staged.details.get("beside", ())) <= active
        ):
            return staged
    return None


def _require_room(workspace: Workspace, files: list[LakeFile]) -> None:
    size = sum(file.bytes for file in files)
    if len(files) > MOST_FILES or size > MOST_BYTES:
        raise PayloadTooLarge(
            f"Partition {workspace.partition} of {workspace.pipeline.name} is more than AEP takes in one batch: "
            f"{len(files)} files of {size} bytes, where {MOST_FILES} files and {MOST_BYTES} bytes are allowed.",
            "Stage Parquet if aep.format is json, or leave events out with mixpanel.events or mixpanel.where.",
        )


class _Writer(Protocol):
    def write(self, table: Any) -> None: ...
    def close(self) -> None: ...


class _ParquetWriter:
    def __init__(self, path: Path, first: Any) -> None:
        import pyarrow.parquet as pq

        self._schema = _aep_schema(first.schema)
        self._file = pq.ParquetWriter(path, self._schema, compression="snappy", store_schema=False)

    def write(self, table: Any) -> None:
        self._file.write_table(table.cast(self._schema))

    def close(self) -> None:
        self._file.close()


class _JsonLinesWriter:
    def __init__(self, path: Path, first: Any) -> None:  # noqa: ARG002 - JSON Lines need no schema
        self._file = path.open("wb")

    def write(self, table: Any) -> None:
        for row in table.to_pylist(maps_as_pydicts="strict"):
            self._file.write(json.dumps(present(row), ensure_ascii=False, default=iso).encode() + b"\n")

    def close(self) -> None:
        self._file.close()


_WRITERS: dict[str, Callable[[Path, Any], _Writer]] = {"parquet": _ParquetWriter, "json": _JsonLinesWriter}


def _write(tables: Iterator[Any], scratch: Path, file_format: str) -> Iterator[tuple[Path, int]]:
    """Files of at least ``FILE_ROWS`` rows, the last one excepted, with their number of rows."""
    path, writer, rows = scratch / "staged", None, 0
    for table in tables:
        writer = writer or _WRITERS[file_format](path, table)
        writer.write(table)
        rows += table.num_rows
        if rows >= FILE_ROWS:
            writer.close()
            yield path, rows
            writer, rows = None, 0
    if writer is not None:
        writer.close()
        yield path, rows


def _aep_schema(schema: Any) -> Any:
    """AEP wants INT64 TIMESTAMP_MILLIS (facts: XDM field types), DuckDB writes microseconds."""
    import pyarrow as pa

    def milliseconds(kind: Any) -> Any:
        if pa.types.is_timestamp(kind):
            return pa.timestamp("ms", tz="UTC")
        if pa.types.is_struct(kind):
            return pa.struct([(f.name, milliseconds(f.type)) for f in kind])
        if pa.types.is_list(kind):
            return pa.list_(pa.field("element", milliseconds(kind.value_type)))
        if pa.types.is_map(kind):
            return pa.map_(kind.key_type, milliseconds(kind.item_type))
        return kind

    # Every column may be null: which ones happen to be full on a day is no part of the format.
    return pa.schema([(f.name, milliseconds(f.type)) for f in schema])


def iso(value: Any) -> str:
    """Instants as AEP's date-time pattern wants them, with milliseconds and Z; dates as dates."""
    text: str = value.isoformat(timespec="milliseconds") if hasattr(value, "hour") else value.isoformat()
    return text.replace("+00:00", "Z")
