"""Keep the requests of all workers within the rate limits of a service: a number of requests, or of bytes, in a period.

Workers share a limit through the lake. Each request is a numbered object, a ticket, which is created once: so two
requests of two workers are never counted as one. The object ``state.json`` next to the tickets contains the most recent
ones, so that a request costs one read and two small writes, however many tickets there are.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import NoReturn

import msgspec

from include.clock import SYSTEM_CLOCK, Clock
from include.lake.lake import Lake, LakeObject

_CLOCKS_DIFFER_SECONDS = 60.0
_LONGEST_PAUSE_SECONDS = 3600.0
_KEPT_TICKETS = 500
_MAX_PAUSE_TICKETS = 40
"""How many tickets of pauses are expected among the last tickets, in addition to the requests that a limit counts."""
_MAX_NUMBER = 10**12
BUDGETS = "_budget"
"""The key of the folder with all budgets."""
_STATE = "state.json"


@dataclass(frozen=True)
class RateLimit:
    """A limit of ``most`` requests, or with ``of_amounts`` of ``most`` bytes or other units, in any ``seconds``."""

    most: float
    seconds: float
    of_amounts: bool = False


class Ticket(msgspec.Struct, frozen=True, omit_defaults=True):
    """The record of one request, or of a pause during which no worker may send a request."""

    at: float
    """When the request was allowed, or the pause was recorded, in seconds since the epoch."""
    amount: float = 1.0
    """The size of the request, such as its bytes; 0 for a pause."""
    pause: float = 0.0
    """When the pause ends, in seconds since the epoch; 0 for a request."""


class _State(msgspec.Struct, frozen=True):
    """The content of ``state.json``: the number of the newest ticket, and the last tickets, oldest first."""

    number: int = 0
    tickets: tuple[Ticket, ...] = ()

    def with_ticket(self, ticket: Ticket) -> _State:
        return _State(self.number + 1, (*self.tickets, ticket)[-_KEPT_TICKETS:])


_read_ticket = msgspec.json.Decoder(Ticket).decode
_read_state = msgspec.json.Decoder(_State).decode
_write = msgspec.json.Encoder().encode
_UNREADABLE = (msgspec.MsgspecError, ValueError)


@dataclass(frozen=True)
class RateBudget:
    """The rate limits of one service, shared by all workers that use the same lake and folder.

    Attributes:
        lake: the lake that contains the tickets.
        folder: the key of the folder with the tickets.
        limits: the limits; a request must fit all of them.
        refuse: raises the error for a wait that is longer than ``patience_seconds``. Its arguments are the seconds to
            wait and the limit that requires the wait, or None if the service requested a pause.
        clock: the clock that gives the time and waits.
        patience_seconds: the longest time that :meth:`acquire` waits.
    """

    lake: Lake
    folder: str
    limits: tuple[RateLimit, ...]
    refuse: Callable[[float, RateLimit | None], NoReturn]
    clock: Clock = SYSTEM_CLOCK
    patience_seconds: float = 30.0

    def acquire(self, amount: float = 1.0) -> None:
        """Wait until a request is within all limits, and record it. ``amount``: its size, such as its bytes.

        Raises:
            PipelineError: the wait would be longer than ``patience_seconds``; the error is that of ``refuse``.
        """
        state = self._state()
        while True:
            wait, limit = self._wait(state, amount)
            if wait > self.patience_seconds:
                self.refuse(wait, limit)
            if wait > 0:
                self.clock.sleep(wait)
            now = self.clock.seconds()
            if self._create_ticket(state, Ticket(now, amount)) is not None:
                return
            state = self._add_new_tickets(state)

    def check(self, amount: float = 1.0) -> None:
        """Check that a request would not have to wait for more than ``patience_seconds``, without recording it.

        Raises:
            PipelineError: the wait would be longer; the error is that of ``refuse``.
        """
        wait, limit = self._wait(self._state(), amount)
        if wait > self.patience_seconds:
            self.refuse(wait, limit)

    def pause(self, seconds: float) -> None:
        """Make all workers wait for ``seconds``, at most an hour, because the service asked this worker to wait."""
        now, state = self.clock.seconds(), self._state()
        until = now + min(seconds, _LONGEST_PAUSE_SECONDS)
        while self._paused_until(state) < until - 1:  # one ticket is enough if several workers are paused
            created = self._create_ticket(state, Ticket(now, 0.0, until))
            state = created or self._add_new_tickets(state)

    def newest(self, known: int = 0) -> int:
        """Return the number of the newest ticket, or 0 without tickets, without listing the folder.

        ``known``: the number of an earlier ticket, where the search begins. If it is 0, or that ticket was removed by
        cleaning, the search begins at the ticket that ``state.json`` names.
        """
        if not known or not self.lake.has(self._key(known)):
            stored = self._stored_state()
            known = stored.number if stored else 0
        return self._newest_after(known)

    def _newest_after(self, known: int) -> int:
        """Return the number of the newest ticket, by a binary search: numbers are consecutive from ``known`` on."""
        step, last = 1, known
        while self.lake.has(self._key(last + step)):
            last += step
            step *= 2
        while step > 1:
            step //= 2
            if self.lake.has(self._key(last + step)):
                last += step
        return last

    def used(self, newest: int, limit: RateLimit) -> int:
        """Return the number of requests in the last ``limit.seconds`` seconds.

        ``newest``: the number of the newest ticket.
        """
        numbers = range(max(1, newest - int(limit.most) + 1), newest + 1)
        since = self.clock.seconds() - limit.seconds
        return len(numbers) - bisect_left(
            numbers, since, key=lambda number: self._without_future_time(self._ticket(number)).at
        )

    def _wait(self, state: _State, amount: float) -> tuple[float, RateLimit | None]:
        """Return the seconds to wait before the next request, and the limit that requires it; None for a pause.

        Zero or a negative number means that the request may be sent now.
        """
        now = self.clock.seconds()
        tickets = [self._without_future_time(ticket) for ticket in state.tickets]
        waits: list[tuple[float, RateLimit | None]] = [(self._paused_until(state) - now, None)]
        for limit in self.limits:
            total = amount if limit.of_amounts else 1.0
            for ticket in reversed(tickets):
                total += ticket.amount if limit.of_amounts else float(ticket.amount > 0)
                if total > limit.most:
                    waits.append((ticket.at + limit.seconds - now, limit))
                    break
        return max(waits, key=lambda each: each[0])

    def _paused_until(self, state: _State) -> float:
        """Return when the last pause ends, in seconds since the epoch; 0 without one. Very long pauses are ignored."""
        longest = self.clock.seconds() + _LONGEST_PAUSE_SECONDS + _CLOCKS_DIFFER_SECONDS
        return max((each.pause for each in state.tickets if each.pause <= longest), default=0.0)

    def _without_future_time(self, ticket: Ticket) -> Ticket:
        """Return the ticket, with the time 0 if its time is over a minute ahead: the clock of its worker was wrong."""
        if ticket.at <= self.clock.seconds() + _CLOCKS_DIFFER_SECONDS:
            return ticket
        return Ticket(0.0, ticket.amount, ticket.pause)

    def _create_ticket(self, state: _State, ticket: Ticket) -> _State | None:
        """Create ``ticket`` and return the new state; None if another worker has created a ticket with its number first."""
        following = state.with_ticket(ticket)
        if not self.lake.create(self._key(following.number), _write(ticket)):
            return None
        # Tickets are kept in the state for twice as long as they count, because this worker's clock may be ahead.
        since = self.clock.seconds() - 2 * max(limit.seconds for limit in self.limits)
        last = tuple(each for each in following.tickets[-self._ticket_count_needed :] if each.at >= since)
        # A slower worker may replace the state by an older one: the next request then finds the later tickets.
        self.lake.replace(f"{self.folder}/{_STATE}", _write(_State(following.number, last)))
        return following

    def _state(self) -> _State:
        """Return the stored state; if it is missing or invalid, build it from the last tickets."""
        return self._stored_state() or self._add_new_tickets(_State())

    def _stored_state(self) -> _State | None:
        """Return the content of ``state.json``, or None if it is missing or invalid."""
        try:
            found = _read_state(self.lake.read(f"{self.folder}/{_STATE}") or b"")
        except _UNREADABLE:
            return None  # the caller builds the state from the tickets
        return found if 0 < found.number < _MAX_NUMBER else None

    def _add_new_tickets(self, state: _State) -> _State:
        """Return ``state`` with the tickets that other workers created after it."""
        newest = self._newest_after(state.number)
        if newest == state.number and not (newest and self.lake.has(self._key(newest))):
            # A cleaning has removed the first tickets, or the state is lost.
            newest = max(map(_number, self.lake.keys(self.folder)), default=newest) or newest
        first = max(state.number, newest - self._ticket_count_needed) + 1
        tickets = (*state.tickets, *map(self._ticket, range(first, newest + 1)))
        return _State(newest, tickets[-_KEPT_TICKETS:])

    @property
    def _ticket_count_needed(self) -> int:
        """The number of newest tickets from which the wait can be computed."""
        if any(limit.of_amounts for limit in self.limits):
            return _KEPT_TICKETS
        return min(_KEPT_TICKETS, int(max(limit.most for limit in self.limits)) + _MAX_PAUSE_TICKETS)

    def _ticket(self, number: int) -> Ticket:
        """Return the ticket with this number; an unreadable one counts as a request at the time 0, without effect."""
        try:
            return _read_ticket(self.lake.read(self._key(number)) or b"")
        except _UNREADABLE:
            return Ticket(0.0)

    def _key(self, number: int) -> str:
        return f"{self.folder}/{number:09d}.json"


def expired_objects(lake: Lake, objects: Iterable[LakeObject], before: datetime) -> list[LakeObject]:
    """Return the objects of one budget that can be removed, in the order in which they must be removed.

    While a budget is in use, its state, and the tickets from the number in the state on, are kept: otherwise a new
    ticket could get the number of an earlier one.

    Args:
        lake: the lake.
        objects: all objects in the folder of the budget.
        before: only objects last written before this time are returned; later ones may still count for a limit.
    """
    found = sorted(objects, key=lambda each: each.key)  # the state is the last
    if all(each.modified <= before for each in found):
        return found
    state = next((each.key for each in found if each.key.endswith(f"/{_STATE}")), None)
    try:
        number = _read_state(lake.read(state) or b"").number if state else 0
    except _UNREADABLE:
        return []  # the next request rebuilds the state from the tickets
    return [each for each in found if each.modified <= before and 0 < _number(each.key) < number]


def _number(key: str) -> int:
    """Return the number in a ticket's key, or 0 for the key of another object."""
    name = key.rpartition("/")[2].removesuffix(".json")
    return int(name) if name.isdecimal() else 0
