"""The board's index, one file in the lake with the facts about each day of a history and the results of the last audit.

With it, the board gets all days by reading one file. It reads the ledgers only of days whose run has ended after the
index was written. The audit writes the index, which can be rebuilt from the ledgers at any time.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime

import msgspec

from include.board.facts import DayFacts, read_facts
from include.errors import BadManifest
from include.lake.history import History
from include.lake.records import read_index, replace_index
from include.steps.reconcile.audit import Audit

log = logging.getLogger(__name__)
_VERSION = 2
"""The version of the index. Version 1 has no counts of rows that AEP refused."""
_RECORD = re.compile(r"/(\d{4}-\d{2}-\d{2})/(\d{6,})\.json\Z")
MOST_PROPERTIES = 2000
"""The maximum number of property names in the index, and of column names."""
NAME = "board"
"""The name of the index in the history's folder: ``_histories/<target>/board.json``."""


class Verdict(msgspec.Struct, frozen=True):
    """The last audit's result for a day that is incomplete, or was loaded with settings that have changed since then.

    Attributes:
        status: the value of the audit's ``DayStatus``.
        reason: why the day is incomplete, as a clause.
        remedy: the name of a member of ``Remedy``, such as ``RUN``.
        outdated: the settings that have changed since the day was loaded, such as ``mapping``.
    """

    status: str
    reason: str
    remedy: str
    outdated: tuple[str, ...] = ()


class BoardIndex(msgspec.Struct, frozen=True):
    """The content of the board's index. The keys for days have the form ``YYYY-MM-DD``."""

    version: int = _VERSION
    listed_at: str = ""
    """When the ledgers were listed, in ISO 8601: the index contains all records before it. Empty for an empty index."""
    audited_at: str = ""
    """The time of the last audit, in ISO 8601; empty before the first audit."""
    days: dict[str, DayFacts] = {}
    """The facts about each day that has a ledger."""
    verdicts: dict[str, Verdict] = {}
    """The audit's result for each day that is incomplete or outdated."""
    statuses: dict[str, str] = {}
    """The status of each batch in AEP at the time of the last audit, by batch id."""
    properties: dict[str, str] = {}
    """The properties without a mapping, each with the first day that has it."""
    not_converted: dict[str, str] = {}
    """The columns in which values were set to null because of their type, each with the first such day."""


def read_board_index(history: History) -> BoardIndex:
    """Return the index in the lake; an empty one if it is missing, damaged or of another version."""
    return decode_index(read_body(history))


def read_body(history: History) -> bytes:
    """Return the JSON of the index in the lake; b"" if it is missing or does not have a valid signature."""
    return read_index(history.lake, history.key(NAME)) or b""


def decode_index(body: bytes) -> BoardIndex:
    """Return the index in a JSON text; an empty one if the text is empty, damaged or of another version."""
    try:
        index = msgspec.json.decode(body or b"{}", type=BoardIndex)
    except msgspec.MsgspecError:
        return BoardIndex()
    return index if index.version == _VERSION else BoardIndex()


def write_board_index(history: History, pipeline: str, audit: Audit, now: datetime) -> BoardIndex:
    """Build the index from the result of an audit (:func:`make_board_index`), write it to the lake, and return it."""
    index = make_board_index(history, pipeline, audit, now)
    replace_index(history.lake, history.key(NAME), msgspec.json.encode(index))
    return index


def make_board_index(history: History, pipeline: str, audit: Audit, now: datetime) -> BoardIndex:
    """Return the index for the result of an audit and the current ledgers, without writing it.

    The ledgers are listed once, but only those are read that have changed since the index in the lake was written.

    Args:
        history: the history of the pipeline's dataset.
        pipeline: the pipeline's name.
        audit: the result of the audit.
        now: the current time.
    """
    known = read_board_index(history)
    numbers: dict[str, int] = {}
    for found in map(_RECORD.search, history.lake.keys(history.ledgers)):
        if found:
            numbers[found[1]] = max(numbers.get(found[1], 0), int(found[2]))
    days = {}
    for day, number in sorted(numbers.items()):
        kept = known.days.get(day)
        fresh = kept if kept is not None and kept.number == number and kept.progress != "unreadable" else None
        days[day] = fresh or read_or_explain(history, pipeline, date.fromisoformat(day), number)
    verdicts = {
        str(day.day): Verdict(day.status.value, day.reason, day.remedy.name, day.outdated)
        for day in audit.days
        if day.is_missing or day.outdated
    }
    return BoardIndex(
        listed_at=now.isoformat(),
        audited_at=now.isoformat(),
        days={
            day: msgspec.structs.replace(facts, properties=(), not_converted=())
            for day, facts in days.items()
        },
        verdicts=verdicts,
        statuses=dict(audit.statuses),
        properties=first_seen(known.properties, {day: facts.properties for day, facts in days.items()}),
        not_converted=first_seen(
            known.not_converted, {day: facts.not_converted for day, facts in days.items()}
        ),
    )


def read_or_explain(history: History, pipeline: str, day: date, number: int = 0) -> DayFacts:
    """Return the facts about a day; if its ledger or a manifest is invalid, facts with the reason in ``trouble``.

    A day without a ledger has facts with the number 0. ``number``: the number of the ledger's newest record, which is
    used if the ledger is invalid.
    """
    try:
        return read_facts(history, pipeline, day) or DayFacts(0, "")
    except BadManifest as error:
        return DayFacts(number, "", progress="unreadable", trouble=str(error))


def first_seen(known: Mapping[str, str], days: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return the first day with each name, for at most ``MOST_PROPERTIES`` names.

    Args:
        known: the first day with each name that was found before.
        days: the names of each day.
    """
    found = dict(known)
    for day, names in sorted(days.items()):
        for name in names:
            if name in found:
                found[name] = min(found[name], day)
            elif len(found) < MOST_PROPERTIES:
                found[name] = day
    return found
