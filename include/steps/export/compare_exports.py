"""Compare a new export of a day with earlier exports: it has the same lines, a few other lines, or many other lines."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from include.errors import BadManifest, FilesRemoved, LakeError
from include.lake.manifest import Manifest
from include.mixpanel.raw_file import RawFile
from include.steps.export.line_alignment import unaligned_lines
from include.steps.export.line_digests import LineDifference, LineDigests, difference
from include.steps.workspace import Workspace

log = logging.getLogger(__name__)
SMALL_LINES = 10_000
"""An export with fewer lines is always stored completely: processing it costs little more than processing a delta."""
MOST_CHANGED = 0.1
"""The largest share of changed lines (added and removed, relative to the base) for which a delta is stored."""


@dataclass(frozen=True)
class ComparedExport:
    """The result of comparing a new export of a day with earlier exports of the same request.

    Attributes:
        same: An earlier export with exactly the same lines; None if all differ.
        lines: The ``LineSum`` of the new export; None if it was not needed.
        sums: The ``LineSum`` of earlier exports that were computed now, by digest of the export.
        base: If few lines differ from the newest earlier export that is not a delta: that export.
        base_paths: The local files of the base.
        difference: The positions of the lines that differ from the base.
    """

    same: Manifest | None = None
    lines: str | None = None
    sums: Mapping[str, str] = field(default_factory=dict)
    base: Manifest | None = None
    base_paths: Sequence[Path] = ()
    difference: LineDifference | None = None


@dataclass(frozen=True)
class ExportComparer:
    """Compares the new export ``raw`` of a day with the ``earlier`` exports of the same request, newest first.

    The newest earlier export that is not a delta (the base) and the new one are read in parallel, and only lines that
    are not in the same order in both are hashed. Without a base, or if too many lines differ, every line is hashed, but
    only if an earlier export has the same number of lines. ``sums``: the recorded sums of lines, by digest of the
    export. ``with_files``: only an earlier export whose files are in the lake can be the ``same`` export.
    """

    workspace: Workspace
    raw: RawFile
    earlier: Sequence[Manifest]
    sums: Mapping[str, str]
    scratch: Path
    with_files: bool = False

    def compare(self) -> ComparedExport:
        """Return the earlier export with the same lines, or the difference from the base, or neither."""
        base = self._base()
        found = self._difference(base) if base is not None else ComparedExport()
        if found.same is not None or found.difference is not None:
            return found
        as_many = [each for each in self.earlier if each != base and self._may_be_same(each)]
        if not as_many:
            return found
        lines = LineDigests.of([self.raw.path], self.scratch / "lines-new.bin").sum
        sums: dict[str, str] = {}
        for each in as_many:
            known = self._known_sum(each)
            if known is None and (computed := self._line_sum_of(each)) is not None:
                known = sums[each.digest] = computed
            if known == lines:
                return ComparedExport(same=each, lines=lines, sums=sums)
        return ComparedExport(lines=lines, sums=sums)

    def _difference(self, base: Manifest) -> ComparedExport:
        """Compare the new export with ``base``; return an empty result if many lines differ or a file is unreadable."""
        paths = self._paths(base)
        if paths is None:
            return ComparedExport()
        old, new = unaligned_lines(paths, [self.raw.path], self.scratch)
        found = difference(old, new, int(MOST_CHANGED * base.rows))
        if found is None:
            return ComparedExport()
        if not found.rows:
            return ComparedExport(same=base)
        return ComparedExport(base=base, base_paths=paths, difference=found)

    def _base(self) -> Manifest | None:
        """Return the newest earlier export that is not a delta and has its files in the lake, or None.

        None is also returned if the new export is small.
        """
        if self.raw.rows < SMALL_LINES:
            return None
        whole = (each for each in self.earlier if each.delta is None and each.rows)
        return next(filter(self.workspace.has_files, whole), None)

    def _may_be_same(self, earlier: Manifest) -> bool:
        as_many = earlier.rows == self.raw.rows
        return as_many and (not self.with_files or self.workspace.has_files(earlier))

    def _known_sum(self, earlier: Manifest) -> str | None:
        known = earlier.details.get("lines") or self.sums.get(earlier.digest)
        return str(known) if known is not None else None

    def _line_sum_of(self, earlier: Manifest) -> str | None:
        """Return the ``LineSum`` of an earlier export; None if the export is a delta or a file cannot be read.

        A delta needs no sum: an equal delta has the same digest, by which it is found.
        """
        if earlier.delta is not None or (paths := self._paths(earlier)) is None:
            return None
        return LineDigests.of(paths, self.scratch / "lines-earlier.bin").sum

    def _paths(self, earlier: Manifest) -> list[Path] | None:
        """Download the files of an earlier export; return their local paths, or None if one is damaged or missing."""
        folder = self.scratch / f"earlier-{earlier.digest}"
        folder.mkdir(exist_ok=True)
        try:
            return self.workspace.local_files(earlier, folder)
        except (BadManifest, FilesRemoved, LakeError) as error:
            log.warning(
                "An earlier export cannot be read for comparison; the new export is stored as a different one: %s",
                error,
            )
            return None
