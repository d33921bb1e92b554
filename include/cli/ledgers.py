"""``ledger show``, ``adopt`` and ``release``: what a day's ledger says, and what a person writes into it."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

from include.aep.client import AepClient
from include.aep.witness import Witness
from include.cli.printing import say, table, title
from include.cli.project import Project
from include.lake.ledger import LedgerRecord
from include.steps.binding import OpenedHistory, open_history
from include.steps.recover import AepIds, Writer, adopt, person, release

_HEAD = ("record", "kind", "at", "run", "batch", "rows", "refused", "AEP says", "why")


def show(project: Project, arguments: argparse.Namespace) -> int:
    """Print the records of a day, each with AEP's status of its batch now, and the batches that no record names."""
    aep, day = project.aep, arguments.day
    history = _open(project, aep, day).history
    records = history.ledger(day).records()
    named = [batch for batch in dict.fromkeys(record.batch for record in records) if batch]
    statuses = {batch: _status(aep, batch) for batch in named}
    if records:
        table("", [_HEAD, *(_row(record, statuses) for record in records)])
    else:
        title(f"The ledger of {project.pipeline.name} {day} has no record.")
    for batch in Witness(history, aep).batches(day, named):
        of = "of this day" if batch.day is not None else "of ours that names no day"
        say("!", "unknown", f"AEP has batch {batch.id} {of} ({batch.status}), which no record names")
    return 0


def adopt_batch(project: Project, arguments: argparse.Namespace) -> int:
    """Make an active batch of the day known to its ledger."""
    day, batch = arguments.day, arguments.batch
    with _ids(project, day, Writer(f"adopt/{person()}", arguments.why)) as (ids, aep):
        written = adopt(ids, aep, day, batch)
    if not written:
        say("ok", "adopt", f"{day}: the ledger calls batch {batch} active already; nothing was written")
        return 0
    say("ok", "adopt", f"{day}: batch {batch} is active with {written[-1].counts['active']} rows")
    return 0


def release_batch(project: Project, arguments: argparse.Namespace) -> int:
    """Write down that a batch is gone, so that the next run loads its rows again."""
    day, batch = arguments.day, arguments.batch
    with _ids(project, day, Writer(f"release/{person()}", arguments.why)) as (ids, aep):
        release(ids, aep, day, batch)
    say("ok", "release", f"{day}: batch {batch} is gone; the next run of the day loads its rows again")
    return 0


@contextmanager
def _ids(project: Project, day: date, writer: Writer) -> Iterator[tuple[AepIds, AepClient]]:
    """What AEP holds of the pipeline, for a change of the day's ledger."""
    aep = project.aep
    opened = _open(project, aep, day)
    with aep.lake_reader(project.pipeline.verify.reader) as reader:
        yield AepIds(opened.history, opened.dataset, reader, project.pipeline, project.clock, writer), aep


def _open(project: Project, aep: AepClient, day: date) -> OpenedHistory:
    return open_history(project.lake, project.pipeline, aep, project.mixpanel_settings.source, day)


def _status(aep: AepClient, batch: str) -> str:
    found = aep.batches.find(batch)
    return "not there" if found is None else found.status or "nothing"


def _row(record: LedgerRecord, statuses: dict[str, str]) -> tuple[str, ...]:
    rows = record.counts.get("active", record.ids.rows if record.ids else "")
    return (
        str(record.number),
        record.kind,
        record.at,
        record.run,
        record.batch or "",
        str(rows),
        str(record.counts.get("refused", "")),
        statuses.get(record.batch or "", ""),
        record.note,
    )
