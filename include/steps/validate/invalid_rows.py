"""Divide the rows of a file: rows that validation refuses go to quarantine with reasons, the others to a new file."""

from __future__ import annotations

import gzip
import json
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from include.json_types import JsonMapping, JsonObject
from include.lake.manifest import upload_file
from include.quality.aep_json import without_nulls
from include.quality.constraints import Reason
from include.quality.view import RowChunk
from include.steps.gzip_writer import gzip_writer
from include.steps.validate.day_counts import DayCounts
from include.steps.workspace import Workspace
from include.xdm.convert.aep_parquet import AepParquetWriter

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa
    import pyarrow.parquet as pq

    Positions = npt.NDArray[np.int64]


def reason_of(record: JsonMapping) -> Reason:
    """Convert a record that ``Reason.record`` created back to a ``Reason``."""
    limit = record["limit"]
    return Reason(record["field"], record["expectation"], tuple(limit) if isinstance(limit, list) else limit)


_EXAMPLES = 3
_WRITTEN_ROWS = 2_000
"""The maximum number of rows that are converted to Python objects at the same time."""


class ReasonExamples:
    """Collects the first three refused values of each reason, as JSON text, for the report."""

    def __init__(self) -> None:
        self.by_reason: dict[Reason, list[str]] = {}

    def add(self, reason: Reason, value: object) -> None:
        """Add a refused value, unless the reason already has three examples."""
        shown = self.by_reason.setdefault(reason, [])
        if len(shown) < _EXAMPLES:
            shown.append(json.dumps(value, ensure_ascii=False, default=str)[:100])


@dataclass(frozen=True)
class RefusedRows:
    """The rows that validation refused.

    Attributes:
        rows: The number of refused rows.
        reasons: The number of rows that each reason refuses; a row may have several reasons.
        examples: A few refused values for each reason; empty unless the pipeline allows values in the report.
        path: The local file of quarantine records; None if no row was refused.
    """

    rows: int = 0
    reasons: Counter[Reason] = field(default_factory=Counter)
    examples: Mapping[Reason, Sequence[str]] = field(default_factory=dict)
    path: Path | None = None

    def upload(self, workspace: Workspace, digest: str) -> JsonObject | None:
        """Upload the quarantine records; return the description of the file, or None if no row was refused."""
        if self.path is None:
            return None
        key = workspace.partition.quarantine("validate", digest)
        return upload_file(workspace.lake, key, self.path, self.rows).model_dump()


def join_refused(own: RefusedRows, records: Iterable[bytes], target: Path) -> RefusedRows:
    """Combine the refused rows ``own`` with the quarantine records of other rows, in the file ``target``."""
    rows, reasons = own.rows, own.reasons.copy()
    if own.path is not None:
        shutil.copyfile(own.path, target)
    with gzip_writer(target, append=True) as quarantine:
        for record in records:
            quarantine.write(record)
            rows += 1
            reasons.update(map(reason_of, json.loads(record)["reasons"]))
    return RefusedRows(rows, reasons, own.examples, target if rows else None)


class InvalidRows:
    """Divides several files into valid and refused rows; all refused rows go to one quarantine file in ``scratch``.

    ``show_values``: whether the quarantine records and the report may contain the refused values.
    """

    def __init__(self, scratch: Path, *, show_values: bool) -> None:
        self._rows = 0
        self._reasons: Counter[Reason] = Counter()
        self._examples = ReasonExamples()
        self._path = scratch / "quarantine.jsonl.gz"
        self._show_values = show_values

    def result(self) -> RefusedRows:
        """Return the counts and the file of the rows that were refused so far."""
        path = self._path if self._rows else None
        return RefusedRows(self._rows, self._reasons, self._examples.by_reason, path)

    def split(
        self, source: pq.ParquetFile, target: Path, reasons: Mapping[Reason, Positions], counts: DayCounts
    ) -> int:
        """Write the refused rows of an open Parquet file to quarantine, and the other rows to the file ``target``.

        ``reasons``: for each reason, the positions of the rows that it refuses, ascending. The refused rows are
        subtracted from ``counts``. Return the number of valid rows.
        """
        import numpy as np
        import pyarrow as pa

        writer = AepParquetWriter(target, source.schema_arrow)
        first = kept = 0
        with gzip_writer(self._path, append=True) as quarantine:
            for number in range(source.num_row_groups):  # transform limits the size of each row group
                table = source.read_row_group(number)
                here = {
                    reason: rows[np.searchsorted(rows, first) : np.searchsorted(rows, first + len(table))]
                    - first
                    for reason, rows in reasons.items()
                }
                first += len(table)
                refused = np.unique(np.concatenate(list(here.values())))
                mask = np.ones(len(table), dtype=bool)
                mask[refused] = False
                valid = table.filter(pa.array(mask))
                if len(valid):
                    writer.write(valid)
                kept += len(valid)
                for start in range(0, len(refused), _WRITTEN_ROWS):
                    some = refused[start : start + _WRITTEN_ROWS]
                    rows = table.take(some)
                    self._quarantine(rows, some, here, quarantine)
                    counts.subtract(RowChunk(rows))
        writer.close()
        return kept

    def _quarantine(
        self,
        table: pa.Table,
        positions: Positions,
        reasons: Mapping[Reason, Positions],
        quarantine: gzip.GzipFile,
    ) -> None:
        why: dict[int, list[Reason]] = {int(position): [] for position in positions}
        for reason, rows in reasons.items():
            first, end = rows.searchsorted([positions[0], positions[-1] + 1])
            for row in rows[first:end].tolist():
                why[row].append(reason)
        for body, found in zip(table.to_pylist(maps_as_pydicts="strict"), why.values(), strict=True):
            row = without_nulls(body)
            self._rows += 1
            self._reasons.update(found)
            record = {
                "step": "validate",
                "reasons": [self._record(reason, row) for reason in found],
                "row": row,
            }
            quarantine.write(json.dumps(record, ensure_ascii=False, default=str).encode() + b"\n")

    def _record(self, reason: Reason, row: JsonObject) -> JsonObject:
        """Return the record of a reason for the quarantine file.

        If the pipeline allows it, the record contains the refused value, which is also collected as an example for the
        report.
        """
        if not self._show_values:
            return reason.record
        value: object = row
        for name in reason.field.split(".*")[0].split("."):
            value = value.get(name) if isinstance(value, dict) else None
        self._examples.add(reason, value)
        return {**reason.record, "value": value}
