"""Clean a pipeline's part of the lake once. A cleaning can be interrupted at any point and repeated at any time."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from include.config.model import Pipeline, Retention
from include.errors import AccessDenied
from include.failpoint import failpoint
from include.lake.keys import PartitionKey
from include.lake.lake import Lake, LakeObject
from include.lake.records import create_record
from include.plural import counted
from include.steps.retention.budgets import remove_tickets
from include.steps.retention.contents import ContentsReader, DayListing, StoredOutput, list_days
from include.steps.retention.rules import outputs_to_remove, removable_files

VERSION = 1
_PROBE_DIGEST = "0" * 32


@dataclass
class CleanResult:
    """The result of a cleaning: what was removed, or what a dry run would remove.

    Attributes:
        ended: The number of outputs whose files a later cleaning removes, by retention setting.
        removed: The number of removed objects by kind.
        bytes: The size of the removed objects.
        ended_bytes: The size of the files that a later cleaning removes.
        days: The affected days.
    """

    ended: Counter[str] = field(default_factory=Counter)
    removed: Counter[str] = field(default_factory=Counter)
    bytes: int = 0
    ended_bytes: int = 0
    days: set[date] = field(default_factory=set)

    @property
    def counts(self) -> dict[str, int]:
        """The counts by name, for summaries and ``--json``."""
        return {
            "days": len(self.days),
            "ended_outputs": self.ended.total(),
            "ended_bytes": self.ended_bytes,
            **{
                f"removed_{kind}": self.removed[kind]
                for kind in ("files", "quarantine", "reports", "tickets")
            },
            "removed_bytes": self.bytes,
        }

    def __str__(self) -> str:
        return (
            f"{counted(self.removed.total(), 'object')} of {counted(self.bytes, 'byte')} removed ({counted(self.removed['files'], 'file')} of outputs, "
            f"{self.removed['quarantine']} of quarantine, {counted(self.removed['reports'], 'report')}, {counted(self.removed['tickets'], 'ticket')} "
            f"of rate budgets); {counted(self.ended.total(), 'output')} of {counted(self.ended_bytes, 'byte')} ended, to be removed by a later cleaning; {counted(len(self.days), 'day')}"
        )


def clean(lake: Lake, pipeline: Pipeline, now: datetime, *, dry_run: bool = False) -> CleanResult:
    """Remove the files that a pipeline's retention settings end, and expired tickets of rate budgets.

    ``dry_run``: only count them.

    Raises:
        AccessDenied: the credential may not remove objects; nothing was changed.
        BadManifest: a manifest or a ledger of a day cannot be read; that day was not changed.
    """
    cleaning = _Cleaning(lake, pipeline.name, pipeline.retention, now, dry_run)
    days = list_days(lake, pipeline.name)
    reader = ContentsReader.of(lake, pipeline.name)
    for day, listing in days.items():
        quarantine = [*listing.quarantine, *listing.refused_of_shards()]
        cleaning.remove_old(day, quarantine, "quarantine", pipeline.retention.quarantine_days)
        cleaning.remove_old(day, listing.reports, "reports", pipeline.retention.report_days)
        if _may_have_ended_outputs(listing, pipeline.retention):
            cleaning.clean_outputs(reader, day, listing)
    tickets = remove_tickets(lake, now, dry_run=dry_run)
    cleaning.result.removed.update(["tickets"] * len(tickets))
    cleaning.result.bytes += sum(each.bytes for each in tickets)
    return cleaning.result


def _may_have_ended_outputs(listing: DayListing, retention: Retention) -> bool:
    """Return whether outputs of a day may have ended, so that the day's manifests and ledgers have to be read."""
    if any(key in listing.removals for key in listing.files):
        return True
    raw = [key for key in listing.files if key[0] == "export"]
    if retention.superseded_days is not None and (len(raw) > 1 or len(raw) < len(listing.files)):
        return True
    return retention.raw_days is not None and bool(raw)


@dataclass
class _Cleaning:
    lake: Lake
    pipeline: str
    retention: Retention
    now: datetime
    dry_run: bool
    result: CleanResult = field(default_factory=CleanResult)
    _is_allowed: bool = False

    def remove_old(self, day: date, objects: Iterable[LakeObject], kind: str, days: int | None) -> None:
        """Remove objects that were written more than ``days`` days ago."""
        for found in objects if days is not None else ():
            limit = self.now - timedelta(days=days or 0)
            # Check again: a run of the day may have written it since the listing.
            if found.modified <= limit and (self.dry_run or self.lake.modified(found.key) <= limit):
                self._remove(day, found, kind)

    def clean_outputs(self, reader: ContentsReader, day: date, listing: DayListing) -> None:
        """Remove the files whose removal was recorded earlier, and record the removal of outputs that ended since."""
        contents = reader.read(day, listing)
        for file in removable_files(contents, self.now):
            self._remove(day, file, "files")
        ended = outputs_to_remove(contents, self.retention, self.now)
        for output in contents.outputs:
            if output.key in ended:
                self._record_removal(day, output, ended[output.key])

    def _record_removal(self, day: date, output: StoredOutput, setting: str) -> None:
        """Record that the files of an output will be removed."""
        self.result.ended[setting] += 1
        self.result.ended_bytes += output.bytes
        self.result.days.add(day)
        if self.dry_run:
            return
        self._require_may_remove()
        key = PartitionKey(self.pipeline, day).removal(output.step, output.digest)
        record = {"version": VERSION, "at": self.now.isoformat(timespec="seconds"), "setting": setting}
        failpoint("clean.end.before")
        create_record(
            self.lake, key, json.dumps({**record, "files": len(output.files), "bytes": output.bytes}).encode()
        )
        failpoint("clean.end.after")

    def _remove(self, day: date, found: LakeObject, kind: str) -> None:
        self.result.removed[kind] += 1
        self.result.bytes += found.bytes
        self.result.days.add(day)
        if self.dry_run:
            return
        self._require_may_remove()
        failpoint("clean.remove.before")
        self.lake.remove_object(found.key)
        failpoint("clean.remove.after")

    def _require_may_remove(self) -> None:
        """Check once that the credential may remove objects."""
        if self._is_allowed:
            return
        require_may_remove(
            self.lake, self.pipeline, ", or write superseded_days: null under retention of the pipeline file"
        )
        self._is_allowed = True


def require_may_remove(lake: Lake, pipeline: str, otherwise: str = "") -> None:
    """Check that the credential may remove objects, by removing an object that does not exist.

    Raises:
        AccessDenied: the credential may not remove objects; ``otherwise`` is appended to the advice in its hint.
    """
    output = PartitionKey(pipeline, date.min).output("export", _PROBE_DIGEST)
    try:
        lake.remove_object(f"{output}/events.jsonl.gz")
    except AccessDenied:
        raise AccessDenied(
            f"This worker may not remove objects from the lake {lake.url}, but the operation requires it.",
            "Allow its role to remove files below raw/, xdm/, valid-shards/, valid/, staged/, quarantine/ and report/ "
            f"(docs/security.md){otherwise}. Nothing was changed.",
        ) from None
