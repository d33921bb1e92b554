"""The state of a day follows from the ledger, the audit and the runs; the board's sentences state it clearly."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import pytest

from include.board.calendar import cell_label, chart, funnel, months
from include.board.days import Day, Problem, Run, State, all_days, gaps, last_day, newest_runs, one_day
from include.board.facts import BatchFacts, Counts, DayFacts
from include.board.index import BoardIndex, Verdict, first_seen
from include.board.sentences import ADOBE, ENGINEER, IF_IT_MATTERS, NOBODY, advice, day_name, outcome
from include.board.source import PipelineFacts
from include.xdm.events.line_parser import INVALID_AS_SENT, REASONS
from tests.support.pipeline_runner import PIPELINES

pytestmark = pytest.mark.unit
SHOP = PIPELINES["shop"].model_copy(update={"end_date": None})
DAY = date(2026, 6, 29)
NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)
BATCH = BatchFacts("b-1", 4936, "2026-06-30T06:10:00+00:00", "run")
ACTIVE = DayFacts(4, BATCH.at, counts=Counts(5030, 94, 0, 4936, 4936), batches=(BATCH,))
DIRTY = DayFacts(4, BATCH.at, counts=Counts(5030, 94, 6, 4930, 4930), batches=(BATCH,))


def run(state: str, problem: Problem | None = None) -> Run:
    return Run("dag", "a", DAY, state, "scheduled", problem=problem)


def known(progress: Any, **fields: Any) -> DayFacts:
    return DayFacts(1, "", progress=progress, **fields)


def day(
    facts: DayFacts | None = None, of_run: Run | None = None, verdict: tuple[str, str] | None = None,
    *, now: datetime = NOW, unread: bool = False,
) -> Day:  # fmt: skip
    verdicts = {str(DAY): Verdict(verdict[0], "as reported", verdict[1])} if verdict else {}
    days = {str(DAY): facts} if facts else {}
    found = PipelineFacts(
        index=BoardIndex(days=days, verdicts=verdicts), unread=frozenset({DAY} if unread else ())
    )
    return one_day(SHOP, found, DAY, facts, of_run, now)


STATES: list[tuple[State, Day]] = [
    (State.ACTIVE, day(ACTIVE)),
    (State.ACTIVE, day(ACTIVE, run("failed"))),
    (State.QUARANTINE, day(DIRTY)),
    (State.QUARANTINE, day(known("empty", counts=Counts(5, 0, 5)))),
    (State.EMPTY, day(known("empty"))),
    (State.RUNNING, day(ACTIVE, run("running"))),
    (State.RUNNING, day(None, run("queued"))),
    (State.LATE, day(replace_progress := known("waiting", counts=ACTIVE.counts, batches=(BATCH,)))),
    (State.LATE, day(replace_progress, verdict=("partly loaded", "RUN"))),
    (State.FAILED, day(None, run("failed"))),
    (State.FAILED, day(known("failed"), verdict=("failed", "CORRECT"))),
    (State.FAILED, day(known("waiting"), run("failed"))),
    (State.MISSING, day(known("waiting"))),
    (State.MISSING, day(known("none"))),
    (State.MISSING, day(known("unreadable", trouble="x"))),
    (State.MISSING, day(ACTIVE, verdict=("not active in AEP", "RELEASE"))),
    (State.MISSING, day(None, verdict=("batch that the ledger does not know", "RECOVER"))),
    (State.NEVER_RUN, day(None)),
    (State.NEVER_RUN, day(None, verdict=("never run", "RUN"))),
    (State.NOT_DUE, day(None, now=datetime(2026, 6, 30, 3, tzinfo=UTC))),
    (State.UNREAD, day(None, run("success"), unread=True)),
]


@pytest.mark.parametrize(("state", "found"), STATES)
def test_the_state_of_a_day_follows_from_ledger_audit_and_runs(state: State, found: Day) -> None:
    assert found.state is state


def test_a_verdict_is_outdated_once_the_ledger_has_grown() -> None:
    index = BoardIndex(
        days={str(DAY): known("failed")}, verdicts={str(DAY): Verdict("failed", "x", "CORRECT")}
    )
    assert one_day(SHOP, PipelineFacts(index=index), DAY, ACTIVE, None, NOW).state is State.ACTIVE


def test_the_first_line_answers_the_analyst() -> None:
    found = day(ACTIVE)
    berlin = SHOP.model_copy(
        update={"mixpanel": SHOP.mixpanel.model_copy(update={"time_is": "project_local"})}
    )
    line = f"{day_name(berlin, DAY, DAY, DAY)}: {outcome(found)}"
    assert line == (
        "Yesterday (29 June 2026, Europe/Berlin): complete in AEP. 4,936 of 5,030 events, 94 duplicates removed, "
        "0 quarantined."
    )
    assert advice(found).who == NOBODY


@pytest.mark.parametrize(("state", "found"), STATES)
def test_every_incomplete_day_has_a_reason_a_person_and_a_remedy(state: State, found: Day) -> None:
    said = advice(found)
    if state in (State.FAILED, State.MISSING, State.NEVER_RUN, State.LATE):
        assert said.why and said.what and said.who in (ENGINEER, ADOBE)
    assert outcome(found).endswith(".")


def test_a_run_that_failed_before_the_day_was_loaded_is_ignored() -> None:
    before, after = (replace(run("failed"), ended=datetime(2026, 6, 30, hour, tzinfo=UTC)) for hour in (5, 7))
    assert advice(day(ACTIVE, before)).why == ""
    assert "failed" in advice(day(ACTIVE, after)).why
    lost = ("not active in AEP", "RELEASE")
    assert [day(ACTIVE, each, lost).state for each in (before, after)] == [State.MISSING, State.FAILED]


def test_a_failed_run_is_explained_by_its_task() -> None:
    problem = Problem("validate", "60 of 100 events were refused.", "Correct the mapping.")
    found = day(None, run("failed", problem))
    assert outcome(found) == "not in AEP: the run failed at the step validate."
    assert (advice(found).why, advice(found).what) == (problem.sentence, problem.hint)
    assert advice(found).form == "run"


def test_on_the_board_a_day_is_run_again_where_the_task_says_to_clear_it() -> None:
    problem = Problem(
        "ingest", "AEP refused the batch.", "Correct the mapping, then clear the task transform."
    )
    assert advice(day(None, run("failed", problem))).what == "Correct the mapping, then run the day again."


def test_a_day_without_a_run_says_so_whether_an_audit_has_seen_it_or_not() -> None:
    assert (
        advice(day(None)).why == advice(day(None, verdict=("never run", "RUN"))).why == "No run was started."
    )


def test_only_adobe_can_act_on_an_undecided_batch() -> None:
    assert advice(day(ACTIVE, verdict=("not active in AEP", "WAIT"))).who == ADOBE


def test_every_day_from_the_first_to_yesterday_is_listed_newest_first() -> None:
    pipeline = SHOP.model_copy(update={"start_date": date(2026, 6, 1)})
    found = [each.day for each in all_days(pipeline, PipelineFacts(), {}, NOW)]
    assert found == [DAY - timedelta(days=count) for count in range(29)]
    assert last_day(PIPELINES["shop"], datetime(2027, 1, 1, tzinfo=UTC)) == PIPELINES["shop"].end_date


def test_gaps_are_spans_of_one_state() -> None:
    days = [
        Day(DAY - timedelta(days=count), state)
        for count, state in enumerate([State.ACTIVE, State.FAILED, State.NEVER_RUN, State.NEVER_RUN, State.EMPTY, State.NEVER_RUN])
    ]  # fmt: skip
    assert gaps(days) == [
        (date(2026, 6, 28), date(2026, 6, 28), State.FAILED),
        (date(2026, 6, 26), date(2026, 6, 27), State.NEVER_RUN),
        (date(2026, 6, 24), date(2026, 6, 24), State.NEVER_RUN),
    ]


def test_an_active_run_has_precedence_over_newer_ended_runs() -> None:
    at_work, failed, success = run("running"), run("failed"), run("success")
    assert newest_runs([failed, success]) == {DAY: success}
    assert newest_runs([at_work, failed]) == {DAY: at_work}


def test_the_calendar_has_a_cell_a_day_with_its_figures() -> None:
    (month,) = months([day(DIRTY)])
    assert month.title == "June 2026"
    assert month.cells[0].column == 1  # A Monday.
    assert cell_label(day(DIRTY)) == (
        "29 June 2026: quarantine; 5,030 exported, 4,930 active, 94 duplicates, 6 quarantined"
    )


def test_the_funnel_loses_no_event() -> None:
    exported, duplicates, quarantined, staged, active = funnel(day(DIRTY))
    assert exported.count - duplicates.count - quarantined.count == active.count
    assert staged.count == BATCH.rows
    assert quarantined.x == pytest.approx(active.width)
    assert funnel(day(None)) == []


def test_the_funnel_shows_staged_and_refused_rows() -> None:
    refused = known("failed", counts=Counts(10, 2, 1, 7, staged=7))
    assert [part.count for part in funnel(day(refused))] == [10, 2, 1, 7, 0]


def test_rows_that_aep_refused_of_an_active_batch_are_quarantine_and_drawn() -> None:
    part = replace_counts(ACTIVE, Counts(5030, 94, 0, 4936, 4930, staged=4936, refused=6))
    found = day(part)
    assert found.state is State.QUARANTINE
    assert outcome(found).endswith(
        "4,930 of 5,030 events, 94 duplicates removed, 0 quarantined, 6 refused by AEP."
    )
    assert [(each.name, each.count) for each in funnel(found)][-3:] == [
        ("Staged for AEP", 4936), ("Refused by AEP", 6), ("Active in AEP", 4930),
    ]  # fmt: skip
    assert "6 quarantined" in cell_label(found)


def replace_counts(facts: DayFacts, counts: Counts) -> DayFacts:
    batches = (msgspec.structs.replace(BATCH, rows=counts.active),)
    return msgspec.structs.replace(facts, counts=counts, batches=batches)


def test_quarantined_events_are_loaded_by_a_replay() -> None:
    said = advice(day(DIRTY))
    assert (said.form, said.who) == ("replay", IF_IT_MATTERS)
    assert "start the replay" in said.what


def test_lines_that_are_invalid_as_sent_are_not_to_be_mapped_again() -> None:
    invalid = msgspec.structs.replace(DIRTY, reasons={REASONS["not_json"]: 3, REASONS["time_missing"]: 3})
    said = advice(day(invalid))
    assert (said.form, said.who) == ("export", IF_IT_MATTERS)
    assert "correct the client that sends the events" in said.what
    mixed = msgspec.structs.replace(DIRTY, reasons={REASONS["not_json"]: 3, "a value is too long": 3})
    assert advice(day(mixed)).form == "replay"
    assert REASONS.keys() >= INVALID_AS_SENT


def test_a_chart_of_three_years_has_no_more_bars_than_a_screen_shows() -> None:
    values = [(DAY + timedelta(days=count), 2.0) for count in range(1100)]
    drawn = chart("Events", values)
    assert drawn is not None and len(drawn.bars) <= 120
    assert sum(float(bar.label.rsplit(" ", 1)[1]) for bar in drawn.bars) == 2200
    assert chart("Nothing", [(DAY, 0.0)]) is None


def test_a_property_keeps_the_day_of_its_first_appearance() -> None:
    days = {"2026-07-02": ("new", "old"), "2026-07-01": ("new",)}
    assert first_seen({"old": "2026-01-01"}, days) == {"old": "2026-01-01", "new": "2026-07-01"}


def test_an_outdated_day_can_be_renewed() -> None:
    found = replace(day(ACTIVE), verdict=Verdict("active", "active", "NONE", ("mapping",)))
    assert "mapping" in advice(found).why
    assert advice(found).form == "replace"
