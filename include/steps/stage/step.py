"""Stage the rows to load, in files that AEP accepts: those of validate, or new files without the rows active in AEP."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from include.lake.history import History
from include.lake.lake import sha256_file
from include.lake.ledger import LedgerRecord
from include.lake.ledger_state import active_records, refused_record
from include.lake.manifest import LakeFile, Manifest, upload_file
from include.lake.suppression import forgotten_ids
from include.quality.aep_json import instant_text, without_nulls
from include.steps.day_rows import DayRows
from include.steps.history.id_sets import copy_ids, write_ids
from include.steps.history.provenance import (
    is_made_alike,
    made_of,
    require_exported_from,
    require_one_recipe,
    source_of,
)
from include.steps.stage.batch_size import require_room, warn_of_large_batch
from include.steps.stage.unloaded_rows import UnloadedRows
from include.steps.step import Made, Step, run_step
from include.steps.workspace import DATA_VERSION, Workspace
from include.xdm.convert.aep_parquet import AEP_FORM, AepParquetWriter

if TYPE_CHECKING:
    import pyarrow as pa

FILE_ROWS = 500_000
"""The rows of one staged file, about 100 MB. AEP accepts 256 MB in one upload; larger files are sent in chunks."""


def stage_partition(
    workspace: Workspace,
    valid: Manifest,
    history: History | None = None,
    *,
    replace: bool = False,
    with_files: bool = False,
) -> Manifest:
    """Stage the valid rows that are not active in AEP; return the manifest of the new or existing output.

    Rows that AEP has refused are not staged again while the event, the mapping and the schema are unchanged.

    Args:
        workspace: the pipeline, its lake and the day.
        valid: the manifest of validate.
        history: the history of loads into the dataset; without it, no row counts as active.
        replace: stage all valid rows, also those that are active.
        with_files: repeat the step if the files of the output were removed from the lake.

    Returns:
        The manifest. ``counts``: ``staged``, and the counts of ``UnloadedRows``. ``details``: ``beside`` (the digests
        of the staged outputs whose loads were excluded), ``ids`` (the file of the staged ``_id``s), ``recipe``,
        ``made_of``, and the ``source`` of the events.

    Raises:
        FilesRemoved: the valid rows are not in the lake any more.
        AnotherSource: the events are from a Mixpanel project other than that of the history.
        PayloadTooLarge: the rows exceed AEP's limit for one batch.
    """
    return run_step(Stage.of(workspace, valid, history, replace=replace), with_files=with_files)


@dataclass(frozen=True)
class Stage(Step):
    """The stage step for one day.

    ``raw``, ``mapped``, ``valid``: the manifests of export, transform and validate. ``active``: the ledger records of
    the loads whose rows are excluded; empty if all rows replace them.
    """

    name = "stage"
    workspace: Workspace
    raw: Manifest
    mapped: Manifest
    valid: Manifest
    history: History | None
    active: Sequence[LedgerRecord]

    @classmethod
    def of(cls, workspace: Workspace, valid: Manifest, history: History | None, *, replace: bool) -> Stage:
        """Return the step for the output ``valid`` of validate; its earlier manifests and the day's ledger are read."""
        mapped = workspace.require("transform", valid.inputs["transform"])
        raw = workspace.require("export", mapped.inputs["export"])
        if history is None:
            return cls(workspace, raw, mapped, valid, None, ())
        require_exported_from(history, raw)
        records = history.ledger(workspace.partition.day).records()
        return cls(workspace, raw, mapped, valid, history, () if replace else active_records(records))

    def existing(self) -> Manifest | None:
        """Return the staged output of an active load that was made from ``valid``; None without such a load.

        All loads that the output excluded must be active as well.
        """
        for digest in self._excluded:
            staged = self.workspace.find("stage", digest)
            if (
                staged is not None
                and staged.inputs["validate"] == self.valid.digest
                and set(staged.details.get("beside", ())) <= set(self._excluded)
            ):
                return staged
        return None

    def inputs(self) -> dict[str, str]:
        """Return the values that determine the staged rows and their files, by name."""
        require_one_recipe(self.workspace, self.active, self._recipe)
        refused = refused_record(self.active)
        return {
            "validate": self.valid.digest,
            "beside": ",".join(self._excluded),
            "format": self.workspace.pipeline.aep.file_format,
            "file_rows": str(FILE_ROWS),
            "data_version": str(DATA_VERSION),
            **({"history": self.history.target.digest} if self.history is not None else {}),
            **({"refused": str(refused.ids and refused.ids.sha256)} if refused is not None else {}),
        }

    def run(self, digest: str, scratch: Path) -> Made:
        """Exclude the active rows, and write the other rows to new files, or reuse the files of validate."""
        workspace, valid, history = self.workspace, self.valid, self.history
        with closing(self._unloaded(scratch)) as unloaded:
            if unloaded.has_all_valid_rows and _can_be_sent(workspace, valid):
                files = _reuse_valid_files(unloaded.day, digest)
                require_room(workspace, files)
            else:
                files = _write_new_files(workspace, unloaded, scratch, digest)
            warn_of_large_batch(workspace, files)
            ids = _publish_ids(workspace, unloaded, history, digest, scratch) if files and history else None
            counts = {"staged": sum(file.rows for file in files), **unloaded.counts}
        details = {
            "beside": self._excluded,
            "ids": ids.model_dump() if ids else None,
            "recipe": self._recipe,
            "made_of": made_of(workspace.pipeline, self.mapped),
            "source": source_of(self.raw),
        }
        return Made(tuple(files), counts, details)

    def _unloaded(self, scratch: Path) -> UnloadedRows:
        workspace, refused = self.workspace, refused_record(self.active)
        shaped = made_of(workspace.pipeline, self.mapped)
        withheld = [refused] if refused is not None and is_made_alike(refused.made_of, shaped) else []
        project_id, day = int(self.raw.details["project_id"]), workspace.partition.day
        forgotten = forgotten_ids(workspace.lake, project_id, day) if self.active else ()
        return UnloadedRows(workspace, self.mapped, self.valid, self.active, withheld, scratch, forgotten)

    @property
    def _excluded(self) -> list[str]:
        """The digests of the staged outputs of the active loads, sorted."""
        return sorted({record.staged for record in self.active})

    @property
    def _recipe(self) -> int:
        return int(self.mapped.details.get("recipe", 1))


def _can_be_sent(workspace: Workspace, valid: Manifest) -> bool:
    """Return whether the files of validate, and of its base, have the form and the size that AEP accepts."""
    base = workspace.base_of(valid)
    most = (
        FILE_ROWS * 6 // 5
    )  # transform ends a file only at the end of a bucket, so a file may have more rows
    return workspace.pipeline.aep.file_format == "parquet" and all(
        each.details.get("form") == AEP_FORM and all(file.rows <= most for file in each.files)
        for each in (valid, base)
        if each is not None and (each is valid or each.files)
    )


def _reuse_valid_files(day: DayRows, digest: str) -> list[LakeFile]:
    """Return the files of valid rows in the lake; a file with superseded rows is replaced by a copy without them."""
    if day.manifest.delta is None:
        return list(day.manifest.files)
    folder = day.workspace.partition.output("stage", digest)
    return [
        file.stored
        or upload_file(
            day.workspace.lake,
            f"{folder}/events-{sha256_file(file.path)[:16]}.parquet",
            file.path,
            file.rows,
        )
        for file in day.files()
    ]


def _write_new_files(
    workspace: Workspace, unloaded: UnloadedRows, scratch: Path, digest: str
) -> list[LakeFile]:
    """Write the rows to load to new files in the lake; return the files."""
    files: list[LakeFile] = []
    file_format = workspace.pipeline.aep.file_format
    for path, rows in _write(unloaded.tables(), scratch, file_format):
        name = f"events-{sha256_file(path)[:16]}.{file_format}"
        key = f"{workspace.partition.output('stage', digest)}/{name}"
        files.append(upload_file(workspace.lake, key, path, rows))
        path.unlink()
        require_room(workspace, files)
    return files


def _publish_ids(
    workspace: Workspace, unloaded: UnloadedRows, history: History, digest: str, scratch: Path
) -> LakeFile:
    if (listed := unloaded.listed_ids) is not None:
        return copy_ids(listed, unloaded.mapped, history, workspace, digest, scratch)
    return write_ids(unloaded.db, unloaded.ids, history, workspace, digest, scratch)


class _Writer(Protocol):
    def write(self, table: pa.Table) -> None: ...
    def close(self) -> None: ...


class _JsonLinesWriter:
    def __init__(self, path: Path, schema: pa.Schema) -> None:  # noqa: ARG002 - JSON Lines need no schema
        self._file = path.open("wb")

    def write(self, table: pa.Table) -> None:
        for row in table.to_pylist(maps_as_pydicts="strict"):
            self._file.write(
                json.dumps(without_nulls(row), ensure_ascii=False, default=instant_text).encode() + b"\n"
            )

    def close(self) -> None:
        self._file.close()


_WRITERS: dict[str, Callable[[Path, pa.Schema], _Writer]] = {
    "parquet": AepParquetWriter,
    "json": _JsonLinesWriter,
}


def _write(tables: Iterator[pa.Table], scratch: Path, file_format: str) -> Iterator[tuple[Path, int]]:
    """Write the tables to files of about ``FILE_ROWS`` rows; yield each path with its number of rows."""
    path, writer, rows = scratch / "staged", None, 0
    for table in tables:
        writer = writer or _WRITERS[file_format](path, table.schema)
        writer.write(table)
        rows += table.num_rows
        if rows >= FILE_ROWS:
            writer.close()
            yield path, rows
            writer, rows = None, 0
    if writer is not None:
        writer.close()
        yield path, rows
