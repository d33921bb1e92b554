"""The lease for exporting a part of the calendar with few requests: numbered records, each a claim or its end.

A lease saves requests and decides nothing else: each day is published once, whichever runs export it.
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
"""An export may be silent for 900 s (``EXPORT_RETRY_POLICY``); a claim that was not renewed for longer has ended."""
_RENEW_SECONDS = 60.0
_NUMBERED = re.compile(r"/(\d{6,})\.json$")


@dataclass(frozen=True)
class LeaseRecord:
    """A record: ``holder`` exports days until ``until`` (epoch seconds), or has ended.

    ``most_days``: the largest window that is allowed in this part of the calendar, 0 where nothing limits it.
    ``bytes_of``: the compressed bytes of the days that were exported.
    """

    number: int
    holder: str = ""
    until: float = 0.0
    most_days: int = 0
    bytes_of: Mapping[date, int] = field(default_factory=dict)

    def keeps_out(self, run: str, now: float) -> bool:
        """Return whether another run than ``run`` exports now. A retry of a killed task continues its own claim.

        A claim that ends further in the future than any lease lasts is from a wrong clock, and does not count.
        """
        return self.holder not in ("", run) and now < self.until <= now + 2 * LEASE_SECONDS

    def to_json(self) -> bytes:
        """Return the body of the record."""
        sizes = {str(day): count for day, count in sorted(self.bytes_of.items())}
        fields = {"holder": self.holder, "until": self.until, "most_days": self.most_days, "bytes": sizes}
        return json.dumps(fields).encode()

    @classmethod
    def of_json(cls, number: int, body: bytes | None) -> LeaseRecord:
        """Read a record; one that cannot be read is an ended one, because it may not keep others out."""
        try:
            found = json.loads(body or b"")
            sizes = {date.fromisoformat(day): int(count) for day, count in found["bytes"].items()}
            return cls(number, str(found["holder"]), float(found["until"]), int(found["most_days"]), sizes)
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
            return cls(number)


@dataclass(frozen=True)
class WindowLease:
    """The lease of one part of the calendar of a pipeline."""

    lake: Lake
    pipeline: str
    cell: Window
    clock: Clock

    def newest(self) -> LeaseRecord:
        """Return the newest record; number 0 without a record. It costs one listing, and one read if a record exists."""
        numbers = [int(found[1]) for key in self.lake.keys(self._folder) if (found := _NUMBERED.search(key))]
        number = max(numbers, default=0)
        return LeaseRecord.of_json(number, read_index(self.lake, self._key(number)) if number else None)

    def claim(self, after: LeaseRecord, run: str) -> HeldLease | None:
        """Claim the lease after the newest record; None: another run was faster."""
        claimed = replace(
            after, number=after.number + 1, holder=run, until=self.clock.seconds() + LEASE_SECONDS
        )
        if not create_record(self.lake, self._key(claimed.number), claimed.to_json()):
            return None
        return HeldLease(self, claimed)

    def put(self, record: LeaseRecord) -> None:
        """Replace a record of this process's own claim."""
        replace_index(self.lake, self._key(record.number), record.to_json())

    def _key(self, number: int) -> str:
        return f"{self._folder}/{number:06d}.json"

    @property
    def _folder(self) -> str:
        return f"{WINDOWS}/{self.pipeline}/{self.cell.first}_{self.cell.last}"


@dataclass
class HeldLease:
    """A claim of this process. Only the process writes its record, so that no conditional replacement is needed."""

    lease: WindowLease
    record: LeaseRecord

    def renew(self) -> None:
        """Extend the claim, at most once a minute. If the lake does not accept it, the export continues without."""
        until = self.lease.clock.seconds() + LEASE_SECONDS
        if until - self.record.until < _RENEW_SECONDS:
            return
        self.record = replace(self.record, until=until)
        try:
            self.lease.put(self.record)
        except LakeError as error:
            log.warning("The claim of a window was not extended; the next attempt follows: %s", error)

    def end(self, most_days: int, bytes_of: Mapping[date, int]) -> None:
        """End the claim, and record what the next windows have to consider."""
        known = {**self.record.bytes_of, **bytes_of}
        self.record = replace(self.record, holder="", until=0.0, most_days=most_days, bytes_of=known)
        self.lease.put(self.record)
