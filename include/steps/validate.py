"""Validate: every row against the expectations that follow from the XDM schema; failing rows go to quarantine."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from include.errors import SchemaError, TooManyQuarantined
from include.lake.manifest import Manifest, digest_of, upload_file
from include.quality.derive import ExpectationSpec, derive
from include.quality.report import Report, render
from include.quality.suite import SuiteRunner, present
from include.steps.jsonl import gzip_writer
from include.steps.workspace import DATA_VERSION, Workspace
from include.xdm.schema import XdmSchema
from include.xdm.sift import REASONS

if TYPE_CHECKING:
    import pyarrow as pa


def validate_partition(workspace: Workspace, mapped: Manifest) -> Manifest:
    """Validates mapped rows, or finds them validated. ``counts``: ``mapped = valid + quarantined``.

    Raises:
        SchemaError: a field that every event needs is in no row at all.
        TooManyQuarantined: more was refused, here and in transform, than the pipeline allows; the report says why.
    """
    quality = workspace.pipeline.quality
    inputs = {
        "transform": mapped.digest,
        "schema": mapped.inputs["schema"],
        "quality": digest_of(quality.model_dump()),
        "data_version": str(DATA_VERSION),
    }
    digest = digest_of(inputs)
    done = workspace.find("validate", digest)
    if done is not None:
        return done
    schema = workspace.schema(inputs["schema"])
    with workspace.scratch() as scratch:
        check = _Check(workspace, schema, scratch)
        check.run(workspace.local_files(mapped, scratch))
        report = _publish_report(workspace, digest, mapped, schema, check)
        quarantine = check.upload_quarantine(workspace, digest)
        _refuse_too_many(workspace, mapped, check, report)
        key = f"{workspace.partition.output('validate', digest)}/part-00000.parquet"
        files = (upload_file(workspace.lake, key, check.valid_path, check.valid),) if check.valid else ()
    return workspace.publish(
        step="validate",
        digest=digest,
        inputs=inputs,
        files=files,
        counts={"mapped": mapped.rows, "valid": check.valid, "quarantined": check.quarantined},
        details={
            "quarantine": quarantine,
            "reasons": dict(check.reasons.most_common()),
            "report": report,
            "expectations": len(check.specs),
        },
    )


@dataclass
class _Check:
    """One validation: reads chunks, keeps the valid rows, explains the others."""

    workspace: Workspace
    schema: XdmSchema
    scratch: Path
    specs: list[ExpectationSpec] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)
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

    def run(self, paths: list[Path]) -> None:
        import pyarrow.parquet as pq

        if not paths:  # an empty day: nothing to check, and Great Expectations is not even loaded
            return
        sources = [pq.ParquetFile(path) for path in paths]
        self.specs = derive(
            self.schema, leaf_paths(sources[0].schema_arrow), self.workspace.clock.now().isoformat()
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

    def _chunk(self, table: pa.Table, runner: SuiteRunner, valid: Any, quarantine: Any) -> None:
        import pyarrow as pa

        refused = runner.run(table).refused
        mask = pa.array([row not in refused for row in range(table.num_rows)])
        kept = table.filter(mask)
        self._count(kept)
        valid.write_table(kept)
        self.valid += kept.num_rows
        for row, specs in sorted(refused.items()):
            self.quarantined += 1
            self.reasons.update({f"{spec.reason['field']} {spec.sentence}" for spec in specs})
            record = {
                "step": "validate",
                "reasons": [spec.reason for spec in specs],
                "row": present(table.slice(row, 1).to_pylist(maps_as_pydicts="strict")[0]),
            }
            quarantine.write(json.dumps(record, ensure_ascii=False, default=str).encode() + b"\n")

    def _count(self, kept: pa.Table) -> None:
        import pyarrow.compute as pc

        hours = pc.strftime(kept["timestamp"], format="%m-%d %H:00")
        self.by_hour.update({c["values"]: c["counts"] for c in pc.value_counts(hours).to_pylist()})
        if "eventType" in kept.column_names:
            counts = pc.value_counts(kept["eventType"]).to_pylist()
            self.by_event.update({str(c["values"]): c["counts"] for c in counts})

    def _require_columns(self, arrow_schema: Any) -> None:
        missing = [
            spec.reason["field"]
            for spec in self.specs
            if spec.constraint == "required" and spec.reason["field"] not in arrow_schema.names
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


def _publish_report(
    workspace: Workspace, digest: str, mapped: Manifest, schema: XdmSchema, check: _Check
) -> str:
    page = render(
        Report(
            pipeline=workspace.pipeline.name,
            partition=str(workspace.partition),
            schema_title=schema.title,
            schema_version=schema.version,
            counts={**mapped.counts, "valid": check.valid, "refused": check.quarantined},
            reasons={
                **{f"{reason}: {REASONS[reason]}": n for reason, n in mapped.details["reasons"].items()},
                **dict(check.reasons.most_common()),
            },
            not_converted=mapped.details["not_converted"],
            expectations=[(spec.column.rstrip("?"), spec.sentence) for spec in check.specs],
            by_hour=dict(sorted(check.by_hour.items())),
            by_event=dict(check.by_event.most_common(20)),
        )
    )
    path = workspace.partition.report(digest)
    local = check.scratch / "report.html"
    local.write_text(page, encoding="utf-8")
    workspace.lake.upload(path, local)
    return path


def _refuse_too_many(workspace: Workspace, mapped: Manifest, check: _Check, report: str) -> None:
    exported = mapped.counts["exported"]
    refused = mapped.counts["quarantined"] + check.quarantined
    allowed = workspace.pipeline.quality.max_quarantined
    # Divided, not multiplied: 0.29 * 100 is less than 29 to a computer.
    if not exported or refused / exported <= allowed:
        return
    reasons = Counter(mapped.details["reasons"]) + check.reasons
    top = "; ".join(f"{reason} ({count})" for reason, count in reasons.most_common(3))
    raise TooManyQuarantined(
        f"{refused} of {exported} events of partition {workspace.partition} were refused, more than the "
        f"{allowed:.2%} that pipeline {workspace.pipeline.name} allows: {top}.",
        f"Nothing was staged. Read {workspace.lake.uri(report)}, then correct the mapping or the schema.",
    )
