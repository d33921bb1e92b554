"""A new export compared with earlier ones: the same lines, a few others, or a day of its own."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from include.errors import BadManifest, FilesRemoved, LakeError
from include.lake.manifest import Manifest
from include.mixpanel.raw_file import RawFile
from include.steps.line_digests import LineDifference, LineDigests, difference
from include.steps.workspace import Workspace

log = logging.getLogger(__name__)
SMALL_LINES = 10_000
"""An export of fewer lines is always kept whole: to process it costs hardly more than to process a delta."""
MOST_CHANGED = 0.1
"""Where more of the base's lines than this are added and removed, the export is kept whole."""


@dataclass
class ComparedExport:
    """What a comparison has found.

    ``same``: an earlier export with exactly these lines. Else, where few lines differ from the newest whole export,
    that is the ``base`` with its files at ``base_paths``, and ``difference`` names the lines. ``lines``: the sum of the
    new export's lines, where it was needed; ``sums``: those of earlier exports, by digest.
    """

    same: Manifest | None = None
    lines: str | None = None
    sums: dict[str, str] = field(default_factory=dict)
    base: Manifest | None = None
    base_paths: Sequence[Path] = ()
    difference: LineDifference | None = None


@dataclass
class ExportComparer:
    """Compares an export in ``scratch`` with ``earlier`` ones of the same request, the newest first.

    Hashing every line costs as much as the rest of the export, so it is done only where an earlier export has as many
    lines, or may be the base of a delta. ``sums``: the sums of lines that were recorded, by digest. ``with_files``: only
    an earlier export whose files are in the lake is the same one.
    """

    workspace: Workspace
    raw: RawFile
    earlier: Sequence[Manifest]
    sums: Mapping[str, str]
    scratch: Path
    with_files: bool = False
    _read: dict[str, tuple[Sequence[Path], LineDigests] | None] = field(default_factory=dict)

    def compare(self) -> ComparedExport:
        """Compare the export."""
        base = self._base()
        as_many = [each for each in self.earlier if self._may_be_same(each)]
        found = ComparedExport()
        if base is None and not as_many:
            return found
        new = LineDigests.of([self.raw.path], self.scratch / "lines-new.bin")
        found.lines = new.sum
        for each in as_many:
            if self._sum_of(each, found) == new.sum:
                found.same = each
                return found
        if base is not None and (read := self._digests(base, found)) is not None:
            paths, old = read
            found.difference = difference(old, new, int(MOST_CHANGED * old.rows))
            found.base, found.base_paths = base, paths
        return found

    def _base(self) -> Manifest | None:
        """The newest whole export whose files are in the lake."""
        if self.raw.rows < SMALL_LINES:
            return None
        whole = (each for each in self.earlier if each.delta is None and each.rows)
        return next(filter(self.workspace.has_files, whole), None)

    def _may_be_same(self, earlier: Manifest) -> bool:
        as_many = earlier.rows == self.raw.rows
        return as_many and (not self.with_files or self.workspace.has_files(earlier))

    def _sum_of(self, earlier: Manifest, found: ComparedExport) -> str | None:
        """The sum of an earlier export's lines; None where it is not known and its file cannot be read.

        A delta is read for it in no case: the difference to its base, which is computed then, names the same delta.
        """
        known = earlier.details.get("lines") or self.sums.get(earlier.digest)
        if known is not None:
            return str(known)
        if earlier.delta is not None:
            return None
        read = self._digests(earlier, found)
        return read[1].sum if read else None

    def _digests(self, earlier: Manifest, found: ComparedExport) -> tuple[Sequence[Path], LineDigests] | None:
        """The files of an earlier export and their lines' digests; None where a file is damaged or missing."""
        if earlier.digest not in self._read:
            self._read[earlier.digest] = self._read_lines(earlier, found)
        return self._read[earlier.digest]

    def _read_lines(
        self, earlier: Manifest, found: ComparedExport
    ) -> tuple[Sequence[Path], LineDigests] | None:
        folder = self.scratch / f"earlier-{earlier.digest}"
        folder.mkdir()
        try:
            paths = self.workspace.local_files(earlier, folder)
        except (BadManifest, FilesRemoved, LakeError) as error:
            log.warning("An earlier export cannot be compared, so this one is kept as another: %s", error)
            return None
        digests = LineDigests.of(paths, folder / "lines.bin")
        found.sums[earlier.digest] = digests.sum
        return paths, digests
