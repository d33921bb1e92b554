"""Compares a new export with earlier ones: the same lines, a few other lines, or too many differences."""

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
"""A smaller export is always stored completely: processing it costs little more than processing a delta."""
MOST_CHANGED = 0.1
"""If more lines than this share of the base's lines are added and removed, the export is stored completely."""


@dataclass(frozen=True)
class ComparedExport:
    """The result of a comparison.

    ``same``: an earlier export with exactly these lines. Otherwise, if few lines differ from the newest whole export,
    that export is the ``base``, with its files at ``base_paths``, and ``difference`` names the lines. ``lines``: the
    sum of the new export's lines, if it was computed; ``sums``: those of earlier exports, by digest.
    """

    same: Manifest | None = None
    lines: str | None = None
    sums: Mapping[str, str] = field(default_factory=dict)
    base: Manifest | None = None
    base_paths: Sequence[Path] = ()
    difference: LineDifference | None = None


@dataclass(frozen=True)
class ExportComparer:
    """Compares an export in ``scratch`` with ``earlier`` ones of the same request, newest first.

    The newest whole export is read in parallel, and only lines that are not in the same order in both are hashed.
    Without such a base, or if too much differs from it, every line is hashed if an earlier export has as many lines.
    ``sums``: the recorded sums of lines, by digest. ``with_files``: only an earlier export whose files are in the lake
    counts as the same.
    """

    workspace: Workspace
    raw: RawFile
    earlier: Sequence[Manifest]
    sums: Mapping[str, str]
    scratch: Path
    with_files: bool = False

    def compare(self) -> ComparedExport:
        """Return the result of comparing the export with earlier ones."""
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
        """Return how the export differs from its base; no base if too much differs or the base cannot be read."""
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
        """Return the newest whole export whose files are in the lake."""
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
        """Return the sum of an earlier export's lines; None if its file cannot be read.

        The files of a delta are not read for it: an equal difference to the base gives the same delta.
        """
        if earlier.delta is not None or (paths := self._paths(earlier)) is None:
            return None
        return LineDigests.of(paths, self.scratch / "lines-earlier.bin").sum

    def _paths(self, earlier: Manifest) -> list[Path] | None:
        """Return the files of an earlier export; None if one is damaged or missing."""
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
