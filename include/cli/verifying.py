"""``verify`` and ``recover``: AEP's data lake compared with the ledgers, and ledgers rebuilt from it."""

from __future__ import annotations

import argparse
from datetime import date, timedelta

from include.cli.printing import say, title
from include.cli.project import Project
from include.errors import VerificationFailed
from include.steps.binding import open_history
from include.steps.recover import Recovery, recover
from include.steps.verify import Verification, verify

DayRange = tuple[date, date]


def verify_days(project: Project, arguments: argparse.Namespace) -> int:
    """Compare days and print those that differ; 0 only where all that was compared is equal."""
    pipeline, aep = project.pipeline, project.aep
    opened = open_history(project.lake, pipeline, aep, project.mixpanel_settings.source, all_days=True)
    days = _days(arguments.days)
    with aep.lake_reader(pipeline.verify.reader) as reader:
        found = verify(
            opened.history,
            opened.dataset,
            reader,
            aep,
            pipeline,
            days,
            project.clock,
            budget_seconds=None if days else pipeline.verify.budget_seconds,
        )
    _report(found)
    return 0 if found.is_verified and not found.differing else 1


def _report(found: Verification) -> None:
    for result in found.differing:
        say("no", "verify", str(result))
    try:
        found.require_equal()
    except VerificationFailed as error:
        say("!", "verify", error.hint)
    if found.postponed:
        say("!", "verify", f"runs are loading {', '.join(map(str, found.postponed))}: not compared")
    if found.left and found.is_verified:
        say(
            "!",
            "verify",
            f"{found.left} days are left for the next time: {found.reason or 'the budget is spent'}",
        )
    if found.others:
        say("", "verify", f"{found.others} rows of other producers were left out")
    title(str(found))


def recover_days(project: Project, arguments: argparse.Namespace) -> int:
    """Rebuild ledgers and id sets from AEP, a line for each day; 1 where a day was refused."""
    pipeline, aep = project.pipeline, project.aep
    source = project.mixpanel_settings.source
    opened = open_history(project.lake, pipeline, aep, source, all_days=True, any_lake=True)
    more = {"why": arguments.why} if arguments.why else {}
    with aep.lake_reader(pipeline.verify.reader) as reader:
        found = recover(
            opened.history,
            opened.dataset,
            reader,
            aep,
            pipeline,
            _days(arguments.days),
            project.clock,
            **more,
        )
    _report_recovery(found, pipeline.name)
    return 1 if found.refused else 0


def _report_recovery(found: Recovery, name: str) -> None:
    for day, batches in sorted(found.written.items()):
        say("ok", "recover", f"{day}: {', '.join(batches)} known again")
    for day, batches in sorted(found.ended.items()):
        say("ok", "recover", f"{day}: {', '.join(batches)} gone in AEP, and so in the ledger")
    for day, reason in sorted(found.refused.items()):
        say("no", "recover", f"{day}: {reason}")
    if found.tagged:
        say("ok", "recover", "the dataset has the id of this lake now")
    if not (found.written or found.ended or found.refused or found.known):
        title("recover: AEP holds no batches of this pipeline for these days")
        return
    title(
        f"recover: {len(found.written)} days written, {len(found.known)} known already, "
        f"{len(found.refused)} refused; then run mixpanel-aep verify {name}"
    )


def _days(given: DayRange | None) -> list[date] | None:
    if given is None:
        return None
    first, last = given
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]
