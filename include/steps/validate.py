"""Validate: every row against the expectations that follow from the XDM schema; failing rows go to quarantine."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from itertools import islice

from include.errors import PartitionRefused, TooManyQuarantined
from include.lake.manifest import Manifest, digest_of
from include.quality.constraints import Reason
from include.quality.report import Report, render
from include.steps.partition_validator import PartitionValidator
from include.steps.previous_days import events_before, events_of
from include.steps.transform.dropped import dropped_by_reason
from include.steps.workspace import DATA_VERSION, Workspace
from include.xdm.lines import REASONS
from include.xdm.schema import XdmSchema

_MOST_EVENTS = 10_000
"""Names of events that a manifest counts one by one; the events of all others are one number."""


def validate_partition(workspace: Workspace, mapped: Manifest, *, with_files: bool = False) -> Manifest:
    """Validates mapped rows, or finds them validated. ``counts``: ``mapped = valid + quarantined``.

    ``with_files``: also where they were validated before, if those files are not in the lake any more.

    Raises:
        FilesRemoved: the mapped rows are not in the lake any more.
        SchemaError: a field that every event needs is in no row at all, or a field's every value was left out.
        PartitionRefused: the partition as a whole is not what is expected; the report says why.
        TooManyQuarantined: more was refused, here and in transform, than the pipeline allows; the report says why.
    """
    quality = workspace.pipeline.quality
    inputs = {
        "transform": mapped.digest,
        "schema": mapped.inputs["schema"],
        "quality": digest_of({**quality.model_dump(mode="json"), "profile": workspace.pipeline.aep.profile}),
        "data_version": str(DATA_VERSION),
    }
    output = workspace.find_output("validate", inputs, with_files=with_files)
    if output.manifest is not None:
        return output.manifest
    digest = output.digest
    schema = workspace.schema(inputs["schema"])
    with workspace.scratch() as scratch:
        validator = PartitionValidator(workspace, schema, scratch, datetime.fromisoformat(mapped.created_at))
        validator.refuse_useless_mappings(mapped)
        validator.run(mapped, workspace.local_files(mapped, scratch))
        history = events_before(workspace, quality.history_days if validator.valid else 0)
        came = mapped.rows + mapped.counts.get("duplicates", 0)
        validator.run_partition(history, events_of(mapped, came))
        report = _publish_report(workspace, digest, mapped, schema, validator)
        quarantine = validator.refused.upload(workspace, digest)
        _refuse(workspace, mapped, validator, report)
        files = validator.upload(workspace.partition.output("validate", digest))
    by_event = Counter(validator.by_event.by_event).most_common(_MOST_EVENTS)
    return workspace.publish(
        step="validate",
        digest=digest,
        inputs=output.inputs,
        files=files,
        counts={
            "mapped": mapped.rows,
            "valid": validator.valid,
            "quarantined": validator.refused.rows,
            "warnings": validator.warned.total(),
        },
        details={
            "quarantine": quarantine,
            "reasons": _by_sentence(validator.refused.reasons),
            "warnings": _by_sentence(validator.warned),
            "report": report,
            "expectations": len(validator.specs),
            "by_event": dict(by_event),
            "other_events": validator.by_event.total - sum(count for _, count in by_event),
            "form": validator.form,
        },
    )


def _by_sentence(reasons: Counter[Reason]) -> dict[str, int]:
    return {reason.sentence: count for reason, count in reasons.most_common()}


def _publish_report(
    workspace: Workspace, digest: str, mapped: Manifest, schema: XdmSchema, validator: PartitionValidator
) -> str:
    refused = validator.refused
    reasons = {f"{reason}: {REASONS[reason]}": n for reason, n in mapped.details["reasons"].items()}
    page = render(
        Report(
            pipeline=workspace.pipeline.name,
            partition=str(workspace.partition),
            schema_title=schema.title,
            schema_version=schema.version,
            counts={**mapped.counts, "valid": validator.valid, "refused": refused.rows},
            reasons={**reasons, **_by_sentence(refused.reasons)},
            examples={reason.sentence: shown for reason, shown in refused.examples.items()},
            broken=[reason.sentence for reason in validator.broken],
            warnings=_by_sentence(validator.warned),
            not_converted=mapped.details["not_converted"],
            dropped_identities=dropped_by_reason(mapped),
            unmapped=dict(islice(mapped.details.get("unmapped", {}).items(), 30)),
            expectations=[
                (spec.name, spec.sentence, spec.severity, validator.failed[number])
                for number, spec in enumerate(validator.specs)
            ],
            by_hour=dict(sorted((+validator.counts.by_hour).items())),
            by_event=dict(Counter(validator.by_event.by_event).most_common(20)),
        )
    )
    path = workspace.partition.report(digest)
    local = validator.scratch / "report.html"
    local.write_text(page, encoding="utf-8")
    workspace.lake.upload(path, local)
    return path


def _refuse(workspace: Workspace, mapped: Manifest, validator: PartitionValidator, report: str) -> None:
    """The two ways in which a day of which every row could be checked is red all the same."""
    if validator.broken:
        constraints = sorted({reason.constraint for reason in validator.broken})
        raise PartitionRefused(
            f"Partition {workspace.partition} of pipeline {workspace.pipeline.name} as a whole is not what is "
            f"expected: {', '.join(constraints)} ({validator.valid} valid events).",
            f"Nothing was staged. Read {workspace.lake.uri(report)}; what is asked stands in the pipeline file's quality.",
        )
    exported = mapped.counts["exported"] + mapped.counts.get("not_events", 0)
    refused = mapped.counts["quarantined"] + validator.refused.rows
    allowed = workspace.pipeline.quality.max_quarantined
    # Divided, not multiplied: 0.29 * 100 is less than 29 to a computer.
    if not exported or refused / exported <= allowed:
        return
    reasons = Counter(mapped.details["reasons"]) + Counter(_by_sentence(validator.refused.reasons))
    top = "; ".join(f"{reason} ({count})" for reason, count in reasons.most_common(3))
    raise TooManyQuarantined(
        f"{refused} of {exported} events of partition {workspace.partition} were refused, more than the "
        f"{allowed:.2%} that pipeline {workspace.pipeline.name} allows: {top}.",
        f"Nothing was staged. Read {workspace.lake.uri(report)}, then correct the mapping or the schema, or allow "
        "more in quality.max_quarantined of the pipeline file.",
    )
