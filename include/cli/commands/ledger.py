"""``ledger show``, ``adopt`` and ``release``: show a day's ledger, and change it by hand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

from include.aep.client import AepClient
from include.aep.witness import Witness
from include.cli.console import Output, counted
from include.cli.options import Batch, Day, Why
from include.cli.progress import show_activity
from include.cli.project import Project
from include.lake.ledger import LedgerRecord
from include.steps.history.open_history import OpenedHistory, open_history
from include.steps.recover import AepIds, Writer, adopt, current_person, release

_HEAD = ("no", "kind", "at (UTC)", "batch", "rows", "AEP says")


def show(project: Project, out: Output, *, day: Day) -> None:
    """Show the records of a day, and AEP's status of each batch now.

    Batches of this project that no record names are listed below.
    """
    aep = project.aep
    history = _open(project, aep, day).history
    records = history.ledger(day).records()
    named = [batch for batch in dict.fromkeys(record.batch for record in records) if batch]
    statuses = {batch: _status(aep, batch) for batch in named}
    unknown = Witness(history, aep).batches(day, named)
    out.table("", [_row(record, statuses) for record in records], head=_HEAD)
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
    """Make an active batch known to the day's ledger.

    Its ids are read from AEP's data lake.
    """
    with (
        _ids(project, day, Writer(f"adopt/{current_person()}", why)) as (ids, aep),
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
        "ok", "adopt", f"{day}: batch {batch} is active with {written[-1].counts['active']} rows"
    )


def release_batch(project: Project, out: Output, *, day: Day, batch: Batch, why: Why) -> None:
    """Record that a batch is gone. The next run loads its rows again.

    It is refused while AEP shows the batch, or rows of it.
    """
    with (
        _ids(project, day, Writer(f"release/{current_person()}", why)) as (ids, aep),
        show_activity("Reading AEP"),
    ):
        release(ids, aep, day, batch)
    out.print_status(
        "ok", "release", f"{day}: batch {batch} is gone; the next run of the day loads its rows again"
    )
    out.result({"day": day, "batch": batch, "written": True})


@contextmanager
def _ids(project: Project, day: date, writer: Writer) -> Iterator[tuple[AepIds, AepClient]]:
    """Open the reader of AEP's ``_id``s for a change of the day's ledger."""
    aep = project.aep
    opened = _open(project, aep, day)
    with aep.lake_reader(project.pipeline.verify.reader) as reader:
        yield AepIds(opened.history, opened.dataset, reader, project.pipeline, project.clock, writer), aep


def _open(project: Project, aep: AepClient, day: date) -> OpenedHistory:
    return open_history(project.lake, project.pipeline, aep, project.mixpanel_settings.source, day)


def _status(aep: AepClient, batch: str) -> str:
    found = aep.batches.find(batch)
    return "not found" if found is None else found.status or "nothing"


def _row(record: LedgerRecord, statuses: dict[str, str]) -> tuple[str, ...]:
    rows = record.counts.get("active", record.ids.rows if record.ids else "")
    batch = record.batch or ""
    at = record.at[:16]  # to the minute: the line fits 80 columns
    return str(record.number), record.kind, at, batch, str(rows), statuses.get(batch, "")
