"""Build the content of the report of a validated day: counts, reasons, hours, and the most frequent event names."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice

from include.lake.manifest import Manifest
from include.mixpanel.event_time import day_end, day_start
from include.plural import counted
from include.quality.report import Expectation, Report
from include.steps.transform.dropped_identities import dropped_by_reason
from include.steps.validate.day_counts import every_hour
from include.steps.validate.verdict import Verdict, by_sentence, most_frequent, quarantine_over_limit
from include.steps.workspace import Workspace
from include.xdm.events.line_parser import REASONS
from include.xdm.schema.xdm_schema import XdmSchema

_SHOWN_PROPERTIES, _SHOWN_EVENTS = 30, 20
"""The largest numbers of unmapped properties and of event names that the report lists."""


def report_of_day(
    workspace: Workspace,
    digest: str,
    mapped: Manifest,
    schema: XdmSchema,
    verdict: Verdict,
    base: Manifest | None,
) -> Report:
    """Return the content of the report of a validated day.

    Args:
        workspace: the pipeline, its lake and the day.
        digest: the digest of validate's output.
        mapped: the manifest of transform.
        schema: the XDM schema of the dataset.
        verdict: the counts of rows and of failed expectations.
        base: the manifest of the earlier output of validate in which the other rows of a delta were checked; None if
            all rows were checked now.
    """
    rows, refused, unmapped = verdict.rows, verdict.rows.refused, mapped.details.get("unmapped", {})
    listed = most_frequent(verdict.by_event.by_event, _SHOWN_EVENTS)
    reasons = {f"{reason}: {REASONS[reason]}": n for reason, n in mapped.details["reasons"].items()}
    return Report(
        pipeline=workspace.pipeline.name,
        partition=str(workspace.partition),
        schema_title=schema.title,
        schema_version=schema.version,
        counts={**mapped.counts, "valid": rows.valid, "refused": refused.rows},
        reasons={**reasons, **by_sentence(refused.reasons)},
        examples={reason.sentence: list(shown) for reason, shown in refused.examples.items()},
        broken=[*(reason.sentence for reason in verdict.broken), *_over_limit(workspace, mapped, verdict)],
        warnings=by_sentence(verdict.warned),
        base=base.digest if base is not None else "",
        checked=mapped.rows_in_files if base is not None else mapped.rows,
        not_converted=mapped.details["not_converted"],
        dropped_identities=dropped_by_reason(mapped),
        unmapped=dict(islice(unmapped.items(), _SHOWN_PROPERTIES)),
        other_properties=max(0, len(unmapped) - _SHOWN_PROPERTIES),
        expectations=[
            Expectation(spec.name, spec.sentence, spec.severity, verdict.failed[number], spec.restates_type)
            for number, spec in enumerate(verdict.specs)
        ],
        quarantine=_quarantine_keys(workspace, digest, mapped, refused.rows),
        by_hour=_hours_of_day(workspace, rows.by_hour),
        by_event=listed,
        other_events=verdict.by_event.total - sum(listed.values()),
    )


def _over_limit(workspace: Workspace, mapped: Manifest, verdict: Verdict) -> list[str]:
    found = quarantine_over_limit(workspace, mapped, verdict)
    if found is None:
        return []
    refused, exported, allowed = found
    return [f"{refused:,} of {counted(exported, 'event')} in quarantine; the pipeline allows {allowed:.2%}"]


def _hours_of_day(workspace: Workspace, counted: Mapping[str, int]) -> dict[str, int]:
    day, zone = workspace.partition.day, workspace.pipeline.mixpanel.day_zone
    return every_hour(counted, day_start(day, zone), day_end(day, zone)) if counted else {}


def _quarantine_keys(workspace: Workspace, digest: str, mapped: Manifest, refused: int) -> list[str]:
    """Return the keys of the quarantine files of transform and validate; empty without quarantined events."""
    before = mapped.details.get("quarantine")
    own = [workspace.partition.quarantine("validate", digest)] if refused else []
    return [*([str(before["key"])] if before else []), *own]
