"""The range of a batch's event times, which Catalog shows as ``availableDates``."""

from __future__ import annotations

from mixpanel_aep_sandbox.aep.ingestion.row_validation.times import epoch_ms


class TimeRange:
    """Collects the first and the last ``timestamp`` of a batch's rows.

    Texts in UTC (``Z``) are compared as texts, because that is faster than their conversion to numbers.
    """

    def __init__(self) -> None:
        self._texts: tuple[str, str] | None = None
        self._moments: tuple[int, int] | None = None

    def add(self, stamp: str | int | None) -> None:
        """Include a row's ``timestamp``: a valid date-time, epoch milliseconds, or None if the row has none."""
        if isinstance(stamp, str):
            if stamp.endswith("Z"):
                self._add_text(stamp[:19])
            else:
                self.add_moments(epoch_ms(stamp), epoch_ms(stamp))
        elif stamp is not None:
            self.add_moments(stamp, stamp)

    def add_moments(self, first: int, last: int) -> None:
        """Include several times by the first and the last of them, in epoch milliseconds."""
        low, high = self._moments or (first, last)
        self._moments = min(low, first), max(high, last)

    def as_available_dates(self) -> dict[str, int]:
        """Return ``startDate`` and ``endDate`` in epoch seconds; an empty object if no row had a time."""
        if self._texts:
            self.add_moments(*(epoch_ms(f"{text}Z") for text in self._texts))
        if not self._moments:
            return {}
        return {"startDate": int(self._moments[0] // 1000), "endDate": int(self._moments[1] // 1000)}

    def _add_text(self, text: str) -> None:
        """Include a time, given as text in UTC with whole seconds (``2026-07-01T10:00:00``)."""
        if self._texts is None:
            self._texts = text, text
        elif text < self._texts[0]:
            self._texts = text, self._texts[1]
        elif text > self._texts[1]:
            self._texts = self._texts[0], text
