"""Export the days of a backfill in windows: one request for several consecutive days that have no export yet.

The calendar is divided into cells of ``backfill_window_days`` days. A window lies within one cell, and a lease in the
lake lets one run at a time export days of a cell.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

from include.errors import (
    AccessDenied,
    AddressRefused,
    ConfigError,
    CredentialsRejected,
    HistoryExceeded,
    LakeError,
    RedirectRefused,
    Terminal,
    Throttled,
    TruncatedExport,
    WrongProject,
)
from include.failpoint import failpoint
from include.lake.keys import PartitionKey
from include.lake.manifest import Manifest
from include.mixpanel.backfill_plan import Window, WindowLimits, cell_of, halved_window_size, plan_windows
from include.plural import counted
from include.steps.export.export_request import ExportRequest
from include.steps.export.range_export import RangeTooLarge, UnassignedLines, export_range
from include.steps.export.window_lease import HeldLease, LeaseRecord, WindowLease

if TYPE_CHECKING:
    from include.steps.export.step import Exporter

log = logging.getLogger(__name__)
_POLL_SECONDS = 1.0
_PATIENCE_SECONDS = 10.0
_DEFERRAL_SECONDS = 30.0
_DAY_INDEPENDENT_ERRORS = (
    AccessDenied,
    AddressRefused,
    ConfigError,
    CredentialsRejected,
    RedirectRefused,
    WrongProject,
)
"""Errors that do not depend on the requested days: a smaller window would fail with the same error."""


@dataclass(frozen=True)
class FetchAhead:
    """Allows the export of one day to export other days of a backfill with the same request.

    ``run`` identifies the run: a retry of the same run continues the lease that an earlier try claimed. ``within``: the
    days that the caller is going to load; None if the caller loads all days of the pipeline.
    """

    run: str
    within: Window | None = None
    limits: WindowLimits = field(default_factory=WindowLimits)

    def export(self, request: ExportRequest, mixpanel: Exporter) -> Manifest | None:
        """Export the day of ``request`` in a window with other days, and return the manifest of that day.

        If another run exported the day, return its manifest. Return None if the day has to be exported alone.

        Raises:
            Throttled: another run currently exports days of the same part of the calendar.
            TruncatedExport: the response was incomplete; nothing was published, and a retry requests half as many days.
        """
        size = request.workspace.pipeline.mixpanel.backfill_window_days
        if size == 1:
            return None
        windows = _Windows(request, replace(self, limits=self.limits.limited_to(size)), size)
        return windows.export(mixpanel)

    def release(self, request: ExportRequest) -> None:
        """End the lease on the calendar that an earlier try of this run still holds.

        Such a lease exists if the process ended after it published the day of ``request``, but before it published the
        other days of the window.
        """
        size = request.workspace.pipeline.mixpanel.backfill_window_days
        if size > 1:
            _Windows(request, self, size).release()


@dataclass(frozen=True)
class _Windows:
    """Exports windows in the calendar cell (the ``size`` consecutive days) that contains the day of ``request``."""

    request: ExportRequest
    ahead: FetchAhead
    size: int

    def export(self, mixpanel: Exporter) -> Manifest | None:
        lease, day = self._lease(self._cell), self.request.workspace.partition.day
        while True:
            before = self._wait_for_others(lease)
            if before.number and (done := self.request.latest()) is not None:
                return done  # another run exported the day
            if before.most_days == 1 or (held := lease.claim(before, self.ahead.run)) is None:
                if before.most_days == 1:
                    return None
                continue
            failpoint("window.claimed")
            window, requests = self._plan(held.record)
            if window is None:
                held.end(held.record.most_days, {})
                return None
            found = self._fetch(held, window, requests, mixpanel)
            if found is not None:
                return found[day]

    def release(self) -> None:
        lease = self._lease(self._cell)
        newest = lease.newest()
        if newest.holder == self.ahead.run:
            log.info("The claim that an earlier try left on %s ended", lease.cell)
            _end_claim(HeldLease(lease, newest), newest.most_days, {})

    @property
    def _cell(self) -> Window:
        place = self.request.workspace
        return cell_of(place.partition.day, place.pipeline.start_date, self.size)

    def _lease(self, cell: Window) -> WindowLease:
        place = self.request.workspace
        return WindowLease(place.lake, place.pipeline.name, cell, place.clock)

    def _wait_for_others(self, lease: WindowLease) -> LeaseRecord:
        """Wait until no other run holds the lease; return the newest record of the lease.

        Raises:
            Throttled: another run still holds the lease after ten seconds.
        """
        clock = self.request.workspace.clock
        deadline = clock.seconds() + _PATIENCE_SECONDS
        while (newest := lease.newest()).is_held_by_another(self.ahead.run, clock.seconds()):
            if clock.seconds() >= deadline:
                raise Throttled(
                    f"Another run exports days from {lease.cell.first} to {lease.cell.last} with one request now.",
                    f"Partition {self.request.workspace.partition} may be among them, and is exported when that run has ended. The task continues automatically then.",
                    wait_seconds=_DEFERRAL_SECONDS,
                )
            clock.sleep(_POLL_SECONDS)
        return newest

    def _plan(self, record: LeaseRecord) -> tuple[Window | None, dict[date, ExportRequest]]:
        """Return the window of the requested day, and the export requests of the window's days.

        The window is None, and the requests are empty, if no other day can be exported with the requested day.
        """
        missing = self._missing_requests()
        limits = self.ahead.limits.limited_to(record.most_days or self.size)
        day = self.request.workspace.partition.day
        windows = plan_windows(missing, self._known_bytes(record), limits)
        window = next((each for each in windows if day in each and len(each) > 1), None)
        return window, {each: missing[each] for each in window.days} if window else {}

    def _missing_requests(self) -> dict[date, ExportRequest]:
        """Return the export requests, by day, of the days of the calendar cell that are settled and have no export."""
        place, cell, within = self.request.workspace, self._cell, self.ahead.within
        missing = {place.partition.day: self.request}
        last = place.pipeline.end_date or cell.last
        for day in cell.days:
            if day in missing or day > last or (within is not None and day not in within):
                continue
            if place.clock.now() < self._request_of(day).settled:
                break
            request = self._request_of(day)
            if request.latest() is None:
                missing[day] = request
        return missing

    def _request_of(self, day: date) -> ExportRequest:
        place = self.request.workspace
        partition = PartitionKey(place.pipeline.name, day)
        return replace(
            self.request,
            workspace=replace(place, partition=partition),
            request={**self.request.request, "day": str(day)},
        )

    def _known_bytes(self, record: LeaseRecord) -> Mapping[date, int]:
        """Return the compressed bytes of exported days of this calendar cell, or else of the adjacent cells."""
        if record.bytes_of:
            return record.bytes_of
        step = timedelta(days=self.size)
        adjacent = (Window(self._cell.first + step * n, self._cell.last + step * n) for n in (-1, 1))
        return {day: count for cell in adjacent for day, count in self._lease(cell).newest().bytes_of.items()}

    def _fetch(
        self, held: HeldLease, window: Window, requests: Mapping[date, ExportRequest], mixpanel: Exporter
    ) -> dict[date, Manifest] | None:
        """Export the window with one request, and return the manifests by day.

        Return None if the days need a smaller window or have to be exported individually.
        """
        log.info("Exporting %s (%s) with one request", window, counted(len(window), "day"))
        most_days, sizes = held.record.most_days, dict[date, int]()
        try:
            found = export_range(
                requests,
                mixpanel,
                None,
                most_bytes=self.ahead.limits.most_bytes,
                on_progress=held.renew,
            )
            sizes = {day: sum(file.bytes for file in each.files) for day, each in found.items()}
            return found
        except (TruncatedExport, RangeTooLarge) as error:
            most_days = halved_window_size(len(window))
            log.info(
                "The export of %s failed; the next window has at most %s", window, counted(most_days, "day")
            )
            if isinstance(error, TruncatedExport):
                raise
        except (UnassignedLines, Terminal) as error:
            if isinstance(error, _DAY_INDEPENDENT_ERRORS) and not isinstance(error, HistoryExceeded):
                raise
            # An error of one day must not block the other days: exported alone, each day raises only its own error.
            most_days = 1
            log.info(
                "The days of %s are exported individually: %s", window, str(error) or "a line has no day"
            )
        finally:
            _end_claim(held, most_days, sizes)
        return None


def _end_claim(held: HeldLease, most_days: int, sizes: Mapping[date, int]) -> None:
    """End the lease; only log an error of the lake, so that it does not replace an error of the export."""
    try:
        held.end(most_days, sizes)
    except LakeError as error:
        log.warning("The claim of a window was not ended; it expires: %s", error)
