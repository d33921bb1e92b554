"""Validate a partition: whole columns first, then the rows of columns that fail, then the partition as a whole."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from include.errors import SchemaError
from include.lake.lake import Lake
from include.lake.manifest import LakeFile, upload_file
from include.mixpanel.event_time import day_start, latest_instant
from include.quality.constraints import Reason, Severity, cannot_check
from include.quality.derive_expectations import derive_expectations
from include.quality.event_rules import EventRules
from include.quality.expectation_spec import ExpectationSpec
from include.quality.gx import load_great_expectations
from include.quality.leaf_columns import leaf_paths
from include.quality.partition_expectations import (
    DayEvents,
    PartitionFacts,
    failing_expectations,
    partition_expectations,
)
from include.quality.suite import Screen, failing_rows
from include.quality.view import Path as ColumnPath
from include.steps.day_rows import RowFile
from include.steps.validate.day_counts import COUNTED, DayCounts
from include.steps.validate.invalid_rows import InvalidRows
from include.steps.validate.row_chunks import row_chunks
from include.steps.validate.verdict import CheckedRows, Verdict
from include.steps.workspace import Workspace
from include.xdm.convert.aep_parquet import AEP_FORM, has_aep_form, parquet_reader
from include.xdm.schema.xdm_schema import XdmSchema

if TYPE_CHECKING:
    import pyarrow.parquet as pq

    from include.steps.validate.invalid_rows import Positions

SCREENED_ROWS, EXPLAINED_ROWS = 1, 300_000
"""The number of rows to read at once, in complete row groups: to find columns that fail, and to find failing rows.

Finding the failing rows of a chunk needs one run of Great Expectations, so these chunks are large.
"""


@dataclass(frozen=True)
class PartitionValidator:
    """Validates the rows of one partition and the partition as a whole.

    ``now``: the latest allowed time of an event. It is the time of the mapping and not the current time, so that the
    same rows always get the same result.
    """

    workspace: Workspace
    schema: XdmSchema
    now: datetime

    def specs(self, columns: set[ColumnPath]) -> list[ExpectationSpec]:
        """Return the expectations for rows that have the leaf columns ``columns``."""
        return derive_expectations(self.schema, columns, _rules(self.workspace, self.now))

    def check_rows(self, files: Sequence[RowFile], scratch: Path) -> CheckedRows:
        """Validate the rows of ``files``; write valid rows and quarantine records to the folder ``scratch``.

        A file in which no row is refused is not written again.

        Raises:
            SchemaError: no row has a field that every event needs.
        """
        if not files:  # an empty day needs no checks, so Great Expectations is not loaded
            return CheckedRows()
        columns, has_form = set[ColumnPath](), list[bool]()
        for file in files:  # open each file only while it is read: a large day has hundreds of files
            with parquet_reader(file.path) as source:
                columns |= {*leaf_paths(source.schema_arrow)}
                has_form.append(has_aep_form(source))
        specs = self.specs(columns)
        self._require_columns(specs, {path[0] for path in columns})
        counts = DayCounts(scratch / "id-keys.bin")
        suspects = _screen(files, specs, counts)
        invalid = InvalidRows(scratch, show_values=self.workspace.pipeline.quality.show_values)
        failed, kept = Counter[int](), list[RowFile]()
        for number, file in enumerate(files):
            with parquet_reader(file.path) as source:
                failing = _failing_rows(source, specs, suspects)
                failed.update({spec: len(rows) for spec, rows in failing.items()})
                refused = {
                    specs[n].reason: rows for n, rows in failing.items() if specs[n].severity != "warning"
                }
                target = scratch / f"valid-{number:05}.parquet"
                kept.append(
                    RowFile(target, invalid.split(source, target, refused, counts), None) if refused else file
                )
        _require_explained(specs, suspects, failed)
        all_have_form = all(
            has or left != file for has, file, left in zip(has_form, files, kept, strict=True)
        )
        return CheckedRows(
            mapped=counts.rows,
            specs=tuple(specs),
            columns=frozenset(columns),
            failed=failed,
            warned=warnings_of(specs, failed),
            refused=invalid.result(),
            by_hour=+counts.by_hour,
            by_event=+counts.by_event,
            double_ids=counts.double_ids(each.path for each in kept if each.rows),
            span=counts.span,
            valid_files=tuple(kept),
            form=AEP_FORM if all_have_form else None,
        )

    def judge(self, rows: CheckedRows, history: Sequence[DayEvents], as_exported: DayEvents) -> Verdict:
        """Check the expectations on the partition as a whole; return the verdict, which includes the rows' result.

        ``history``: the counts of earlier days by event name. ``as_exported``: the day's exported events by name, for
        schemas without ``eventType``. For a day without valid rows, only the expectation on the number of rows is
        checked.
        """
        by_event = DayEvents(rows.by_event, rows.other_events) if rows.by_event else as_exported
        facts = PartitionFacts(rows.valid, rows.double_ids, by_event)
        allow_empty = self.workspace.pipeline.quality.allow_empty
        expectations = partition_expectations(
            facts, list(history), _severity(self.workspace), allow_empty=allow_empty
        )
        if not rows.valid:
            empty = tuple(e.spec.reason for e in expectations if e.spec.constraint == "rows")
            return Verdict(rows, by_event, rows.specs, rows.failed, rows.warned, empty)
        specs = [each.spec for each in expectations]
        failed, warned, broken = rows.failed.copy(), rows.warned.copy(), list[Reason]()
        for spec, reasons in failing_expectations(expectations):
            failed[len(rows.specs) + specs.index(spec)] += len(reasons)
            if spec.severity == "warning":
                warned.update(reasons)
            else:
                broken += reasons
        return Verdict(rows, by_event, (*rows.specs, *specs), failed, warned, tuple(broken))

    def _require_columns(self, specs: Sequence[ExpectationSpec], names: set[str]) -> None:
        missing = [
            spec.name
            for spec in specs
            if spec.constraint == "required" and len(spec.view.path) == 1 and spec.view.path[0] not in names
        ]
        if missing:
            raise SchemaError(
                f"Schema {self.schema.title!r} requires {', '.join(missing)}, but no row has a value for it.",
                "Add a mapping for it, or make the field optional in its field group.",
            )


def warnings_of(specs: Sequence[ExpectationSpec], failed: Mapping[int, int]) -> Counter[Reason]:
    """Return the numbers of rows with a warning, by reason; ``failed``: failing rows by index in ``specs``."""
    warned = Counter[Reason]()
    for number, rows in failed.items():
        if specs[number].severity == "warning":
            warned[specs[number].reason] += rows
    return warned


def upload_valid(rows: CheckedRows, lake: Lake, folder: str) -> tuple[LakeFile, ...]:
    """Return the files of valid rows in the lake: a file of transform if all its rows are valid, otherwise a new file.

    New files are uploaded to ``folder``.
    """
    return tuple(
        kept.stored or upload_file(lake, f"{folder}/part-{number:05}.parquet", kept.path, kept.rows)
        for number, kept in enumerate(rows.valid_files)
        if kept.stored is not None or kept.rows
    )


def _screen(files: Iterable[RowFile], specs: Sequence[ExpectationSpec], counts: DayCounts) -> set[int]:
    """Check whole columns; return the indexes in ``specs`` of the expectations that at least one row may fail.

    All rows are added to ``counts``.
    """
    _use_memory_sparingly()
    with _preload_gx():
        screen = Screen(specs)
        for file in files:
            with parquet_reader(file.path) as source:
                for chunk, views in row_chunks(source, {*screen.views, *COUNTED}, SCREENED_ROWS):
                    screen.add(chunk, views)
                    if views.issuperset(COUNTED):
                        counts.add(chunk)
    return screen.failed()


def _use_memory_sparingly() -> None:
    """Make Arrow allocate memory with jemalloc: the default, mimalloc, needs 50 percent more and is not faster here."""
    import pyarrow as pa

    try:
        pa.set_memory_pool(pa.jemalloc_memory_pool())
    except NotImplementedError:  # on some systems, Arrow is built without jemalloc
        pa.set_memory_pool(pa.system_memory_pool())


def _failing_rows(
    source: pq.ParquetFile, specs: Sequence[ExpectationSpec], suspects: set[int]
) -> dict[int, Positions]:
    """Return the positions of the failing rows of an open file, ascending, by index of the expectation in ``specs``."""
    import numpy as np

    by_spec: dict[int, list[Positions]] = {number: [] for number in sorted(suspects)}
    for chunk, views in row_chunks(source, {specs[n].view for n in suspects}, EXPLAINED_ROWS):
        here = [number for number in by_spec if specs[number].view in views]
        for number, rows in failing_rows(chunk, specs, here).items():
            by_spec[number].append(rows + chunk.first)
    return {number: np.concatenate(parts) for number, parts in by_spec.items() if parts}


def _require_explained(specs: Sequence[ExpectationSpec], suspects: set[int], failed: Counter[int]) -> None:
    """Raise an error if a column failed an expectation, but no row fails it or another expectation on the same view."""
    explained = {specs[number].view for number in failed}
    for number in sorted(suspects - failed.keys()):
        if specs[number].view not in explained:
            raise cannot_check(specs[number].name, specs[number].constraint)


@contextmanager
def _preload_gx() -> Iterator[None]:
    """Load Great Expectations in a thread while the caller reads columns with Arrow, which releases the interpreter."""
    trouble: list[Exception] = []

    def work() -> None:
        try:
            load_great_expectations()
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


def _rules(workspace: Workspace, now: datetime) -> EventRules:
    pipeline, day = workspace.pipeline, workspace.partition.day
    zone = pipeline.mixpanel.day_zone
    return EventRules(
        now=now,
        first=day_start(day, zone),
        latest=latest_instant(day, zone),
        profile=bool(pipeline.aep.profile),
        severity=_severity(workspace),
    )


def _severity(workspace: Workspace) -> dict[str, Severity]:
    return {str(rule): severity for rule, severity in workspace.pipeline.quality.severity.items()}
