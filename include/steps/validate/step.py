"""Validate the mapped rows of a day against the expectations that are derived from the XDM schema.

Rows that fail an expectation are written to quarantine.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from include.errors import PartitionRefused, TooManyQuarantined
from include.json_types import JsonObject
from include.lake.manifest import Delta, Manifest
from include.plural import counted
from include.quality.report import Report, render
from include.steps.day_rows import DayRows, RowFile
from include.steps.step import Made, Step, run_step
from include.steps.validate.day_report import report_of_day
from include.steps.validate.partition_validator import PartitionValidator, upload_valid
from include.steps.validate.previous_days import events_before, events_of
from include.steps.validate.rules import refuse_useless_mappings, validation_inputs, validator_of
from include.steps.validate.shard_rows import add_shards
from include.steps.validate.shard_step import validate_shard
from include.steps.validate.shards import shards_of
from include.steps.validate.validated_base import ValidatedBase, warning_records
from include.steps.validate.verdict import (
    CheckedRows,
    Verdict,
    by_sentence,
    most_frequent,
    quarantine_over_limit,
)
from include.steps.workspace import Workspace

_MOST_EVENTS = 10_000
"""The largest number of event names that a manifest lists; the events with other names are one number."""


def validate_partition(workspace: Workspace, mapped: Manifest, *, with_files: bool = False) -> Manifest:
    """Validate the rows of ``mapped``, a manifest of transform; return the manifest of the new or existing output.

    The ``counts`` of the result satisfy ``mapped = valid + quarantined``. ``with_files``: validate the rows again if
    the files of the output were removed from the lake.

    Raises:
        FilesRemoved: the mapped rows are not in the lake any more.
        SchemaError: no row has a field that every event needs, or no value of a field could be converted.
        PartitionRefused: the partition as a whole does not meet the expectations; the report has the reason.
        TooManyQuarantined: transform and validate refused more events than the pipeline allows; the report has the
            reasons.
    """
    return run_step(Validate(workspace, mapped), with_files=with_files)


@dataclass(frozen=True)
class Validate(Step):
    """The validate step for the mapped rows of one day. ``mapped``: the manifest of transform."""

    name = "validate"
    workspace: Workspace
    mapped: Manifest

    def inputs(self) -> dict[str, str]:
        """Return the values that determine the result, by name."""
        return validation_inputs(self.workspace, self.mapped)

    def base_inputs(self) -> dict[str, str] | None:
        """Return the inputs of the validation of the base of ``mapped``; None if ``mapped`` is not a delta."""
        return {**self.inputs(), "transform": self.mapped.delta.base} if self.mapped.delta else None

    def run(self, digest: str, scratch: Path) -> Made:
        """Validate all rows of the day, or combine the results of the day's shards."""
        refuse_useless_mappings(self.workspace, self.mapped)
        validator = validator_of(self.workspace, self.mapped)
        rows = self._add_shards(validator, scratch)
        if rows is None:
            files = DayRows(self.workspace, self.mapped, scratch).files()
            rows = validator.check_rows(files, _folder(scratch, "valid"))
        return self._judge(validator, rows, digest, scratch)

    def run_delta(self, base: Manifest, digest: str, scratch: Path) -> Made | None:
        """Validate only the new rows of a delta; return None if all rows of the day have to be validated.

        ``base``: the earlier output of validate that covers the other rows.
        """
        refuse_useless_mappings(self.workspace, self.mapped)
        validator, day = (
            validator_of(self.workspace, self.mapped),
            DayRows(self.workspace, self.mapped, scratch),
        )
        own = zip(day.output_paths, self.mapped.files, strict=True)
        files = [RowFile(path, file.rows, file) for path, file in own]
        rows = validator.check_rows(files, _folder(scratch, "valid"))
        of_day = ValidatedBase(base, day, _folder(scratch, "base")).join(rows, validator)
        return self._judge(validator, of_day, digest, scratch, base) if of_day is not None else None

    def _add_shards(self, validator: PartitionValidator, scratch: Path) -> CheckedRows | None:
        """Validate the shards that have no output yet, and return the sum of the results of all shards.

        Return None if the day has no shards, or if their results cannot be added.
        """
        workspace, mapped = self.workspace, self.mapped
        shards = shards_of(mapped, workspace.pipeline.shard_events)
        found = [validate_shard(workspace, mapped, shard, with_files=True) for shard in shards]
        if not found:
            return None
        return add_shards(workspace, mapped, found, validator, _folder(scratch, "shards"))

    def _judge(
        self,
        validator: PartitionValidator,
        rows: CheckedRows,
        digest: str,
        scratch: Path,
        base: Manifest | None = None,
    ) -> Made:
        workspace, mapped = self.workspace, self.mapped
        history = events_before(workspace, workspace.pipeline.quality.history_days if rows.valid else 0)
        came = mapped.rows + mapped.counts.get("duplicates", 0)
        verdict = validator.judge(rows, history, events_of(mapped, came))
        page = report_of_day(workspace, digest, mapped, validator.schema, verdict, base)
        report = _upload_report(workspace, digest, page, scratch)
        details = {
            "quarantine": rows.refused.upload(workspace, digest),
            "report": report,
            **_details(verdict),
        }
        _refuse(workspace, mapped, verdict, report)
        counts = {
            "mapped": mapped.rows,
            "valid": rows.valid,
            "quarantined": rows.refused.rows,
            "warnings": verdict.warned.total(),
        }
        files = upload_valid(rows, workspace.lake, workspace.partition.output("validate", digest))
        return Made(files, counts, details, self._delta(base, rows.valid))

    def _delta(self, base: Manifest | None, valid: int) -> Delta | None:
        """Return the description of the output as a delta of ``base``; None if all rows were validated."""
        if base is None or self.mapped.delta is None:
            return None
        return Delta(base=base.digest, rows=valid, without=self.mapped.delta.without)


def _folder(scratch: Path, name: str) -> Path:
    folder = scratch / name
    folder.mkdir()
    return folder


def _details(verdict: Verdict) -> JsonObject:
    """Return the details for the manifest; a later delta computes the counts of its day from those in ``rows``."""
    rows, listed = verdict.rows, most_frequent(verdict.by_event.by_event, _MOST_EVENTS)
    return {
        "reasons": by_sentence(rows.refused.reasons),
        "warnings": by_sentence(verdict.warned),
        "expectations": len(verdict.specs),
        "by_event": listed,
        "other_events": verdict.by_event.total - sum(listed.values()),
        "form": rows.form,
        "rows": {
            "by_hour": rows.by_hour,
            "warnings": warning_records(rows.warned),
            "has_event_type": bool(rows.by_event),
        },
    }


def _upload_report(workspace: Workspace, digest: str, report: Report, scratch: Path) -> str:
    """Upload the report as an HTML page; return its key in the lake."""
    key, local = workspace.partition.report(digest), scratch / "report.html"
    local.write_text(render(report), encoding="utf-8")
    workspace.lake.upload(key, local)
    return key


def _refuse(workspace: Workspace, mapped: Manifest, verdict: Verdict, report: str) -> None:
    """Raise an error if the day must not be loaded. ``report``: the key of the report, for the message.

    Raises:
        PartitionRefused: the day as a whole does not meet the expectations.
        TooManyQuarantined: more events are quarantined than the pipeline allows.
    """
    if verdict.broken:
        constraints = sorted({reason.constraint for reason in verdict.broken})
        raise PartitionRefused(
            f"Partition {workspace.partition} of pipeline {workspace.pipeline.name} as a whole does not meet the "
            f"expectations: {', '.join(constraints)} ({counted(verdict.rows.valid, 'valid event')}).",
            f"Nothing was staged. Read {workspace.lake.uri(report)}; quality in the pipeline file sets the limits.",
        )
    found = quarantine_over_limit(workspace, mapped, verdict)
    if found is None:
        return
    refused, exported, allowed = found
    reasons = Counter(mapped.details["reasons"]) + Counter(by_sentence(verdict.rows.refused.reasons))
    top = "; ".join(f"{reason} ({count})" for reason, count in reasons.most_common(3))
    raise TooManyQuarantined(
        f"Validation refused {refused:,} of {counted(exported, 'event')} of partition {workspace.partition}, more than the "
        f"{allowed:.2%} that pipeline {workspace.pipeline.name} allows: {top}.",
        f"Nothing was staged. Read {workspace.lake.uri(report)}, then correct the mapping or the schema, or allow "
        "more in quality.max_quarantined of the pipeline file.",
    )
