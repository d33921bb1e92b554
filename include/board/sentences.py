"""Writes the sentences about a day on the board: its state, the cause, who has to act, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from include.board.days import Day, State
from include.board.hints import hint_for_day
from include.config.model import Pipeline
from include.plural import counted, is_or_are
from include.steps.reconcile.audited_day import Remedy

ENGINEER, ADOBE, NOBODY = "The pipeline's engineer has to act.", "Adobe has to act.", "No action is needed."
IF_IT_MATTERS = "The pipeline's engineer has to act if these events matter."

_NEVER_RUN = "No run was started."


@dataclass(frozen=True)
class Advice:
    """What to do about the state of a day.

    Attributes:
        why: a sentence about the cause of the state; empty if there is nothing to explain.
        who: a sentence that says who has to act.
        what: a sentence that says what to do.
        form: the name of the form on the board that does it, such as ``run`` or ``backfill``; empty without one.
    """

    why: str = ""
    who: str = NOBODY
    what: str = ""
    form: str = ""


def date_words(day: date) -> str:
    """Return a date as text, such as ``29 June 2026``."""
    return f"{day.day} {day:%B %Y}"


def day_name(pipeline: Pipeline, day: date, last: date, yesterday: date) -> str:
    """Return the subject of the headline about a day, such as ``Yesterday (29 June 2026, Europe/Berlin)``.

    ``last``: the last day of the pipeline. ``yesterday``: yesterday in the project's time zone.
    """
    zone = pipeline.mixpanel.day_zone.key
    named = f"{date_words(day)}, {zone}"
    if day == yesterday:
        return f"Yesterday ({named})"
    return f"Last day of the pipeline ({named})" if day == last else date_words(day)


def outcome(day: Day) -> str:  # noqa: C901, PLR0911  a sentence for each state
    """Return a text about the state of a day and its numbers of events, to follow the day's name and a colon."""
    counts = day.facts.counts if day.facts else None
    match day.state:
        case State.ACTIVE | State.QUARANTINE if counts:
            share = (
                f"{counts.active:,} of {counted(counts.exported, 'event')}"
                if counts.exported
                else counted(counts.active, "event")
            )
            if not counts.active:
                return f"complete, but no event is in AEP: {counted(counts.not_sent, 'event')} in quarantine."
            parts = f"{counted(counts.duplicates, 'duplicate')} removed, {counts.quarantined:,} quarantined"
            if counts.refused:
                parts += f", {counts.refused:,} refused by AEP"
            late = f", {counts.late:,} of them loaded later" if counts.late else ""
            return f"complete in AEP. {share}{late}, {parts}."
        case State.EMPTY:
            return "complete: Mixpanel has no events of this day."
        case State.RUNNING:
            return "being loaded now; the figures appear when the run has ended."
        case State.NOT_DUE:
            return f"not due yet: it is exported at {_time_text(day.settled)}, when late events have settled."
        case State.FAILED:
            step = day.run.problem.step if day.run and day.run.problem else ""
            return f"not in AEP: the run failed{f' at the step {step}' if step else ''}."
        case State.LATE if counts:
            return f"partly in AEP: {counted(counts.active, 'event')} {is_or_are(counts.active)} active, late ones are not loaded."
        case State.NEVER_RUN:
            return "not in AEP: no run has loaded it."
        case State.UNREAD:
            return "its ledger is being read; reload the page in a moment."
    return "not in AEP, although it should be."


def advice(day: Day) -> Advice:  # noqa: PLR0911  a piece of advice for each state
    """Return the cause of a day's state, and what to do about it; all texts are empty if there is nothing to say."""
    if day.state is State.RUNNING:
        return Advice("A run is loading the day.", what="Wait until it has ended.")
    if day.state is State.NOT_DUE or day.state is State.UNREAD:
        return Advice()
    if day.verdict is not None and day.verdict.remedy != "NONE":
        return _by_verdict(day)
    problem = day.run.problem if day.run else None
    if day.state is State.FAILED or (day.state is State.LATE and problem):
        if problem is None:
            why = "The task reported no reason; its process may have been terminated."
            return Advice(
                why, ENGINEER, "Open the run and read the failed task's log, then run the day again.", "run"
            )
        return Advice(problem.sentence, ENGINEER, hint_for_day(problem.hint) or "Run the day again.", "run")
    if day.state is State.NEVER_RUN:
        return Advice(_NEVER_RUN, ENGINEER, "Load it with a backfill.", "backfill")
    if day.state is State.MISSING:
        why = day.facts.trouble if day.facts and day.facts.trouble else "A run began and did not end."
        return Advice(why, ENGINEER, "Run the day again.", "run")
    if day.state is State.LATE:
        return Advice(
            "A run that loads late events has begun and not ended.", ENGINEER, "Run the day again.", "run"
        )
    return _complete(day)


def _by_verdict(day: Day) -> Advice:
    """Return what to do about a day for which the last audit has a remedy."""
    assert day.verdict is not None
    reason = f"The last audit says: {day.verdict.reason}."
    if day.state is State.FAILED and day.run and day.run.problem:
        return Advice(
            day.run.problem.sentence,
            ENGINEER,
            hint_for_day(day.run.problem.hint) or "Run the day again.",
            "run",
        )
    match day.verdict.remedy:
        case "WAIT":
            return Advice(
                reason, ADOBE, "Wait until AEP has finished the batch; after a day, ask Adobe about it."
            )
        case "RUN":
            if day.state is State.NEVER_RUN:
                reason = _NEVER_RUN
            return Advice(reason, ENGINEER, "Load it with a backfill.", "backfill")
        case "CORRECT":
            return Advice(
                reason, ENGINEER, "Correct the reason that AEP gives, then run the day again.", "run"
            )
    text = Remedy[day.verdict.remedy].value if day.verdict.remedy in Remedy.__members__ else ""
    return Advice(reason, ENGINEER, text)


def _complete(day: Day) -> Advice:
    """Return what to do about a day whose events are all in AEP or in quarantine."""
    if day.verdict is not None and day.verdict.outdated:
        changed = " and ".join(day.verdict.outdated)
        return Advice(
            f"The {changed} of the pipeline changed after the day was loaded.",
            NOBODY,
            "To renew the day, run it again with “replace”.",
            "replace",
        )
    if day.run is not None and day.run.state == "failed":
        why = day.run.problem.sentence if day.run.problem else "A later run of the day failed."
        return Advice(why, ENGINEER, "What was loaded before is active. Open the run.", "run")
    return _quarantined(day) if day.state is State.QUARANTINE else Advice()


def _quarantined(day: Day) -> Advice:
    from include.xdm.events.line_parser import INVALID_AS_SENT, REASONS

    reasons = day.facts.reasons.keys() if day.facts else set()
    if reasons and reasons <= {REASONS[name] for name in INVALID_AS_SENT}:
        return Advice(
            "Some lines are invalid as Mixpanel returned them; each is kept with its reason.",
            IF_IT_MATTERS,
            "Neither a mapping nor a replay can correct them: correct the client that sends the events. If Mixpanel "
            "returns valid lines later, run the day again with “Export the day from Mixpanel again”.",
            "export",
        )
    return Advice(
        "Some events could not be sent; each is kept with its reason.",
        IF_IT_MATTERS,
        "Read the reasons. Correct the mapping, the schema or the limits of the pipeline file, then start the replay.",
        "replay",
    )


def _time_text(moment: datetime | None) -> str:
    return f"{moment:%d %B, %H:%M} UTC" if moment else "a later time"
