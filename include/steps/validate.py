"""Validate: every row against the expectations that follow from the XDM schema; failing rows go to quarantine."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from itertools import islice

from include.errors import PartitionRefused, TooManyQuarantined
from include.lake.manifest import Manifest, digest_of, upload_file
from include.quality.constraints import Reason
from include.quality.report import Report, render
from include.steps.check import Check
from include.steps.previous_days import events_before
from include.steps.workspace import DATA_VERSION, Workspace
from include.xdm.lines import REASONS
from include.xdm.schema import XdmSchema

_MOST_EVENTS = 500
"""Names of events that a manifest counts one by one."""


def validate_partition(workspace: Workspace, mapped: Manifest) -> Manifest:
    """Validates mapped rows, or finds them validated. ``counts``: ``mapped = valid + quarantined``.

    Raises:
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
    digest = digest_of(inputs)
    done = workspace.find("validate", digest)
    if done is not None:
        return done
    schema = workspace.schema(inputs["schema"])
    with workspace.scratch() as scratch:
        check = Check(workspace, schema, scratch, datetime.fromisoformat(mapped.created_at))
        check.refuse_useless_mappings(mapped)
        check.run(workspace.local_files(mapped, scratch))
        history = events_before(workspace, quality.history_days if check.valid else 0)
        check.run_partition(history, mapped.details.get("by_event", {}))
        report = _publish_report(workspace, digest, mapped, schema, check)
        quarantine = check.upload_quarantine(workspace, digest)
        _refuse(workspace, mapped, check, report)
        key = f"{workspace.partition.output('validate', digest)}/part-00000.parquet"
        files = (upload_file(workspace.lake, key, check.valid_path, check.valid),) if check.valid else ()
    return workspace.publish(
        step="validate",
        digest=digest,
        inputs=inputs,
        files=files,
        counts={
            "mapped": mapped.rows,
            "valid": check.valid,
            "quarantined": check.quarantined,
            "warnings": check.warned.total(),
        },
        details={
            "quarantine": quarantine,
            "reasons": _told(check.reasons),
            "warnings": _told(check.warned),
            "report": report,
            "expectations": len(check.specs),
            "by_event": dict(check.by_event.most_common(_MOST_EVENTS)),
        },
    )


def _told(reasons: Counter[Reason]) -> dict[str, int]:
    return {reason.sentence: count for reason, count in reasons.most_common()}


def _publish_report(
    workspace: Workspace, digest: str, mapped: Manifest, schema: XdmSchema, check: Check
) -> str:
    reasons = {f"{reason}: {REASONS[reason]}": n for reason, n in mapped.details["reasons"].items()}
    failed = Counter({reason.sentence: n for reason, n in (check.reasons + check.warned).items()})
    page = render(
        Report(
            pipeline=workspace.pipeline.name,
            partition=str(workspace.partition),
            schema_title=schema.title,
            schema_version=schema.version,
            counts={**mapped.counts, "valid": check.valid, "refused": check.quarantined},
            reasons={**reasons, **_told(check.reasons)},
            examples={reason.sentence: shown for reason, shown in check.examples.items()},
            broken=[reason.sentence for reason in check.broken],
            warnings=_told(check.warned),
            not_converted=mapped.details["not_converted"],
            unmapped=dict(islice(mapped.details.get("unmapped", {}).items(), 30)),
            expectations=[
                (spec.name, spec.sentence, spec.severity, failed[f"{spec.name} {spec.sentence}"])
                for spec in check.specs
            ],
            by_hour=dict(sorted(check.by_hour.items())),
            by_event=dict(check.by_event.most_common(20)),
        )
    )
    path = workspace.partition.report(digest)
    local = check.scratch / "report.html"
    local.write_text(page, encoding="utf-8")
    workspace.lake.upload(path, local)
    return path


def _refuse(workspace: Workspace, mapped: Manifest, check: Check, report: str) -> None:
    """The two ways in which a day of which every row could be checked is red all the same."""
    if check.broken:
        told = sorted({reason.constraint for reason in check.broken})
        raise PartitionRefused(
            f"Partition {workspace.partition} of pipeline {workspace.pipeline.name} as a whole is not what is "
            f"expected: {', '.join(told)} ({check.valid} valid events).",
            f"Nothing was staged. Read {workspace.lake.uri(report)}; what is asked stands in the pipeline file's quality.",
        )
    exported = mapped.counts["exported"] + mapped.counts.get("not_events", 0)
    refused = mapped.counts["quarantined"] + check.quarantined
    allowed = workspace.pipeline.quality.max_quarantined
    # Divided, not multiplied: 0.29 * 100 is less than 29 to a computer.
    if not exported or refused / exported <= allowed:
        return
    reasons = Counter(mapped.details["reasons"]) + Counter(_told(check.reasons))
    top = "; ".join(f"{reason} ({count})" for reason, count in reasons.most_common(3))
    raise TooManyQuarantined(
        f"{refused} of {exported} events of partition {workspace.partition} were refused, more than the "
        f"{allowed:.2%} that pipeline {workspace.pipeline.name} allows: {top}.",
        f"Nothing was staged. Read {workspace.lake.uri(report)}, then correct the mapping or the schema, or allow "
        "more in quality.max_quarantined of the pipeline file.",
    )
