"""Check records of the lake for contradictions before anything is changed in AEP.

A ledger record is compared with its batch in AEP, and the staged rows are compared with their day and their manifest.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import msgspec

from include.aep.batch_state import BatchState, classify_status
from include.aep.load_id import CONTENT_TAG
from include.aep.model import Batch
from include.errors import BadManifest, LedgerContradicted
from include.lake.history import History
from include.lake.lake_id import LAKE_TAG
from include.lake.ledger import LedgerRecord
from include.lake.manifest import LakeFile, Manifest, digest_of
from include.mixpanel.event_time import day_start, latest_instant
from include.plural import counted
from include.steps.workspace import Workspace
from include.xdm.convert.aep_parquet import parquet_reader

_DIGEST = re.compile(r"[0-9a-f]{32}")
_LINES_AT_ONCE = 10_000


def require_same_load(workspace: Workspace, history: History, batch: Batch, record: LedgerRecord) -> None:
    """Check that a batch in AEP is the load that its ledger record describes.

    Raises:
        LedgerContradicted: the batch belongs to another dataset or day, has other content or another number of rows,
            is open and was created from another lake, or was created by another producer.
    """
    pipeline, day = workspace.pipeline.name, workspace.partition.day
    hint = (
        f"See mixpanel-aep ledger show {pipeline} {day}. Restore the ledger from a copy, or move its folder out of the "
        f"lake and run mixpanel-aep recover {pipeline} {day}."
    )
    if not is_load_of(history, batch, day):
        what = f"that batch is not a load of this partition into dataset {history.target.dataset_id}"
        hint = (
            f"It contains no rows of this day: mixpanel-aep ledger release {pipeline} {day} --batch {batch.id} --why TEXT, "
            "then run the day again."
        )
    elif not _is_content_of(batch, record):
        what = "that batch holds other content than recorded"
    elif record.kind == "active" and batch.output_records not in (None, record.counts.get("active")):
        what = f"that batch has {counted(batch.output_records or 0, 'row')}, not {record.counts.get('active', 'a number')} as recorded"
    elif classify_status(batch.status) is BatchState.OPEN and batch.tag(LAKE_TAG) not in (
        None,
        history.lake_id,
    ):
        what = "that batch is being filled from another lake"
    else:
        return
    raise LedgerContradicted(
        f"The ledger of partition {day} names batch {batch.id}, but in AEP {what}.",
        f"Nothing was changed in AEP. {hint}",
    )


def is_load_of(history: History, batch: Batch, day: date) -> bool:
    """Return whether a batch in AEP was created by this project for ``day`` in the dataset of ``history``."""
    return batch.is_of_this_project and batch.day == day and batch.dataset_id == history.target.dataset_id


def _is_content_of(batch: Batch, record: LedgerRecord) -> bool:
    tagged = batch.tag(CONTENT_TAG) or ""
    if _DIGEST.fullmatch(tagged):
        return tagged == record.content
    if batch.load_id is None or record.content == digest_of({"read_from_aep": batch.id}):  # by recover
        return True
    return record.content.startswith(batch.load_id.content)


def require_rows_of_day(workspace: Workspace, staged: Manifest, paths: Sequence[Path]) -> None:
    """Check the number of rows of staged files, and that the ``timestamp`` of each row is in the partition's day.

    ``paths``: the local copies of the files of ``staged``. If the pipeline sets ``in_the_partition`` to a warning, only
    the number of rows is checked.

    Raises:
        BadManifest: a file has rows of another day, or another number of rows.
    """
    for file, path in zip(staged.files, paths, strict=True):
        rows, first, last = _rows_and_bounds(path)
        if rows != file.rows:
            raise _changed_file_error(
                workspace, file, f"has {counted(rows, 'row')}, but its manifest states {file.rows}"
            )
        if workspace.pipeline.quality.severity.get("in_the_partition") == "warning" or not rows:
            continue
        day, zone = workspace.partition.day, workspace.pipeline.mixpanel.day_zone
        if first is None or last is None or first < day_start(day, zone) or last >= latest_instant(day, zone):
            raise _changed_file_error(workspace, file, f"has rows outside partition {day}")


def _changed_file_error(workspace: Workspace, file: LakeFile, what: str) -> BadManifest:
    return BadManifest(
        f"{workspace.lake.uri(file.key)} {what}.",
        "The file and its manifest were changed outside this pipeline; nothing was sent to AEP. Restore the day's "
        "folder from a copy of the lake, or move it out of the lake and run the day again.",
    )


def _rows_and_bounds(path: Path) -> tuple[int, datetime | None, datetime | None]:
    """Return the number of rows of a file, and their first and last ``timestamp``; None if a row has no valid one."""
    return _bounds_in_json(path) if path.suffix == ".json" else _bounds_in_parquet(path)


def _bounds_in_parquet(path: Path) -> tuple[int, datetime | None, datetime | None]:
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        # Read the column itself: the statistics depend on the program that wrote the file.
        column = parquet_reader(path).read(columns=["timestamp"])["timestamp"]
    except (pa.ArrowException, KeyError, OSError):
        return -1, None, None
    if not len(column) or column.null_count or not pa.types.is_timestamp(column.type):
        return len(column), None, None
    bounds = pc.min_max(column.cast(pa.timestamp("us", tz="UTC"))).as_py()
    return len(column), bounds["min"], bounds["max"]


class _Row(msgspec.Struct):
    timestamp: str = ""


def _bounds_in_json(path: Path) -> tuple[int, datetime | None, datetime | None]:
    decoder, rows, texts = msgspec.json.Decoder(_Row), 0, set[str]()
    first = last = None
    try:
        with path.open("rb") as file:
            for line in file:
                rows += 1
                texts.add(decoder.decode(line).timestamp)
                if len(texts) >= _LINES_AT_ONCE:
                    first, last = _bounds(texts, first, last)
                    texts.clear()
        if texts:
            first, last = _bounds(texts, first, last)
    except (msgspec.MsgspecError, ValueError):
        return rows, None, None
    return rows, first, last


def _bounds(texts: set[str], first: datetime | None, last: datetime | None) -> tuple[datetime, datetime]:
    moments = [datetime.fromisoformat(text).astimezone(UTC) for text in texts]
    return min([*moments, *([first] if first else [])]), max([*moments, *([last] if last else [])])
