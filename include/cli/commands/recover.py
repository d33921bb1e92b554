"""``recover``: rebuild the ledgers of a lost lake from AEP."""

from __future__ import annotations

from include.cli.console import Output
from include.cli.exit_codes import ExitCode
from include.cli.options import OptionalDays, OptionalWhy, days_in_range
from include.cli.progress import show_progress
from include.cli.project import Project
from include.plural import counted
from include.steps.history.open_history import open_history
from include.steps.recover import Recovery
from include.steps.recover import recover as recover_days


def recover(project: Project, out: Output, *, days: OptionalDays = None, why: OptionalWhy = None) -> int:
    """Rebuild a lost lake's ledgers from AEP.

    The active batches of this project in AEP define what was loaded; later runs
    load only what is missing. Without DAY..DAY, all days are recovered. The only
    change in AEP is the dataset's tag with the id of the lake.
    """
    pipeline, aep = project.pipeline, project.aep
    source = project.mixpanel_settings.source
    opened = open_history(project.lake, pipeline, aep, source, all_days=True, any_lake=True)
    more = {"why": why} if why else {}
    with (
        aep.lake_reader(pipeline.verify.reader) as reader,
        show_progress("Recovering", None, "days") as meter,
    ):
        found = recover_days(
            opened.history,
            opened.dataset,
            reader,
            aep,
            pipeline,
            days_in_range(days),
            project.clock,
            on_progress=meter.set_progress,
            **more,
        )
    _report(found, pipeline.name, out)
    out.result(
        {
            "pipeline": pipeline.name,
            "written": {str(day): batches for day, batches in found.written.items()},
            "ended": {str(day): batches for day, batches in found.ended.items()},
            "refused": {str(day): reason for day, reason in found.refused.items()},
            "known": found.known,
            "tagged": found.tagged,
        }
    )
    return ExitCode.REFUSED if found.refused else ExitCode.OK


def _report(found: Recovery, name: str, out: Output) -> None:
    for day, batches in sorted(found.written.items()):
        out.print_status("ok", "recover", f"{day}: {', '.join(batches)} recorded again")
    for day, batches in sorted(found.ended.items()):
        out.print_status("ok", "recover", f"{day}: {', '.join(batches)} recorded as gone, as in AEP")
    for day, reason in sorted(found.refused.items()):
        out.print_status("no", "recover", f"{day}: {reason}")
    if found.tagged:
        out.print_status("ok", "recover", "the dataset now has the id of this lake")
    if not (found.written or found.ended or found.refused or found.known):
        out.title("recover: AEP has no batches of this pipeline for these days")
        return
    out.title(
        f"recover: {counted(len(found.written), 'day')} written, {len(found.known)} known already, "
        f"{len(found.refused)} refused; then run mixpanel-aep verify {name}"
    )
