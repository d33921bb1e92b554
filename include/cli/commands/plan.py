"""``plan``: show the changes that a pipeline needs in AEP before they are made, or the requests of a backfill."""

from __future__ import annotations

from typing import Annotated

import typer

from include.aep.batch_budget import BACKFILL_BYTES_AN_HOUR, BYTES_AN_HOUR
from include.aep.profile import is_enabled
from include.aep.profile_batches import left_for_backfills, profile_batches, scheduled_batches
from include.aep.setup import Change, Plan, plan_pipeline
from include.cli.console import Output
from include.cli.options import DayRange, parse_days
from include.cli.progress import show_activity
from include.cli.project import Project
from include.json_types import JsonObject
from include.plural import counted
from include.steps.export.backfill import MOST_EXPORTS_AN_HOUR, BackfillPlan, backfill_plan
from include.steps.validate.shard_estimate import ShardEstimate

Backfill = Annotated[
    DayRange | None,
    typer.Option(
        "--backfill",
        metavar="DAY..DAY",
        help="Show the export requests of a backfill of these days instead.",
        parser=parse_days,
    ),
]

_ESTIMATE = (
    "the volume is not known yet, so the requests are an estimate: the first one measures the volume, and the later ones "
    "fetch fewer days if the days are large"
)

_AEP_BYTES = (
    f"AEP ingests {BYTES_AN_HOUR.most / 1e9:.0f} GB an hour for all batches of an AEP sandbox; a backfill's batch waits "
    f"while those of the hour have more than {BACKFILL_BYTES_AN_HOUR.most / 1e9:.0f} GB"
)


def plan(project: Project, out: Output, *, backfill: Backfill = None) -> None:
    """Show every change that apply would make. Send nothing.

    With --backfill, show which days each export request of a backfill fetches,
    what Mixpanel's and AEP's limits mean for it, and how many shards its days
    will have if the pipeline file has shard_events.
    """
    if backfill is not None:
        _plan_backfill(project, out, backfill)
        return
    with show_activity("Reading AEP"):
        found = plan_pipeline(project.pipeline, project.aep, project.owner, project.neighbours)
    out.result(found.to_json())
    _show(found, out)
    if not found.changes:
        out.title("AEP has everything. Nothing to do.")


def _plan_backfill(project: Project, out: Output, days: DayRange) -> None:
    source = project.mixpanel_settings.source
    with show_activity("Reading the lake"):
        found = backfill_plan(project.lake, project.pipeline, source, *days, project.clock)
    for window, size in zip(found.windows, found.bytes_by_window, strict=True):
        expected = f", about {max(size / 1e6, 0.1):,.1f} MB compressed" if size else ""
        expected = ", volume not known yet" if found.is_estimate else expected
        out.print_status("+", "export", f"{window}: {counted(len(window), 'day')}{expected}")
    for name, some in (
        ("exported already", found.exported),
        (f"before start_date {project.pipeline.start_date}", found.before_start),
        (f"after end_date {project.pipeline.end_date}", found.after_end),
        ("not settled yet", found.unsettled),
    ):
        if some:
            out.print_status("", "", f"{counted(len(some), 'day')} {name}")
    out.print_status("", "mixpanel", _requests_sentence(found))
    if found.is_estimate:
        out.print_status("!", "mixpanel", _ESTIMATE)
    shards = ShardEstimate.of(found.events, project.pipeline.shard_events)
    if shards.sentence:
        out.print_status("!" if shards.is_recommended else "", "shards", shards.sentence)
    out.print_status("", "aep", _AEP_BYTES)
    batches = _batches_sentence(project, found)
    if batches:
        out.print_status("!", "aep", batches)
    out.result({**_numbers(found), "shards": shards.to_json()})


def _numbers(found: BackfillPlan) -> JsonObject:
    """Return the plan's requests and days for ``--json``."""
    return {
        "windows": [{"first": each.first, "last": each.last, "days": len(each)} for each in found.windows],
        "estimate": found.is_estimate,
        "requests": len(found.windows),
        "days": found.days,
        "exported": len(found.exported),
        "before_start": len(found.before_start),
        "after_end": len(found.after_end),
        "not_settled": len(found.unsettled),
        "hours_of_rate_limit": found.hours,
    }


def _requests_sentence(found: BackfillPlan) -> str:
    if not found.windows:
        return "no request is needed: none of the days has to be exported"
    return (
        f"{counted(len(found.windows), 'request')} for {counted(found.days, 'day')}; Mixpanel allows "
        f"{MOST_EXPORTS_AN_HOUR} an hour, so the limit adds {counted(int(found.hours), 'hour')}"
    )


def _batches_sentence(project: Project, found: BackfillPlan) -> str:
    """Return what Adobe's guardrail for Profile means for the backfill; empty if the dataset is not for Profile."""
    pipeline, aep = project.pipeline, project.aep
    dataset = aep.catalog.find_dataset(pipeline.aep.dataset)
    if not (pipeline.aep.profile or (dataset is not None and is_enabled(dataset["tags"]))):
        return ""
    neighbours = project.neighbours()
    left = left_for_backfills(scheduled_batches(pipeline, neighbours, aep))
    total = found.days + len(found.exported)
    return (
        f"the dataset is enabled for Profile: {profile_batches(pipeline, neighbours, aep)}; "
        f"{counted(total, 'batch')} {'takes' if total == 1 else 'take'} {counted(-(-total // left), 'day')} at {left} a day"
    )


def _show(found: Plan, out: Output) -> None:
    for change in found.changes:
        out.print_status("+", "", _sentence(change))
        out.table("", [("", *row) for row in change.details])
    for note in found.notes:
        out.print_status("!", "", note)


def _sentence(change: Change) -> str:
    return f"{change.what} (cannot be undone; from {change.config_key})" if change.permanent else change.what
