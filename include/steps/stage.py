"""Stage: files exactly as AEP takes them, sized for AEP and named by what is in them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

from include.aep.decide import loads
from include.errors import PayloadTooLarge
from include.lake.lake import sha256_file
from include.lake.ledger import Ledger
from include.lake.manifest import LakeFile, Manifest, digest_of, upload_file
from include.quality.suite import present
from include.steps.choose import Choice
from include.steps.workspace import DATA_VERSION, Workspace

FILE_ROWS = 500_000
"""Rows of one staged file: some 100 MB, below AEP's 256 MB for a single upload; a larger file is sent in chunks."""
MOST_FILES, MOST_BYTES = 1500, 100_000_000_000
"""What AEP takes as one batch (EP:ingestion/guardrails.md)."""


def stage_partition(workspace: Workspace, valid: Manifest, *, replace: bool = False) -> Manifest:
    """Stages the valid rows that are not active at AEP yet, or finds them staged; with ``replace`` all of them.

    ``counts``: ``staged``; where others are active, how many of the valid rows are (``already_active``), and how many
    active rows are in no export any more (``vanished``). ``details``: ``beside`` which staged digests.

    Raises:
        PayloadTooLarge: they are more than AEP takes in one batch.
    """
    active = [] if replace else loads(Ledger(workspace.lake, workspace.partition).records())
    there = [workspace.require("stage", record.staged) for record in active]
    digests = {manifest.digest for manifest in there}
    for manifest in there:
        if manifest.inputs["validate"] == valid.digest and set(manifest.details.get("beside", ())) <= digests:
            return manifest  # these rows, with those that they were chosen beside, are active
    file_format = workspace.pipeline.aep.file_format
    inputs = {
        "validate": valid.digest,
        "beside": ",".join(sorted(digests)),
        "format": file_format,
        "file_rows": str(FILE_ROWS),
        "data_version": str(DATA_VERSION),
    }
    digest = digest_of(inputs)
    done = workspace.find("stage", digest)
    if done is not None:
        return done
    files = []
    with workspace.scratch() as scratch:
        paths = workspace.local_files(valid, scratch)
        choice = Choice(workspace, valid, there, scratch)
        for path, rows in _write(choice.tables(paths), scratch, file_format):
            name = f"events-{sha256_file(path)[:16]}.{file_format}"
            key = f"{workspace.partition.output('stage', digest)}/{name}"
            files.append(upload_file(workspace.lake, key, path, rows))
            path.unlink()
            _require_room(workspace, files)
    return workspace.publish(
        step="stage",
        digest=digest,
        inputs=inputs,
        files=tuple(files),
        counts={"staged": sum(file.rows for file in files), **choice.counts},
        details={"beside": sorted(digests)},
    )


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
