"""Store and read an export as a delta: the lines that were added to an earlier export, and those removed from it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from include.errors import BadManifest, Conflict
from include.json_types import JsonMapping
from include.lake.manifest import Delta, Manifest, delta_fields, upload_file
from include.mixpanel.raw_blocks import lines_at
from include.mixpanel.raw_file import RawFile, read_lines, write_lines
from include.steps.export.compare_exports import ComparedExport
from include.steps.export.line_digests import LineDigests
from include.steps.export.suppress import Suppressor
from include.steps.workspace import Workspace

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


def publish_delta(
    workspace: Workspace,
    raw: RawFile,
    compared: ComparedExport,
    request: str,
    details: JsonMapping,
    scratch: Path,
    suppressor: Suppressor,
    *,
    with_files: bool,
) -> Manifest:
    """Publish the export ``raw`` as its difference from ``compared.base``; return its manifest, or the existing one.

    The digest is computed from ``request`` (the digest of the request), the base and the differing lines in any order.
    The counts in the manifest are those of the whole day.
    """
    base, lines = compared.base, compared.difference
    assert base is not None  # a comparison without a base has no difference
    assert lines is not None
    added = write_lines(scratch / "added.jsonl.gz", _lines([raw.path], lines.added, lines.new))
    removed = write_lines(scratch / "removed.jsonl.gz", _lines(compared.base_paths, lines.removed, lines.old))
    sums = {
        name: LineDigests.of([file.path], scratch / f"lines-{name}.bin").sum
        for name, file in (("added", added), ("removed", removed))
    }
    named = {"export": "delta", "asked": request, "base": base.digest, **sums}
    output = workspace.find_output("export", named, with_files=with_files)
    if output.manifest is not None:
        return output.manifest
    folder = workspace.partition.output("export", output.digest)
    files, without = (
        [
            upload_file(workspace.lake, f"{folder}/{name}-{file.sha256[:16]}.jsonl.gz", file.path, file.rows)
            for file in [file]
            if file.rows
        ]
        for name, file in (("added", added), ("removed", removed))
    )
    suppressor.require_current(workspace.lake)
    delta = Delta(base=base.digest, rows=raw.rows, without=without[0] if without else None)
    try:
        return workspace.publish(
            step="export",
            digest=output.digest,
            inputs={"request": request},
            files=tuple(files),
            counts=raw.counts,
            **delta_fields(delta, details),
        )
    except Conflict:  # another run published the same lines, and so the same digest, in another order
        return workspace.require("export", output.digest)


def _lines(
    paths: Iterable[Path], places: npt.NDArray[np.int64], known: Mapping[int, bytes] | None
) -> Iterator[bytes]:
    """Return the lines at the positions ``places`` (from 0), from ``known`` (lines by position) or from the files."""
    if known is not None:
        return (known[place] for place in places.tolist())
    return (line for _, line in lines_at(paths, (places + 1).tolist()))


def read_day(workspace: Workspace, raw: Manifest, scratch: Path) -> Iterator[bytes]:
    """Yield all lines of an export; for a delta, the base's lines without the removed lines, then the added lines.

    Raises:
        FilesRemoved: a file is not in the lake any more.
        BadManifest: a file differs from its manifest.
    """
    delta, base = raw.delta, workspace.base_of(raw)
    if delta is None or base is None:
        yield from read_lines(workspace.local_files(raw, scratch))
        return
    folder = scratch / "base"
    folder.mkdir()
    paths = workspace.local_files(base, folder)
    removed: Sequence[Path] = ()
    if delta.without is not None:
        removed = [workspace.local_file(delta.without, folder / "removed.jsonl.gz", raw)]
    left = read_lines(removed)
    gone = next(left, None)
    for line in read_lines(paths):
        # Removed lines are in the order of the base. The carriage return at the end of a removed line may be missing.
        if gone is not None and line.strip() == gone.strip():
            gone = next(left, None)
        else:
            yield line
    if gone is not None:
        raise BadManifest(
            f"The export {raw.digest} of partition {workspace.partition} removes lines that its base does not have.",
            "One of their files was changed. Export the day again with export_again.",
        )
    yield from read_lines(workspace.local_files(raw, scratch))


def whole_file(workspace: Workspace, raw: Manifest, scratch: Path) -> list[Path]:
    """Return local files in ``scratch`` that contain all lines of an export; for a delta, write one combined file."""
    if raw.delta is None:
        return workspace.local_files(raw, scratch)
    folder = scratch / "parts-of-day"
    folder.mkdir()
    return [write_lines(scratch / "day.jsonl.gz", read_day(workspace, raw, folder)).path]
