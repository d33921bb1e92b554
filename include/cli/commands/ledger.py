"""``ledger show``, ``ledger adopt`` and ``ledger release``: show a day's ledger, and add records to it manually."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

from include.aep.batch_listing import BatchListing
from include.aep.client import AepClient
from include.cli.console import Output
from include.cli.options import Batch, Day, Why
from include.cli.progress import show_activity
from include.cli.project import Project
from include.lake.ledger import LedgerRecord
from include.plural import counted
from include.steps.history.open_history import OpenedHistory, open_history
from include.steps.recover import AepIds, Writer, adopt, current_person, release

_HEAD = ("no", "kind", "at (UTC)", "batch", "rows", "AEP says")


def show(project: Project, out: Output, *, day: Day) -> None:
    """Show the ledger of a day, and the current status of each batch in AEP.

    Batches of this project that no record names are listed below.
    """
    aep = project.aep
    history = _open_history(project, aep, day).history
    records = history.ledger(day).records()
    named = [batch for batch in dict.fromkeys(record.batch for record in records) if batch]
    statuses = {batch: _status(aep, batch) for batch in named}
    unknown = BatchListing(history, aep).batches(day, named)
    out.table("", [_record_row(record, statuses) for record in records], head=_HEAD)
    for record in records:
        if refused := record.counts.get("refused"):
            out.print_status(
                "!", "", f"{record.number}: AEP refused {counted(refused, 'row')}, now in quarantine"
            )
        if record.note:
            out.print_status("", "", f"{record.number}: by {record.run}: {record.note}")
    if not records:
        out.title(f"The ledger of {project.pipeline.name} {day} has no record.")
    for batch in unknown:
        of = "of this day" if batch.day is not None else "of this project without a day"
        out.print_status(
            "!", "unknown", f"AEP has batch {batch.id} {of} ({batch.status}), which no record names"
        )
    out.result(
        {
            "pipeline": project.pipeline.name,
            "day": day,
            "records": [record.model_dump(mode="json") for record in records],
            "aep_status": statuses,
            "unknown_batches": [{"batch": batch.id, "status": batch.status} for batch in unknown],
        }
    )


def adopt_batch(project: Project, out: Output, *, day: Day, batch: Batch, why: Why) -> None:
    """Add an active batch of AEP to the day's ledger.

    The ids of the batch's rows are read from AEP's data lake.
    """
    with (
        _open_ids(project, day, Writer(f"adopt/{current_person()}", why)) as (ids, aep),
        show_activity("Reading the batch"),
    ):
        written = adopt(ids, aep, day, batch)
    out.result({"day": day, "batch": batch, "written": bool(written)})
    if not written:
        out.print_status(
            "ok", "adopt", f"{day}: the ledger lists batch {batch} as active already; nothing was written"
        )
        return
    out.print_status(
        "ok", "adopt", f"{day}: batch {batch} is active with {counted(written[-1].counts['active'], 'row')}"
    )


def release_batch(project: Project, out: Output, *, day: Day, batch: Batch, why: Why) -> None:
    """Record that a batch no longer exists. The next run loads its rows again.

    The command is refused while AEP lists the batch or has rows of it.
    """
    with (
        _open_ids(project, day, Writer(f"release/{current_person()}", why)) as (ids, aep),
        show_activity("Reading AEP"),
    ):
        release(ids, aep, day, batch)
    out.print_status(
        "ok", "release", f"{day}: batch {batch} is gone; the next run of the day loads its rows again"
    )
    out.result({"day": day, "batch": batch, "written": True})


@contextmanager
def _open_ids(project: Project, day: date, writer: Writer) -> Iterator[tuple[AepIds, AepClient]]:
    """Yield what a manual change of a day's ledger needs: the reader of the ``_id``s in AEP, and the client of AEP."""
    aep = project.aep
    opened = _open_history(project, aep, day)
    with aep.lake_reader(project.pipeline.verify.reader) as reader:
        yield AepIds(opened.history, opened.dataset, reader, project.pipeline, project.clock, writer), aep


def _open_history(project: Project, aep: AepClient, day: date) -> OpenedHistory:
    return open_history(project.lake, project.pipeline, aep, project.mixpanel_settings.source, day)


def _status(aep: AepClient, batch: str) -> str:
    found = aep.batches.find(batch)
    return "not found" if found is None else found.status or "nothing"


def _record_row(record: LedgerRecord, statuses: dict[str, str]) -> tuple[str, ...]:
    rows = record.counts.get("active", record.ids.rows if record.ids else "")
    batch = record.batch or ""
    at = record.at[:16]  # without the seconds, so that the line fits 80 columns
    return str(record.number), record.kind, at, batch, str(rows), statuses.get(batch, "")
