"""Read the state of every day of a history from its ledgers, with one listing and only the ledgers that have changed.

The states are stored in the history's ``index.json``, which can be created again at any time. Records of a ledger never
change, so the stored state of a day is valid as long as the day's newest record has the number in the index.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Literal

import msgspec

from include.errors import BadManifest
from include.lake.history import History
from include.lake.ledger import LedgerRecord
from include.lake.ledger_state import active_records, in_flight, refused_rows
from include.lake.records import read_index, replace_index

_VERSION = 2
_RECORD = re.compile(r"/(\d{4}-\d{2}-\d{2})/(\d{6,})\.json\Z")
Progress = Literal["none", "waiting", "failed", "empty", "unreadable"]


class Load(msgspec.Struct, frozen=True):
    """A load of a day whose batch is active, according to the ledger.

    ``made_of``: digests of the filter, mapping, schema and time convention (``provenance.made_of``).
    """

    batch: str
    rows: int
    made_of: dict[str, str] = {}


class DayState(msgspec.Struct, frozen=True):
    """The state of a day according to its ledger.

    ``number``, ``at``: number and time of the newest record. ``loads``: the active loads. ``progress``: the state of a
    newer load, which is not active. ``trouble``: the error, if the ledger is unreadable.
    """

    number: int
    at: str
    loads: list[Load] = []
    progress: Progress = "none"
    """``waiting``: a run claimed the day or filled a batch and has not ended; ``failed``: AEP refused the last batch;
    ``unreadable``: ``trouble`` names the record of the ledger that cannot be read."""
    trouble: str = ""
    quarantined: int = 0
    """The number of quarantined events, for a day without a valid event; 0 for other days."""
    refused: int = 0
    """The number of rows that AEP refused and that are in no active batch; they are in quarantine."""


class _Index(msgspec.Struct):
    version: int = _VERSION
    days: dict[str, DayState] = {}


def read_days(history: History) -> dict[date, DayState]:
    """Return the state of every day that has a ledger, by day."""
    key = history.key("index")
    body = read_index(history.lake, key)
    index = _decode_index(body)
    newest: dict[str, int] = {}
    for found in map(_RECORD.search, history.lake.keys(history.ledgers)):
        if found:
            newest[found[1]] = max(newest.get(found[1], 0), int(found[2]))
    days = {
        day: known
        if (known := index.days.get(day)) is not None and known.number == number
        else _read_state(history, date.fromisoformat(day), number)
        for day, number in sorted(newest.items())
    }
    # A ledger that cannot be read may be repaired under the same number.
    kept = {day: state for day, state in days.items() if state.progress != "unreadable"}
    if kept != index.days:
        replace_index(history.lake, key, msgspec.json.encode(_Index(days=kept)))
    return {date.fromisoformat(day): state for day, state in days.items()}


def _read_state(history: History, day: date, number: int) -> DayState:
    try:
        return state_of(history.ledger(day).records())
    except BadManifest as error:
        return DayState(number, "", progress="unreadable", trouble=str(error))


def state_of(records: list[LedgerRecord]) -> DayState:
    """Return the state of a day from the records of its ledger; there must be at least one record."""
    last = records[-1]
    active = [Load(str(r.batch), r.counts.get("active", 0), r.made_of) for r in active_records(records)]
    quarantined = last.counts.get("quarantined", 0) if last.kind == "empty" else 0
    refused = refused_rows(records)
    return DayState(
        last.number, last.at, active, progress_of(records), quarantined=quarantined, refused=refused
    )


def progress_of(records: list[LedgerRecord]) -> Progress:
    """Return the state of the newest load if it is not active (``waiting``, ``failed``, ``empty``), else ``none``."""
    last, flying = records[-1], in_flight(records)
    if last.kind == "claimed" or (flying is not None and flying.kind in ("created", "completing")):
        return "waiting"
    if flying is not None:
        return "failed"
    return "empty" if last.kind == "empty" else "none"


def _decode_index(body: bytes | None) -> _Index:
    """Parse the stored states; return none if they are missing or unreadable, so that every ledger is read."""
    try:
        index = msgspec.json.decode(body or b"{}", type=_Index)
    except msgspec.MsgspecError:
        return _Index()
    return index if index.version == _VERSION else _Index()
