"""Read all rows of a day from an output of transform or validate, also if the output is a delta.

A delta contains only the new rows of the day and the ``_id``s of superseded rows. The other rows are in its base, an
earlier output of the whole day ("Refreshes" in ``docs/architecture.md``). An output that is not a delta contains all
rows of the day, so that its readers need no special case.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from include.lake.manifest import LakeFile, Manifest
from include.steps.workspace import Workspace
from include.xdm.convert.aep_parquet import AepParquetWriter, parquet_reader

if TYPE_CHECKING:
    import pyarrow as pa


class RowFile(NamedTuple):
    """A local Parquet file with rows of a day; ``rows`` is their number.

    ``stored``: the file in the lake with exactly the same rows; None if the lake has no such file.
    """

    path: Path
    rows: int
    stored: LakeFile | None


@dataclass(frozen=True)
class DayRows:
    """All rows of the day that an output of transform or validate describes. ``manifest``: the manifest of the output.

    The files of the output and of its base are downloaded into ``scratch`` on first use, once.
    """

    workspace: Workspace
    manifest: Manifest
    scratch: Path

    @cached_property
    def base(self) -> Manifest | None:
        """The earlier output whose rows belong to the day unless superseded; None if this output is not a delta."""
        return self.workspace.base_of(self.manifest)

    @cached_property
    def output_paths(self) -> list[Path]:
        """The local paths of the output's files, without those of its base."""
        return self.workspace.local_files(self.manifest, self._folder("own"))

    @cached_property
    def base_paths(self) -> list[Path]:
        """The local paths of the base's files, which may contain superseded rows; empty without a base."""
        return self.workspace.local_files(self.base, self._folder("base")) if self.base else []

    @cached_property
    def superseded_path(self) -> Path | None:
        """The local file with the ``_id``s of the base's superseded rows; None if no row of the base is superseded."""
        delta = self.manifest.delta
        if delta is None or delta.without is None:
            return None
        target = self._folder("superseded") / "superseded.parquet"
        return self.workspace.local_file(delta.without, target, self.manifest)

    @cached_property
    def superseded(self) -> pa.Array:
        """The ``_id``s of the base's superseded rows, as Arrow texts; empty without a base.

        A superseded row no longer belongs to the day.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        if self.superseded_path is None:
            return pa.array([], pa.string())
        return pq.read_table(self.superseded_path, columns=["_id"])["_id"].combine_chunks()

    def files(self) -> list[RowFile]:
        """Return Parquet files that together contain exactly the rows of the day.

        A file of the base that contains superseded rows is replaced by a local copy without them.
        """
        base = self.base
        stored = list(zip(self.base_paths, base.files, strict=True)) if base is not None else []
        found = [self._without_superseded(path, file, number) for number, (path, file) in enumerate(stored)]
        own = zip(self.output_paths, self.manifest.files, strict=True)
        return [each for each in (*found, *(RowFile(path, f.rows, f) for path, f in own)) if each.rows]

    def base_tables(self) -> Iterator[pa.Table]:
        """Yield the base's rows that still belong to the day, one table per row group."""
        import pyarrow.compute as pc

        for table in row_groups(self.base_paths):
            if len(self.superseded):
                gone = pc.is_in(table["_id"], value_set=self.superseded)
                table = table.filter(pc.invert(gone))
            if table.num_rows:
                yield table

    def _without_superseded(self, path: Path, file: LakeFile, number: int) -> RowFile:
        import pyarrow.compute as pc

        source = parquet_reader(path)
        if not len(self.superseded):
            return RowFile(path, file.rows, file)
        ids = source.read(columns=["_id"])["_id"]
        gone = pc.sum(pc.is_in(ids, value_set=self.superseded)).as_py()
        if not gone:
            return RowFile(path, file.rows, file)
        target = self._folder("day") / f"part-{number:05}.parquet"
        writer = AepParquetWriter(target, source.schema_arrow)
        for group in range(source.num_row_groups):
            table = source.read_row_group(group)
            left = table.filter(pc.invert(pc.is_in(table["_id"], value_set=self.superseded)))
            if left.num_rows:
                writer.write(left)
        writer.close()
        return RowFile(target, file.rows - gone, None)

    def _folder(self, name: str) -> Path:
        folder = self.scratch / f"{self.manifest.step}-{name}"
        folder.mkdir(exist_ok=True)
        return folder


def rows_among(paths: Iterable[Path], ids: pa.Array) -> Iterator[pa.Table]:
    """Yield the rows of Parquet files whose ``_id`` is in ``ids``, one table per row group that has such rows."""
    import pyarrow.compute as pc

    for path in paths:
        source = parquet_reader(path)
        for number in range(source.num_row_groups):
            found = pc.is_in(source.read_row_group(number, columns=["_id"])["_id"], value_set=ids)
            if pc.any(found).as_py():
                yield source.read_row_group(number).filter(found)


def row_groups(paths: Iterable[Path]) -> Iterator[pa.Table]:
    """Yield the rows of Parquet files as Arrow tables, one per row group."""
    for path in paths:
        source = parquet_reader(path)
        for number in range(source.num_row_groups):
            yield source.read_row_group(number)
