"""Combine the validated rows of a delta with the earlier validation result of its base.

The rows of the base are not read again, except those that are not rows of the day any more: their counts are
subtracted.
"""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from include.errors import FilesRemoved
from include.json_types import JsonObject
from include.lake.manifest import LakeFile, Manifest
from include.quality.constraints import Reason
from include.steps.day_rows import DayRows, RowFile, rows_among
from include.steps.validate.invalid_rows import join_refused, reason_of
from include.steps.validate.partition_validator import PartitionValidator
from include.steps.validate.verdict import CheckedRows
from include.xdm.convert.aep_parquet import AepParquetWriter


@dataclass(frozen=True)
class ValidatedBase:
    """The validation result of a delta's base, from which the result of the whole day is computed.

    ``valid``: the base's output of validate. ``day``: the rows of the delta. ``scratch``: an empty folder for its
    temporary files.
    """

    valid: Manifest
    day: DayRows
    scratch: Path

    def join(self, own: CheckedRows, validator: PartitionValidator) -> CheckedRows | None:
        """Return the result of the whole day: of the delta's rows (``own``) and of the base's remaining rows.

        Return None if the base's output lacks the necessary counts or its quarantine was removed.

        Raises:
            FilesRemoved: files of the base's output are not in the lake any more.
        """
        quarantine = self._quarantine()
        counted = self.valid.details.get("rows")
        if quarantine is None or counted is None:
            return None
        gone = self._superseded_file()
        superseded = validator.check_rows([gone] if gone is not None else [], self.scratch)
        mapped = self.day.manifest
        refused = join_refused(
            own.refused, self._remaining_records(quarantine), self.scratch / "day-quarantine.jsonl.gz"
        )
        of_day = own.mapped + mapped.rows - mapped.rows_in_files
        if of_day - refused.rows != self.valid.rows - superseded.valid + own.valid_in_files:
            return None
        by_hour, by_event, other_events, warned = (
            own.by_hour.copy(), own.by_event.copy(), own.other_events, own.warned.copy()
        )  # fmt: skip
        by_hour.update(counted["by_hour"])
        by_hour.subtract(superseded.by_hour)
        if counted["has_event_type"]:
            other_events = self._add_events(by_event, superseded.by_event)
        warned.update(_warnings_by_reason(counted["warnings"]))
        warned.subtract(superseded.warned)
        return replace(
            own,
            mapped=of_day,
            refused=refused,
            by_hour=+by_hour,
            by_event=+by_event,
            other_events=other_events,
            warned=+warned,
            form=own.form if mapped.rows_in_files else self.valid.details.get("form"),
        )

    def _add_events(self, by_event: Counter[str], gone: Mapping[str, int]) -> int:
        """Add the base's counts by event name to ``by_event``, minus the counts ``gone`` of superseded rows.

        Return the number of events with names that are not in ``by_event``.
        """
        others = int(self.valid.details.get("other_events", 0))
        listed = self.valid.details["by_event"]
        lost = Counter(gone)
        if others:  # a name that is not listed may be one of these, so its events are not counted by name
            for counter, sign in ((by_event, 1), (lost, -1)):
                for name in [name for name in counter if name not in listed]:
                    others += sign * counter.pop(name)
        by_event.update(listed)
        by_event.subtract(lost)
        return others

    def _quarantine(self) -> list[Path] | None:
        """Download the base's quarantine file; return its path, or None if the file was removed."""
        kept = self.valid.details["quarantine"]
        if not kept:
            return []
        target = self.scratch / "base-quarantine.jsonl.gz"
        try:
            return [self.day.workspace.local_file(LakeFile.model_validate(kept), target, self.valid)]
        except FilesRemoved:  # quarantine has a separate retention
            return None

    def _remaining_records(self, quarantine: list[Path]) -> Iterator[bytes]:
        """Yield the base's quarantine records whose rows are still rows of the day."""
        gone = set(self.day.superseded.to_pylist()) if quarantine else set()
        for path in quarantine:
            with gzip.open(path) as file:
                for line in file:
                    if not gone or json.loads(line)["row"]["_id"] not in gone:
                        yield line

    def _superseded_file(self) -> RowFile | None:
        """Write the base's superseded rows, valid or not, to a file; return None if no row is superseded."""
        if not len(self.day.superseded):
            return None
        path, rows, writer = self.scratch / "superseded-rows.parquet", 0, None
        for table in rows_among(self.day.base_paths, self.day.superseded):
            writer = writer or AepParquetWriter(path, table.schema)
            writer.write(table)
            rows += table.num_rows
        if writer is None:
            return None
        writer.close()
        return RowFile(path, rows, None)


def warning_records(warned: Mapping[Reason, int]) -> list[JsonObject]:
    """Convert the numbers of rows with a warning, by reason, to the form that a manifest stores."""
    return [{**reason.record, "rows": count} for reason, count in warned.items() if count]


def _warnings_by_reason(records: list[JsonObject]) -> Counter[Reason]:
    return Counter({reason_of(record): record["rows"] for record in records})
