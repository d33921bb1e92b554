"""Limits of a service that all workers share through the lake: so many requests, or bytes, in so many seconds.

Requests are numbered tickets, created once, so that two workers never count as one. The state next to them is their sum:
a request costs one read and two small writes, however many tickets there are.
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
_PAUSES = 40
"""How many pauses may be among the last tickets, in addition to the requests that a limit counts."""
_MOST_NUMBER = 10**12
BUDGETS = "_budget"
"""The folder of all budgets."""
_STATE = "state.json"


@dataclass(frozen=True)
class RateLimit:
    """A limit of ``most`` requests in any ``seconds``, or, if ``of_amounts``, of amounts (such as bytes) with the sum ``most``."""

    most: float
    seconds: float
    of_amounts: bool = False


class Ticket(msgspec.Struct, frozen=True, omit_defaults=True):
    """A request that was admitted at ``at`` (epoch seconds), or a pause of all requests until ``pause`` (epoch seconds)."""

    at: float
    amount: float = 1.0
    pause: float = 0.0


class _State(msgspec.Struct, frozen=True):
    """The newest ticket's number, and the last tickets, oldest first."""

    number: int = 0
    tickets: tuple[Ticket, ...] = ()

    def after(self, ticket: Ticket) -> _State:
        return _State(self.number + 1, (*self.tickets, ticket)[-_KEPT_TICKETS:])


_read_ticket = msgspec.json.Decoder(Ticket).decode
_read_state = msgspec.json.Decoder(_State).decode
_write = msgspec.json.Encoder().encode
_UNREADABLE = (msgspec.MsgspecError, ValueError)


@dataclass(frozen=True)
class RateBudget:
    """The shared limits of one service, whose tickets are in ``folder`` of the lake.

    ``patience_seconds``: the longest wait within ``acquire``. ``refuse``: raises the error for a longer wait; called
    with the seconds to wait and the limit that requires it, None for a pause that the service requested.
    """

    lake: Lake
    folder: str
    limits: tuple[RateLimit, ...]
    refuse: Callable[[float, RateLimit | None], NoReturn]
    clock: Clock = SYSTEM_CLOCK
    patience_seconds: float = 30.0

    def acquire(self, amount: float = 1.0) -> None:
        """Return when a request may be sent, after at most ``patience_seconds``; raises the error of ``refuse``."""
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
        """Raise the error of ``refuse`` if a request would have to wait for longer than the patience; take no ticket."""
        wait, limit = self._wait(self._state(), amount)
        if wait > self.patience_seconds:
            self.refuse(wait, limit)

    def pause(self, seconds: float) -> None:
        """Make all workers wait for at most an hour, because the service requested a pause from one of them."""
        now, state = self.clock.seconds(), self._state()
        until = now + min(seconds, _LONGEST_PAUSE_SECONDS)
        while self._paused_until(state) < until - 1:  # not a ticket for each worker that was asked to wait
            taken = self._create_ticket(state, Ticket(now, 0.0, until))
            state = taken or self._add_new_tickets(state)

    def newest(self, known: int = 0) -> int:
        """Return the number of the newest ticket, or 0 without tickets. ``known``: the number of a ticket.

        Nothing is listed: if a cleaning has removed ``known``, or it is 0, the state says where to begin.
        """
        if not known or not self.lake.has(self._key(known)):
            stored = self._stored_state()
            known = stored.number if stored else 0
        return self._newest_after(known)

    def _newest_after(self, known: int) -> int:
        """Return the number of the newest ticket. Tickets are consecutive: some thirty lookups find the last of a million."""
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
        """Return how many tickets count for ``limit`` now. ``newest``: the number of the newest ticket."""
        numbers = range(max(1, newest - int(limit.most) + 1), newest + 1)
        since = self.clock.seconds() - limit.seconds
        return len(numbers) - bisect_left(
            numbers, since, key=lambda number: self._without_future_time(self._ticket(number)).at
        )

    def _wait(self, state: _State, amount: float) -> tuple[float, RateLimit | None]:
        """Return how long to wait before the next request, and for which limit; None: for a pause."""
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
        longest = self.clock.seconds() + _LONGEST_PAUSE_SECONDS + _CLOCKS_DIFFER_SECONDS
        return max((each.pause for each in state.tickets if each.pause <= longest), default=0.0)

    def _without_future_time(self, ticket: Ticket) -> Ticket:
        """Return the ticket; a ticket from a clock that is far ahead gets the time 0, like an unreadable one."""
        if ticket.at <= self.clock.seconds() + _CLOCKS_DIFFER_SECONDS:
            return ticket
        return Ticket(0.0, ticket.amount, ticket.pause)

    def _create_ticket(self, state: _State, ticket: Ticket) -> _State | None:
        """Create the next ticket; None: another worker was faster."""
        following = state.after(ticket)
        if not self.lake.create(self._key(following.number), _write(ticket)):
            return None
        # Twice as long as they count: the clock of this worker may be ahead.
        since = self.clock.seconds() - 2 * max(limit.seconds for limit in self.limits)
        last = tuple(each for each in following.tickets[-self._ticket_count_needed :] if each.at >= since)
        # It may be replaced by an older one of a slower worker: the next request then finds the tickets after it.
        self.lake.replace(f"{self.folder}/{_STATE}", _write(_State(following.number, last)))
        return following

    def _state(self) -> _State:
        """Read the state; without a valid one, read the last tickets, which earlier versions wrote alone."""
        return self._stored_state() or self._add_new_tickets(_State())

    def _stored_state(self) -> _State | None:
        try:
            found = _read_state(self.lake.read(f"{self.folder}/{_STATE}") or b"")
        except _UNREADABLE:
            return None  # it can be rebuilt
        return found if 0 < found.number < _MOST_NUMBER else None

    def _add_new_tickets(self, state: _State) -> _State:
        """Return the state with the tickets that other workers have created since."""
        newest = self._newest_after(state.number)
        if newest == state.number and not (newest and self.lake.has(self._key(newest))):
            # A cleaning has removed the first tickets, or the state is lost.
            newest = max(map(_number, self.lake.keys(self.folder)), default=newest) or newest
        first = max(state.number, newest - self._ticket_count_needed) + 1
        tickets = (*state.tickets, *map(self._ticket, range(first, newest + 1)))
        return _State(newest, tickets[-_KEPT_TICKETS:])

    @property
    def _ticket_count_needed(self) -> int:
        """The largest number of recent tickets that the limits count."""
        if any(limit.of_amounts for limit in self.limits):
            return _KEPT_TICKETS
        return min(_KEPT_TICKETS, int(max(limit.most for limit in self.limits)) + _PAUSES)

    def _ticket(self, number: int) -> Ticket:
        """Read a ticket; an unreadable one gets the time 0, because otherwise a wait for it would never end."""
        try:
            return _read_ticket(self.lake.read(self._key(number)) or b"")
        except _UNREADABLE:
            return Ticket(0.0)

    def _key(self, number: int) -> str:
        return f"{self.folder}/{number:09d}.json"


def expired_objects(lake: Lake, objects: Iterable[LakeObject], before: datetime) -> list[LakeObject]:
    """Return the objects of one budget's folder that no request needs any more, in the order of their removal.

    ``before``: what was written later may still count. While the budget is in use, its state and the tickets from the
    state's number on are kept, so that the next ticket never gets the number of an earlier one.
    """
    found = sorted(objects, key=lambda each: each.key)  # the state is the last
    if all(each.modified <= before for each in found):
        return found
    state = next((each.key for each in found if each.key.endswith(f"/{_STATE}")), None)
    try:
        number = _read_state(lake.read(state) or b"").number if state else 0
    except _UNREADABLE:
        return []  # the next request rebuilds it from the tickets
    return [each for each in found if each.modified <= before and 0 < _number(each.key) < number]


def _number(key: str) -> int:
    """Return the number of a ticket, or 0 for other keys."""
    name = key.rpartition("/")[2].removesuffix(".json")
    return int(name) if name.isdecimal() else 0
