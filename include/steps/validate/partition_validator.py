"""Validates a partition: every row, by columns; then failing rows individually; then the partition as a whole."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from include.errors import SchemaError
from include.lake.manifest import LakeFile, Manifest, upload_file
from include.mixpanel.event_time import day_start, latest_instant
from include.quality.constraints import Reason, Severity, cannot_check
from include.quality.derive import ExpectationSpec, RowRules, derive
from include.quality.gx import load
from include.quality.leaf_columns import leaf_paths
from include.quality.partition_expectations import DayEvents, PartitionFacts, failing, partition_expectations
from include.quality.suite import Screen, failing_rows
from include.steps.day_rows import RowFile
from include.steps.validate.day_counts import COUNTED, DayCounts
from include.steps.validate.invalid_rows import InvalidRows
from include.steps.validate.row_chunks import row_chunks
from include.steps.workspace import Workspace
from include.xdm.convert.aep_parquet import AEP_FORM, has_aep_form
from include.xdm.schema.xdm_schema import XdmSchema

_ENOUGH_ROWS = 10
"""From this number of rows, a field without any value is a mistake and not a coincidence."""
SCREENED_ROWS, EXPLAINED_ROWS = 100_000, 300_000
"""The number of rows to read at once, in whole row groups: a chunk that is checked row by row costs a run of GX."""


@dataclass
class PartitionValidator:
    """One validation of one partition. ``failed``: rows, or names of events, by the number of their expectation."""

    workspace: Workspace
    schema: XdmSchema
    scratch: Path
    now: datetime
    """The limit for the time of every event: when it was mapped.

    The clock's own time would give another verdict, and another report, each time the same rows are checked.
    """
    specs: list[ExpectationSpec] = field(default_factory=list)
    failed: Counter[int] = field(default_factory=Counter)
    broken: list[Reason] = field(default_factory=list)
    """The constraints that the partition as a whole fails."""
    warned: Counter[Reason] = field(default_factory=Counter)
    counts: DayCounts = field(default_factory=DayCounts)
    by_event: DayEvents = field(default_factory=lambda: DayEvents({}))
    form: str | None = None
    """``AEP_FORM`` if every valid file has it."""
    mapped_rows: int = 0
    other_events: int = 0
    """Valid rows whose event names are not in ``counts``."""
    row_warned: Counter[Reason] = field(default_factory=Counter)
    """Warnings about individual rows only."""
    _kept: list[RowFile] = field(default_factory=list)
    """The valid files: those of transform, and those that were written again."""
    _valid_paths: list[Path] = field(default_factory=list)

    @cached_property
    def refused(self) -> InvalidRows:
        """The rows that are not valid, and the reasons."""
        return InvalidRows(self.scratch, show_values=self.workspace.pipeline.quality.show_values)

    @property
    def valid(self) -> int:
        """The number of valid rows."""
        return self.mapped_rows - self.refused.rows

    @property
    def valid_own(self) -> int:
        """The valid rows of the files that were checked."""
        return sum(each.rows for each in self._kept)

    def refuse_useless_mappings(self, mapped: Manifest) -> None:
        """Refuse a field that no value of a day fits, before anything is staged: its mapping is wrong.

        A number that its field cannot hold exactly, above all a fraction, stays in the unmapped JSON and is counted.
        This may affect every value of a day, and is not a mistake of the mapping. If a delta does not know how many
        values do not fit, its base has shown that some do.
        """
        if "not_converted" in mapped.details.get("at_most", ()):
            return
        inexact = mapped.details.get("inexact", {})
        never = [
            name
            for name, count in mapped.details["not_converted"].items()
            if count - inexact.get(name, 0) == mapped.rows >= _ENOUGH_ROWS
        ]
        if never:
            raise SchemaError(
                f"None of {mapped.rows} values of partition {self.workspace.partition} fits {', '.join(never)}.",
                f"Map them to fields of another type in {self.workspace.pipeline.mapping}, or correct the field group.",
            )

    def run(self, files: Sequence[RowFile]) -> None:
        """Validate the rows of transform's files."""
        import pyarrow.parquet as pq

        if not files:  # an empty day has nothing to check, so Great Expectations is not loaded
            return
        sources = [pq.ParquetFile(file.path) for file in files]
        columns = {path for source in sources for path in leaf_paths(source.schema_arrow)}
        self.specs = derive(self.schema, columns, _rules(self.workspace, self.now))
        self._require_columns({path[0] for path in columns})
        with _preload_gx():
            screen = Screen(self.specs)
            for source in sources:
                for chunk, views in row_chunks(source, {*screen.views, *COUNTED}, SCREENED_ROWS):
                    screen.add(chunk, views)
                    if views.issuperset(COUNTED):
                        self.counts.add(chunk)
                        self.mapped_rows += chunk.num_rows
        suspects = screen.failed()
        for source, file in zip(sources, files, strict=True):
            self._refuse_failing_rows(source, file, suspects)
        self._require_explained(suspects - self.failed.keys())
        if all(
            has_aep_form(source) or kept != file
            for source, file, kept in zip(sources, files, self._kept, strict=True)
        ):
            self.form = AEP_FORM

    def _refuse_failing_rows(self, source: Any, file: RowFile, suspects: set[int]) -> None:
        """Find the failing rows of a file; write it again without those that are refused."""
        import numpy as np

        by_spec: dict[int, list[Any]] = {number: [] for number in sorted(suspects)}
        for chunk, views in row_chunks(source, {self.specs[n].view for n in suspects}, EXPLAINED_ROWS):
            here = [number for number in by_spec if self.specs[number].view in views]
            for number, rows in failing_rows(chunk, self.specs, here).items():
                by_spec[number].append(rows + chunk.first)
        refused: dict[int, Any] = {}
        for number, parts in by_spec.items():
            if not parts:
                continue
            rows, spec = np.concatenate(parts), self.specs[number]
            self.failed[number] += len(rows)
            if spec.severity == "warning":
                self.warned[spec.reason] += len(rows)
            else:
                refused[number] = rows
        if not refused:
            self._kept.append(file)
            self._valid_paths.append(file.path)
            return
        target = self.scratch / f"valid-{len(self._kept):05}.parquet"
        kept = self.refused.split(
            source, target, {self.specs[n].reason: rows for n, rows in refused.items()}, self.counts
        )
        self._kept.append(RowFile(target, kept, None))
        if kept:
            self._valid_paths.append(target)

    def _require_explained(self, numbers: set[int]) -> None:
        """Check that a row fails each expectation that the sample fails and that is the only one of its check."""
        for number in sorted(numbers):
            view = self.specs[number].view
            if not any(
                other in self.failed for other in range(len(self.specs)) if self.specs[other].view == view
            ):
                raise cannot_check(self.specs[number].name, self.specs[number].constraint)

    def run_partition(self, history: list[DayEvents], as_exported: DayEvents) -> None:
        """Check the expectations of the whole partition; for an empty day only whether it may be empty, without GX.

        ``as_exported``: events by name as exported, for schemas without ``eventType``.
        """
        by_event = +self.counts.by_event
        self.row_warned = +self.warned
        self.by_event = DayEvents(by_event, self.other_events) if by_event else as_exported
        quality = self.workspace.pipeline.quality
        double = self.counts.double_ids(self._valid_paths) if self.valid else 0
        facts = PartitionFacts(self.valid, double, self.by_event)
        expectations = partition_expectations(
            facts, history, _severity(self.workspace), allow_empty=quality.allow_empty
        )
        if not self.valid:
            self.broken += [e.spec.reason for e in expectations if e.spec.constraint == "rows"]
            return
        for spec, reasons in failing(expectations):
            number = len(self.specs) + [each.spec for each in expectations].index(spec)
            self.failed[number] += len(reasons)
            if spec.severity == "warning":
                self.warned.update(reasons)
            else:
                self.broken += reasons
        self.specs += [each.spec for each in expectations]

    def upload(self, folder: str) -> tuple[LakeFile, ...]:
        """Return the valid files: transform's own if all their rows are valid, and the others uploaded into ``folder``."""
        files = []
        for number, kept in enumerate(self._kept):
            if kept.stored is not None:
                files.append(kept.stored)
            elif kept.rows:
                key = f"{folder}/part-{number:05}.parquet"
                files.append(upload_file(self.workspace.lake, key, kept.path, kept.rows))
        return tuple(files)

    def _require_columns(self, names: set[str]) -> None:
        missing = [
            spec.name
            for spec in self.specs
            if spec.constraint == "required" and len(spec.view.path) == 1 and spec.view.path[0] not in names
        ]
        if missing:
            raise SchemaError(
                f"Schema {self.schema.title!r} requires {', '.join(missing)}, but no row has a value for it.",
                "Add a mapping for it, or make the field optional in its field group.",
            )


@contextmanager
def _preload_gx() -> Iterator[None]:
    """Load Great Expectations in a thread while this one reads columns with Arrow, which does not need the interpreter."""
    trouble: list[Exception] = []

    def work() -> None:
        try:
            load()
        except Exception as error:  # noqa: BLE001 - raised below, in the thread that waits for it
            trouble.append(error)

    thread = threading.Thread(target=work, name="load-great-expectations")
    thread.start()
    try:
        yield
    finally:
        thread.join()
    if trouble:
        raise trouble[0]


def _rules(workspace: Workspace, now: datetime) -> RowRules:
    pipeline, day = workspace.pipeline, workspace.partition.day
    zone = pipeline.mixpanel.day_zone
    return RowRules(
        now=now,
        first=day_start(day, zone),
        latest=latest_instant(day, zone),
        profile=bool(pipeline.aep.profile),
        severity=_severity(workspace),
    )


def _severity(workspace: Workspace) -> dict[str, Severity]:
    return {str(rule): severity for rule, severity in workspace.pipeline.quality.severity.items()}
