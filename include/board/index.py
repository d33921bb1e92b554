"""The board's index: the facts of every day of a history, and the last audit, in one file that can be rebuilt at any time.

The audit writes it. Readers get all days with one read; a day whose run ended after ``listed_at`` is read from its ledger.
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
"""Version 1 did not have the rows that AEP has refused."""
_RECORD = re.compile(r"/(\d{4}-\d{2}-\d{2})/(\d{6,})\.json\Z")
MOST_PROPERTIES = 2000
"""The most property names, and column names, that the index keeps."""
NAME = "board"
"""The index is ``_histories/<target>/board.json``."""


class Verdict(msgspec.Struct, frozen=True):
    """The audit's verdict on a day that is incomplete, or that was loaded with other settings than the current ones."""

    status: str
    reason: str
    remedy: str
    outdated: tuple[str, ...] = ()


class BoardIndex(msgspec.Struct, frozen=True):
    """``listed_at``: the time up to which the index is complete; ``audited_at``: empty before the first audit."""

    version: int = _VERSION
    listed_at: str = ""
    audited_at: str = ""
    days: dict[str, DayFacts] = {}
    verdicts: dict[str, Verdict] = {}
    statuses: dict[str, str] = {}
    """AEP's own status of each batch, at the last audit."""
    properties: dict[str, str] = {}
    """Properties without a mapping, each with the first day on which it was seen."""
    not_converted: dict[str, str] = {}
    """Columns with values of another type, each with the first day on which one was seen."""


def read_board_index(history: History) -> BoardIndex:
    """Read the index from the lake; return an empty one if it is missing or of another version. This costs one read."""
    return decode_index(read_body(history))


def read_body(history: History) -> bytes:
    """Return the bytes of the index in the lake; empty if the index is missing."""
    return read_index(history.lake, history.key(NAME)) or b""


def decode_index(body: bytes) -> BoardIndex:
    """Parse the bytes of an index; return an empty index for missing bytes or another version."""
    try:
        index = msgspec.json.decode(body or b"{}", type=BoardIndex)
    except msgspec.MsgspecError:
        return BoardIndex()
    return index if index.version == _VERSION else BoardIndex()


def write_board_index(history: History, pipeline: str, audit: Audit, now: datetime) -> BoardIndex:
    """Write the index after an audit, and return it."""
    index = make_board_index(history, pipeline, audit, now)
    replace_index(history.lake, history.key(NAME), msgspec.json.encode(index))
    return index


def make_board_index(history: History, pipeline: str, audit: Audit, now: datetime) -> BoardIndex:
    """Return the index after an audit. This lists the ledgers once, and reads only days that have changed."""
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
    """Return the facts of a day; if its ledger or a manifest cannot be read, return facts that contain the reason."""
    try:
        return read_facts(history, pipeline, day) or DayFacts(0, "")
    except BadManifest as error:
        return DayFacts(number, "", progress="unreadable", trouble=str(error))


def first_seen(known: Mapping[str, str], days: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return each property name with the first day that contains it, for at most some thousand names."""
    found = dict(known)
    for day, names in sorted(days.items()):
        for name in names:
            if name in found:
                found[name] = min(found[name], day)
            elif len(found) < MOST_PROPERTIES:
                found[name] = day
    return found
