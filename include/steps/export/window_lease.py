"""A lease in the lake with which one run at a time exports a calendar cell (some consecutive days) in windows.

The lease is a series of numbered records; each record is a claim by a run, or an ended claim. The lease only saves
requests to Mixpanel: without it, two runs would export the same days, but each day would still be published once.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date

from include.clock import Clock
from include.errors import LakeError
from include.lake.lake import Lake
from include.lake.records import create_record, read_index, replace_index
from include.mixpanel.backfill_plan import Window

log = logging.getLogger(__name__)
WINDOWS = "_windows"
LEASE_SECONDS = 1000.0
"""A claim that was not renewed for this long has ended; an export may be silent for 900 s (``EXPORT_RETRY_POLICY``)."""
_RENEW_SECONDS = 60.0
_NUMBERED = re.compile(r"/(\d{6,})\.json$")


@dataclass(frozen=True)
class LeaseRecord:
    """One record of a lease: the run ``holder`` exports days of the cell until ``until`` (epoch seconds).

    ``holder`` is empty if the claim has ended. ``most_days``: the largest number of days in one request for this cell;
    0 means no limit. ``bytes_of``: the compressed bytes of the days that were exported.
    """

    number: int
    holder: str = ""
    until: float = 0.0
    most_days: int = 0
    bytes_of: Mapping[date, int] = field(default_factory=dict)

    def is_held_by_another(self, run: str, now: float) -> bool:
        """Return whether a run other than ``run`` holds the lease at ``now`` (epoch seconds).

        A retry of a killed task continues the claim of its run. A claim that ends later than any lease can last comes
        from a wrong clock, and is ignored.
        """
        return self.holder not in ("", run) and now < self.until <= now + 2 * LEASE_SECONDS

    def to_json(self) -> bytes:
        """Return the record as JSON, for the lake."""
        sizes = {str(day): count for day, count in sorted(self.bytes_of.items())}
        fields = {"holder": self.holder, "until": self.until, "most_days": self.most_days, "bytes": sizes}
        return json.dumps(fields).encode()

    @classmethod
    def of_json(cls, number: int, body: bytes | None) -> LeaseRecord:
        """Parse a record; return an ended claim if ``body`` is invalid, so that it does not block other runs."""
        try:
            found = json.loads(body or b"")
            sizes = {date.fromisoformat(day): int(count) for day, count in found["bytes"].items()}
            return cls(number, str(found["holder"]), float(found["until"]), int(found["most_days"]), sizes)
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
            return cls(number)


@dataclass(frozen=True)
class WindowLease:
    """The lease for one calendar cell of a pipeline: the run that holds it may export days of the cell."""

    lake: Lake
    pipeline: str
    cell: Window
    clock: Clock

    def newest(self) -> LeaseRecord:
        """Return the newest record of the lease; without a record, an ended claim with number 0.

        It needs one listing of the lake and one read.
        """
        numbers = [int(found[1]) for key in self.lake.keys(self._folder) if (found := _NUMBERED.search(key))]
        number = max(numbers, default=0)
        return LeaseRecord.of_json(number, read_index(self.lake, self._key(number)) if number else None)

    def claim(self, after: LeaseRecord, run: str) -> HeldLease | None:
        """Claim the lease for ``run`` with the record after ``after``; return None if another run was faster."""
        claimed = replace(
            after, number=after.number + 1, holder=run, until=self.clock.seconds() + LEASE_SECONDS
        )
        if not create_record(self.lake, self._key(claimed.number), claimed.to_json()):
            return None
        return HeldLease(self, claimed)

    def put(self, record: LeaseRecord) -> None:
        """Replace a lease record in the lake; only the process that holds the lease may call this method."""
        replace_index(self.lake, self._key(record.number), record.to_json())

    def _key(self, number: int) -> str:
        return f"{self._folder}/{number:06d}.json"

    @property
    def _folder(self) -> str:
        return f"{WINDOWS}/{self.pipeline}/{self.cell.first}_{self.cell.last}"


@dataclass
class HeldLease:
    """The lease while this process holds it; no other process writes ``record``, so it is simply replaced."""

    lease: WindowLease
    record: LeaseRecord

    def renew(self) -> None:
        """Extend the claim, at most once a minute; an error of the lake is only logged, and the export continues."""
        until = self.lease.clock.seconds() + LEASE_SECONDS
        if until - self.record.until < _RENEW_SECONDS:
            return
        self.record = replace(self.record, until=until)
        try:
            self.lease.put(self.record)
        except LakeError as error:
            log.warning("The claim of a window was not extended; the next attempt follows: %s", error)

    def end(self, most_days: int, bytes_of: Mapping[date, int]) -> None:
        """End the claim, and record the limit ``most_days`` and the sizes ``bytes_of`` for later windows.

        Raises:
            LakeError: the record cannot be written.
        """
        known = {**self.record.bytes_of, **bytes_of}
        self.record = replace(self.record, holder="", until=0.0, most_days=most_days, bytes_of=known)
        self.lease.put(self.record)
