"""Find all ids of a person: the given ids, and the ids that raw events connect with them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from include.errors import ConfigError
from include.xdm.events.person_ids import PersonIdReader, PersonIds

MOST_ADDED = 1000
"""The usual maximum of ids that are added; if there are more, a value that many people share probably connects them."""


@dataclass(frozen=True)
class GivenIds:
    """The ids that the caller gave.

    ``users``, ``devices``: the ids of users and of devices. ``distinct``: ids that may be of a user or of a device.
    """

    distinct: frozenset[str] = frozenset()
    users: frozenset[str] = frozenset()
    devices: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.distinct or self.users or self.devices)

    def cleaned(self, reader: PersonIdReader) -> GivenIds:
        """Return the ids in the form that is read from events: without surrounding white space or ``$device:``.

        Raises:
            ConfigError: an id is a placeholder, which many people share; its value is not in the message.
        """
        groups = [[reader.clean(each) for each in ids] for ids in (self.distinct, self.users, self.devices)]
        refused = sum(each is None for ids in groups for each in ids)
        if refused:
            raise ConfigError(
                f"{refused} of the ids to forget are placeholders, such as an empty or zero id, which many people share.",
                "Omit them; docs/mapping.md lists them. identity_placeholders of the pipeline file can allow a value.",
            )
        return GivenIds(*(frozenset(filter(None, ids)) for ids in groups))


@dataclass
class Person:
    """All ids of the people to forget.

    Attributes:
        users: The ids of users.
        devices: The ids of devices whose events are removed.
        given: The number of ids that the caller gave.
        shared: The devices that other people use, too. Such a device is in ``devices`` only if the caller gave it, and
            no id was added because of it.
    """

    users: set[str]
    devices: set[str]
    given: int
    shared: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, given: GivenIds) -> Person:
        """Return a person with the given ids only."""
        count = len(given.distinct | given.users | given.devices)
        return cls(set(given.distinct | given.users), set(given.distinct | given.devices), count)

    @property
    def added(self) -> int:
        """The number of ids that were added to the given ids."""
        return len(self.users | self.devices) - self.given


def find_person(
    given: GivenIds, lines: Callable[[], Iterable[bytes]], reader: PersonIdReader, most: int = MOST_ADDED
) -> Person:
    """Return the given ids and all ids that events connect with them.

    These ids are added: user ids in one event with a user id of the person, as a merge leaves them; devices of such
    events, unless an event on the device has a user id of another person; the user of a given device, if there is only
    one. This is repeated until no id is added. ``lines``: a function that reads all raw events; it is called for each
    repetition, so that memory does not grow with the lake.

    Raises:
        ConfigError: more than ``most`` ids would be added.
    """
    search = _Search(Person.of(given), given.distinct | given.devices)
    while search.has_changed:
        for ids in _read(lines(), reader):
            search.add_event_ids(ids)
        search.conclude()
        if search.person.added > most:
            raise ConfigError(
                f"More than {most} ids are connected with the given ones. One person does not have so many.",
                "A value that many people share may connect them. Add it to identity_placeholders of the pipeline file, "
                "raise --most-ids, or use --no-expand.",
            )
    return search.person


def _read(lines: Iterable[bytes], reader: PersonIdReader) -> Iterator[PersonIds]:
    return (ids for ids in map(reader.of_line, lines) if ids is not None)


class _Search:
    """The state of ``find_person``, which reads all events in several passes.

    ``_candidates``: the devices of the person whose users are counted in the next pass.
    """

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

    def add_event_ids(self, ids: PersonIds) -> None:
        """Compare the ids of one event with those of the person."""
        for device in (ids.devices | ids.users) & self._watched:
            self._owners[device] |= ids.users - {device}
        if not self.person.users.isdisjoint(ids.users):
            self._users |= ids.users
            self._devices |= ids.devices

    def conclude(self) -> None:
        """Add the ids that the pass has connected with the person, and start the next pass."""
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
