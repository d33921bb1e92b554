"""``ledger show``, ``adopt`` and ``release``: what a day's ledger says, and what a person writes into it."""

from __future__ import annotations

import argparse
from datetime import date

from include.aep.client import AepClient
from include.cli.printing import say, table, title
from include.cli.project import Project
from include.lake.ledger import LedgerRecord
from include.steps.binding import OpenedHistory, open_history
from include.steps.recover import AepIds, Writer, adopt, person, release

_HEAD = ("record", "kind", "at", "run", "batch", "rows", "AEP says", "why")


def show(project: Project, arguments: argparse.Namespace) -> int:
    """Print the records of a day, each with AEP's status of its batch now."""
    aep = project.aep
    records = _open(project, aep, arguments.day).history.ledger(arguments.day).records()
    if not records:
        title(f"The ledger of {project.pipeline.name} {arguments.day} has no record.")
        return 0
    statuses = {batch: _status(aep, batch) for batch in dict.fromkeys(r.batch for r in records) if batch}
    table("", [_HEAD, *(_row(record, statuses) for record in records)])
    return 0


def adopt_batch(project: Project, arguments: argparse.Namespace) -> int:
    """Make an active batch of the day known to its ledger."""
    aep, day, batch = project.aep, arguments.day, arguments.batch
    opened = _open(project, aep, day)
    with aep.lake_reader(project.pipeline.verify.reader) as reader:
        writer = Writer(f"adopt/{person()}", arguments.why)
        ids = AepIds(opened.history, opened.dataset, reader, project.pipeline, project.clock, writer)
        written = adopt(ids, aep, day, batch)
    if not written:
        say("ok", "adopt", f"{day}: the ledger calls batch {batch} active already; nothing was written")
        return 0
    say("ok", "adopt", f"{day}: batch {batch} is active with {written[-1].counts['active']} rows")
    return 0


def release_batch(project: Project, arguments: argparse.Namespace) -> int:
    """Write down that a batch is gone, so that the next run loads its rows again."""
    aep, day, batch = project.aep, arguments.day, arguments.batch
    opened = _open(project, aep, day)
    with aep.lake_reader(project.pipeline.verify.reader) as reader:
        writer = Writer(f"release/{person()}", arguments.why)
        ids = AepIds(opened.history, opened.dataset, reader, project.pipeline, project.clock, writer)
        release(ids, aep, day, batch)
    say("ok", "release", f"{day}: batch {batch} is gone; the next run of the day loads its rows again")
    return 0


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
        statuses.get(record.batch or "", ""),
        record.note,
    )
