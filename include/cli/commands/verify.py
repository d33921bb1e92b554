"""``verify``: compare the rows in AEP's data lake with the ledgers, by their ``_id``s."""

from __future__ import annotations

from dataclasses import asdict

from include.cli.console import Output
from include.cli.exit_codes import ExitCode
from include.cli.options import OptionalDays, days_in_range
from include.cli.progress import show_progress
from include.cli.project import Project
from include.errors import VerificationFailed
from include.plural import counted
from include.steps.history.open_history import open_history
from include.steps.verify import Verification
from include.steps.verify import verify as verify_days


def verify(project: Project, out: Output, *, days: OptionalDays = None) -> int:
    """Compare the rows in AEP with the ledgers, by _id.

    It finds rows that are lost, duplicate, or phantom (in AEP but not in the
    ledger). Without DAY..DAY, it selects days as the weekly task does.
    """
    pipeline, aep = project.pipeline, project.aep
    opened = open_history(project.lake, pipeline, aep, project.mixpanel_settings.source, all_days=True)
    chosen = days_in_range(days)
    with (
        aep.lake_reader(pipeline.verify.reader) as reader,
        show_progress("Comparing", None, "days") as meter,
    ):
        found = verify_days(
            opened.history,
            opened.dataset,
            reader,
            aep,
            pipeline,
            chosen,
            project.clock,
            budget_seconds=None if chosen else pipeline.verify.budget_seconds,
            on_progress=meter.set_progress,
        )
    _report(found, out)
    out.result(_to_json(found))
    if found.is_verified and not found.differing:
        return ExitCode.OK
    return ExitCode.TRY_AGAIN if found.is_busy and not found.differing else ExitCode.REFUSED


def _report(found: Verification, out: Output) -> None:
    for result in found.differing:
        out.print_status("no", "verify", str(result))
    try:
        found.require_equal()
    except VerificationFailed as error:
        out.print_status("!", "verify", error.hint)
    if found.postponed:
        out.print_status(
            "!", "verify", f"runs are loading {', '.join(map(str, found.postponed))}: not compared"
        )
    if found.left and found.is_verified:
        reason = found.reason or "the time budget is used up"
        out.print_status("!", "verify", f"left for the next run: {counted(found.left, 'day')}; {reason}")
    if found.others:
        out.print_status("", "verify", f"left out: {counted(found.others, 'row')} of other producers")
    out.title(str(found))


def _to_json(found: Verification) -> dict[str, object]:
    return {
        "pipeline": found.pipeline,
        "verified": found.is_verified,
        "counts": found.counts,
        "days": [asdict(day) | {"equal": day.is_equal} for day in found.days],
        "postponed": list(found.postponed),
        "left": found.left,
        "reason": found.reason,
    }
