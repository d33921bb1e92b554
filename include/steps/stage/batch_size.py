"""Check the size of a partition's batch against AEP's limit and AEP's recommendation."""

from __future__ import annotations

import logging

from include.errors import PayloadTooLarge
from include.lake.manifest import LakeFile
from include.plural import counted
from include.steps.workspace import Workspace

MOST_FILES, MOST_BYTES = 25_000, 1_000_000_000_000
"""The maximum number of files and bytes (1 TB) of one batch in AEP (source: EP:ingestion/guardrails.md)."""
RECOMMENDED_FILES, RECOMMENDED_BYTES = 10_000, 100_000_000_000
"""The number of files and bytes that AEP recommends for one batch (source: EP:ingestion/guardrails.md)."""
_GB = 1_000_000_000

log = logging.getLogger(__name__)


def require_room(workspace: Workspace, files: list[LakeFile]) -> None:
    """Check that the files of a partition are not too many and not too large for one batch in AEP.

    A partition is always loaded as one batch.

    Raises:
        PayloadTooLarge: there are too many files, or too many bytes.
    """
    if len(files) > MOST_FILES or _size(files) > MOST_BYTES:
        raise PayloadTooLarge(
            f"Partition {workspace.partition} of {workspace.pipeline.name} exceeds AEP's limit for one batch: "
            f"{_arithmetic(files)}; at most {MOST_FILES:,} files and {MOST_BYTES / _GB:,.0f} GB are allowed.",
            "Stage Parquet if aep.format is json, or exclude events with mixpanel.events or mixpanel.where.",
        )


def warn_of_large_batch(workspace: Workspace, files: list[LakeFile]) -> None:
    """Log a warning if the files exceed the size that AEP recommends for one batch."""
    if len(files) > RECOMMENDED_FILES or _size(files) > RECOMMENDED_BYTES:
        log.warning(
            "Partition %s of %s is a large batch for AEP: %s; AEP recommends at most %s files and %.0f GB. It is loaded, "
            "but AEP may process it slowly.",
            workspace.partition, workspace.pipeline.name, _arithmetic(files), f"{RECOMMENDED_FILES:,}", RECOMMENDED_BYTES / _GB,
        )  # fmt: skip


def _size(files: list[LakeFile]) -> int:
    return sum(file.bytes for file in files)


def _arithmetic(files: list[LakeFile]) -> str:
    """Return the number of files, rows and bytes of a batch as a phrase for a message."""
    rows, size = sum(file.rows for file in files), _size(files)
    each = (
        f" ({counted(rows, 'row')} of {size / rows:,.0f} bytes, {rows / len(files):,.0f} to a file)"
        if rows
        else ""
    )
    return f"{counted(len(files), 'file')} of {size / _GB:,.1f} GB{each}"
