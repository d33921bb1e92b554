"""Which ids a person has: those that were given, and those that raw events show together with them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from include.errors import ConfigError
from include.xdm.events.person_ids import PersonIdReader, PersonIds

MOST_ADDED = 1000
"""More ids than that are not of one person: most likely a value that stands for "nobody" connects them."""


@dataclass(frozen=True)
class GivenIds:
    """What was given: ``distinct`` ids may be of users or of devices."""

    distinct: frozenset[str] = frozenset()
    users: frozenset[str] = frozenset()
    devices: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.distinct or self.users or self.devices)

    def cleaned(self, reader: PersonIdReader) -> GivenIds:
        """Return the ids as events are read: without white space around them and without ``$device:``.

        Raises:
            ConfigError: one is a placeholder, which many people share; it is not in the message.
        """
        groups = [[reader.clean(each) for each in ids] for ids in (self.distinct, self.users, self.devices)]
        refused = sum(each is None for ids in groups for each in ids)
        if refused:
            raise ConfigError(
                f"{refused} of the ids to forget are placeholders, such as an empty or zero id, which many people share.",
                "Leave them out; docs/mapping.md lists them. identity_placeholders of the pipeline file can allow a value.",
            )
        return GivenIds(*(frozenset(filter(None, ids)) for ids in groups))


@dataclass
class Person:
    """The ids of the people to forget. ``given``: how many there were; ``shared``: devices that others use too.

    A shared device is not among ``devices`` unless it was given, and no id was added because of it.
    """

    users: set[str]
    devices: set[str]
    given: int
    shared: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, given: GivenIds) -> Person:
        """The ids as they were given."""
        count = len(given.distinct | given.users | given.devices)
        return cls(set(given.distinct | given.users), set(given.distinct | given.devices), count)

    @property
    def added(self) -> int:
        """How many ids were added to the given ones."""
        return len(self.users | self.devices) - self.given


def find_person(
    given: GivenIds, lines: Callable[[], Iterable[bytes]], reader: PersonIdReader, most: int = MOST_ADDED
) -> Person:
    """Add the ids that events show together with the given ones, until there are no more.

    Added are: user ids in one event with a user id of the person, as a merge leaves them; devices of such events, unless
    a user id of another person is seen on them; the user of a given device, where it is the only one. ``lines``: reads
    all raw events again; it is called once for each step of the search, so that memory does not grow with the lake.

    Raises:
        ConfigError: more than ``most`` ids would be added.
    """
    search = _Search(Person.of(given), given.distinct | given.devices)
    while search.has_changed:
        for ids in _read(lines(), reader):
            search.see(ids)
        search.conclude()
        if search.person.added > most:
            raise ConfigError(
                f"More than {most} ids are connected with the given ones, which is more than one person has.",
                "A value that many people share may connect them: add it to identity_placeholders of the pipeline file, "
                "raise --most-ids, or use --no-expand.",
            )
    return search.person


def _read(lines: Iterable[bytes], reader: PersonIdReader) -> Iterator[PersonIds]:
    return (ids for ids in map(reader.of_line, lines) if ids is not None)


class _Search:
    """``candidates``: devices seen with the person, of which the users are to be counted in the next pass."""

    def __init__(self, person: Person, given_devices: frozenset[str]) -> None:
        self.person = person
        self.has_changed = True
        self._given_devices = given_devices
        self._candidates: set[str] = set()
        self._start_pass()

    def _start_pass(self) -> None:
        self._users: set[str] = set()
        self._devices: set[str] = set()
        self._owners: defaultdict[str, set[str]] = defaultdict(set)
        self._watched = self._candidates | self._given_devices

    def see(self, ids: PersonIds) -> None:
        """Take the ids of an event."""
        for device in (ids.devices | ids.users) & self._watched:
            self._owners[device] |= ids.users - {device}
        if not self.person.users.isdisjoint(ids.users):
            self._users |= ids.users
            self._devices |= ids.devices

    def conclude(self) -> None:
        """Add what the pass has shown, and begin the next one."""
        person = self.person
        before = (len(person.users), len(person.devices), len(self._candidates))
        person.users |= self._users
        for device in self._given_devices:
            if len(self._owners[device]) == 1:
                person.users |= self._owners[device]
        person.shared = {each for each in self._watched if self._owners[each] - person.users}
        person.devices |= self._candidates - person.shared
        self._candidates |= self._devices
        self.has_changed = before != (len(person.users), len(person.devices), len(self._candidates))
        self._start_pass()
