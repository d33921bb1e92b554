"""The checking of a partition: every row, chunk by chunk, and then the partition as a whole."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from include.errors import SchemaError
from include.lake.manifest import Manifest, upload_file
from include.mixpanel.time import day_start, latest_instant
from include.quality.constraints import Reason, Severity
from include.quality.derive import ExpectationSpec, RowRules, derive
from include.quality.partition import PartitionFacts, facts_table, partition_specs
from include.quality.suite import SuiteRunner, present
from include.steps.jsonl import gzip_writer
from include.steps.transform import open_duckdb
from include.steps.workspace import Workspace
from include.xdm.schema import XdmSchema

if TYPE_CHECKING:
    import pyarrow as pa

_ENOUGH_ROWS = 10
"""From how many rows on a field without any value is a mistake and no chance."""
_EXAMPLES = 3


@dataclass
class Check:
    """One validation: reads chunks, keeps the valid rows, explains the others; then the partition as a whole."""

    workspace: Workspace
    schema: XdmSchema
    scratch: Path
    now: datetime
    """Before which every event must lie: when it was mapped. The clock's own time would give another verdict, and
    another report, each time that the same rows are checked."""
    specs: list[ExpectationSpec] = field(default_factory=list)
    reasons: Counter[Reason] = field(default_factory=Counter)
    warned: Counter[Reason] = field(default_factory=Counter)
    broken: list[Reason] = field(default_factory=list)
    """What makes the partition as a whole red."""
    examples: dict[Reason, list[str]] = field(default_factory=dict)
    by_hour: Counter[str] = field(default_factory=Counter)
    by_event: Counter[str] = field(default_factory=Counter)
    valid: int = 0
    quarantined: int = 0

    @property
    def valid_path(self) -> Path:
        return self.scratch / "valid.parquet"

    @property
    def quarantine_path(self) -> Path:
        return self.scratch / "quarantine.jsonl.gz"

    def refuse_useless_mappings(self, mapped: Manifest) -> None:
        """A field into which not one value of a day goes is mapped wrongly: reported before anything is staged.

        A number that its field cannot hold exactly, a fraction above all, stays in the unmapped JSON and is counted;
        it may be true of every value of a day, and is not a mistake of the mapping.
        """
        inexact = mapped.details.get("inexact", {})
        never = [
            name
            for name, count in mapped.details["not_converted"].items()
            if count - inexact.get(name, 0) == mapped.rows >= _ENOUGH_ROWS
        ]
        if never:
            raise SchemaError(
                f"None of {mapped.rows} values of partition {self.workspace.partition} fits {', '.join(never)}.",
                f"Map it to a field of another type in {self.workspace.pipeline.mapping}, or correct the field group.",
            )

    def run(self, paths: list[Path]) -> None:
        import pyarrow.parquet as pq

        if not paths:  # an empty day: nothing to check, and Great Expectations is not even loaded
            return
        sources = [pq.ParquetFile(path) for path in paths]
        self.specs = derive(
            self.schema, leaf_paths(sources[0].schema_arrow), _rules(self.workspace, self.now)
        )
        self._require_columns(sources[0].schema_arrow)
        runner = SuiteRunner(self.specs)
        with (
            pq.ParquetWriter(self.valid_path, sources[0].schema_arrow, compression="zstd") as valid,
            gzip_writer(self.quarantine_path) as quarantine,
        ):
            for source in sources:
                for number in range(source.num_row_groups):  # each of bounded bytes, as transform wrote it
                    self._chunk(source.read_row_group(number), runner, valid, quarantine)

    def run_partition(self, history: list[dict[str, int]], by_event: Mapping[str, int]) -> None:
        """The expectations of the whole; of an empty day the one that it may be empty, without GX.

        ``by_event``: events by name as they came, for schemas that have no ``eventType``.
        """
        self.by_event = self.by_event or Counter(by_event)
        quality = self.workspace.pipeline.quality
        facts = PartitionFacts(self.valid, self._double_ids() if self.valid else 0, self.by_event)
        severity = _severity(self.workspace)
        specs = partition_specs(facts, history, severity, allow_empty=quality.allow_empty)
        if not self.valid:
            self.broken += [spec.reason for spec in specs if spec.constraint == "rows"]
            return
        verdict = SuiteRunner(specs).run(facts_table(facts, history))
        self.broken += verdict.refused.get(0, [])
        self.warned += verdict.warned
        self.specs += specs

    def _double_ids(self) -> int:
        with open_duckdb(self.scratch) as db:
            counted = (
                "SELECT count(*) FROM (SELECT _id FROM read_parquet(?) GROUP BY _id HAVING count(*) > 1)"
            )
            (found,) = db.execute(counted, [str(self.valid_path)]).fetchone()
        return int(found)

    def _chunk(self, table: pa.Table, runner: SuiteRunner, valid: Any, quarantine: Any) -> None:
        import pyarrow as pa

        verdict = runner.run(table)
        mask = pa.array([row not in verdict.refused for row in range(table.num_rows)])
        kept = table.filter(mask)
        self._count(kept)
        valid.write_table(kept)
        self.valid += kept.num_rows
        self.warned += verdict.warned
        for row, reasons in sorted(verdict.refused.items()):
            self.quarantined += 1
            self.reasons.update(set(reasons))
            body = present(table.slice(row, 1).to_pylist(maps_as_pydicts="strict")[0])
            record = {"step": "validate", "reasons": [self._record(r, body) for r in reasons], "row": body}
            quarantine.write(json.dumps(record, ensure_ascii=False, default=str).encode() + b"\n")

    def _record(self, reason: Reason, row: dict[str, Any]) -> dict[str, Any]:
        """A reason for quarantine; with the value only where the pipeline says so, and then in the report too."""
        if not self.workspace.pipeline.quality.show_values:
            return reason.record
        value: Any = row
        for name in reason.field.split(".*")[0].split("."):
            value = value.get(name) if isinstance(value, dict) else None
        shown = self.examples.setdefault(reason, [])
        if len(shown) < _EXAMPLES:
            shown.append(json.dumps(value, ensure_ascii=False, default=str)[:100])
        return {**reason.record, "value": value}

    def _count(self, kept: pa.Table) -> None:
        import pyarrow.compute as pc

        hours = pc.strftime(kept["timestamp"], format="%m-%d %H:00")
        self.by_hour.update({c["values"]: c["counts"] for c in pc.value_counts(hours).to_pylist()})
        if "eventType" in kept.column_names:
            counts = pc.value_counts(kept["eventType"]).to_pylist()
            self.by_event.update({str(c["values"]): c["counts"] for c in counts})

    def _require_columns(self, arrow_schema: Any) -> None:
        missing = [
            spec.name
            for spec in self.specs
            if spec.constraint == "required" and spec.name not in arrow_schema.names
        ]
        if missing:
            raise SchemaError(
                f"Schema {self.schema.title!r} requires {', '.join(missing)}, which no row has.",
                "Add a mapping for it, or make the field optional in its field group.",
            )

    def upload_quarantine(self, workspace: Workspace, digest: str) -> dict[str, Any] | None:
        if not self.quarantined:
            return None
        key = workspace.partition.quarantine("validate", digest)
        return upload_file(workspace.lake, key, self.quarantine_path, self.quarantined).model_dump()


def _rules(workspace: Workspace, now: datetime) -> RowRules:
    pipeline, day = workspace.pipeline, workspace.partition.day
    zone = pipeline.mixpanel.day_zone
    return RowRules(
        now=now,
        first=day_start(day, zone),
        latest=latest_instant(day, zone),
        profile=pipeline.aep.profile,
        severity=_severity(workspace),
    )


def _severity(workspace: Workspace) -> dict[str, Severity]:
    return {str(rule): severity for rule, severity in workspace.pipeline.quality.severity.items()}


def leaf_paths(arrow_schema: Any) -> set[str]:
    """The dotted paths of all columns inside structs; arrays and maps count as one column."""
    import pyarrow as pa

    paths: set[str] = set()

    def walk(name: str, kind: Any) -> None:
        if pa.types.is_struct(kind):
            for child in kind:
                walk(f"{name}.{child.name}", child.type)
        else:
            paths.add(name)

    for column in arrow_schema:
        walk(column.name, column.type)
    return paths
