"""``status``: show the state of every day in the terminal, as the board in Airflow does."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from itertools import groupby
from typing import Annotated

import typer

from include.board.days import Day, State, all_days, gaps
from include.board.index import make_board_index
from include.board.sentences import ENGINEER, NOBODY, advice, day_name, outcome
from include.board.source import PipelineFacts
from include.cli.commands.audit import audit_pipeline
from include.cli.console import Output
from include.cli.hints import hint_for_command_line
from include.cli.progress import show_activity
from include.cli.project import Project
from include.plural import counted

_MARKS = {
    State.ACTIVE: ("a", "green"),
    State.QUARANTINE: ("q", "yellow"),
    State.EMPTY: ("e", "green"),
    State.RUNNING: ("r", "cyan"),
    State.UNREAD: ("u", "cyan"),
    State.NOT_DUE: ("-", "dim"),
    State.LATE: ("L", "bold yellow"),
    State.FAILED: ("F", "bold red"),
    State.MISSING: ("M", "bold red"),
    State.NEVER_RUN: ("N", "bold red"),
}
"""The letter and the style of each state in the calendar. Days that should be complete and are not have capitals."""
_MAX_GAPS = 12
_DAY_NUMBERS = "1   5    10   15   20   25   30"

Months = Annotated[int, typer.Option("--months", min=1, max=1200, help="How many months to show.")]


def status(project: Project, out: Output, *, months: Months = 12) -> None:
    """Show the state of every day: yesterday first, then a calendar.

    The ledgers are compared with AEP's current list of batches. Days that should
    be complete and are not have a capital letter, and the cause is listed below
    the calendar. The exit code is 0 even if days are missing; that of audit is 1.
    """
    now, pipeline = project.clock.now(), project.pipeline
    with show_activity("Reading the ledgers and AEP"):
        history, audit = audit_pipeline(project)
        index = make_board_index(history, pipeline.name, audit, now)
    known = {date.fromisoformat(day): facts for day, facts in index.days.items()}
    facts = PipelineFacts(history.target, index, known, index.properties)
    days = all_days(pipeline, facts, {}, now)
    yesterday = now.astimezone(pipeline.mixpanel.day_zone).date() - timedelta(days=1)
    headline = "No day of this pipeline is over yet."
    if days:
        named = day_name(pipeline, days[0].day, days[0].day, yesterday)
        headline = f"{named}: {outcome(days[0])}"
    out.title(headline)
    if days:
        _print_advice(days[0], pipeline.name, out)
        _show_calendar(days, months, out)
        _show_gaps(days, pipeline.name, out)
    out.result({"pipeline": pipeline.name, "headline": headline, "days": [_to_json(day) for day in days]})


def _print_advice(day: Day, name: str, out: Output) -> None:
    found = advice(day)
    if found.why:
        out.print_status("!" if found.who != NOBODY else "", "why", found.why)
    if found.what:
        out.print_status("", "who", found.who)
        out.print_status("", "do", _command(found.what, found.form, name, day.day, day.day))


def _command(text: str, form: str, name: str, first: date, last: date) -> str:
    """Return the command that does the same as a form of the board; without a form, return the advice ``text``."""
    days = str(first) if first == last else f"{first} {last}"
    if form in ("run", "backfill"):
        return f"mixpanel-aep run {name} {days}"
    if form == "replace":
        return f"mixpanel-aep run {name} {days} --replace"
    if form == "replay":
        return f"mixpanel-aep quarantine show {name} {first}; after a correction: mixpanel-aep quarantine replay {name} {days}"
    return hint_for_command_line(text).replace("PIPELINE", name).replace("DAY", str(first))


def _show_calendar(days: Sequence[Day], most: int, out: Output) -> None:
    """Print one line for each month, newest first, with one letter for each day."""
    out.styled([("", f"\n{'':<9}{_DAY_NUMBERS}")])
    by_month = [(month, list(group)) for month, group in groupby(days, key=lambda day: f"{day.day:%Y-%m}")]
    for month, group in by_month[:most]:
        found = {day.day.day: day for day in group}
        cells = [_MARKS[found[n].state][::-1] if n in found else ("", " ") for n in range(1, 32)]
        complete = sum(day.facts is not None and _MARKS[day.state][0].islower() for day in group)
        rows = sum(day.facts.counts.active for day in group if day.facts)
        out.styled(
            [
                ("", f"{month:<9}"),
                *cells,
                ("", f"  {complete:>2} of {len(group):>2} complete, {counted(rows, 'row')}"),
            ]
        )
    if len(by_month) > most:
        out.styled([("", f"and {len(by_month) - most} earlier months: --months {len(by_month)}")])
    used = {day.state for day in days}
    legend = [
        (style, f"{letter} {state.value}") for state, (letter, style) in _MARKS.items() if state in used
    ]
    out.styled([("", f"{'':<9}"), *(part for each in legend for part in (each, ("", "   ")))])


def _show_gaps(days: Sequence[Day], name: str, out: Output) -> None:
    by_day = {day.day: day for day in days}
    found = gaps(days)
    if found:
        out.styled([("", "")])
    for first, last, state in found[:_MAX_GAPS]:
        each = advice(by_day[last])
        span = str(first) if first == last else f"{first}..{last}"
        out.print_status("no", state.value, f"{span}: {each.why}")
        if each.what:
            who = f"{each.who} " if each.who != ENGINEER else ""
            out.print_status("", "do", f"{who}{_command(each.what, each.form, name, first, last)}")
    if len(found) > _MAX_GAPS:
        out.print_status("no", "", f"and {len(found) - _MAX_GAPS} more gaps: mixpanel-aep audit {name}")


def _to_json(day: Day) -> dict[str, object]:
    counts, each = (day.facts.counts if day.facts else None), advice(day)
    return {
        "day": day.day,
        "state": day.state.value,
        "exported": counts.exported if counts else 0,
        "duplicates": counts.duplicates if counts else 0,
        "quarantined": counts.quarantined if counts else 0,
        "refused": counts.refused if counts else 0,
        "active": counts.active if counts else 0,
        "batches": [batch.id for batch in day.facts.batches] if day.facts else [],
        "why": each.why,
        "who": each.who,
        "what": each.what,
    }
