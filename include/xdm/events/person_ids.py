"""Read the ids of a person from an export line: user ids and device ids in Mixpanel's properties, no placeholders."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from include.config.identities import IdentityPlaceholders
from include.xdm.identities.identity_rules import BLANKS, PREFIX, identity_rules

_CACHED_VALUES = 100_000
_TOKENS = re.compile(r"[\"\\,:{}\[\]\s]+")
_NAMESPACE = "MixpanelUser"
"""Any namespace without a specific format: it has only the rules for all identities."""


class PersonIds(NamedTuple):
    """The user ids and device ids of an event; an id that is in ``devices`` is not in ``users``."""

    users: frozenset[str]
    devices: frozenset[str]


# Source: Mixpanel's default and reserved properties, and the properties of $identify, $create_alias and $merge.
# msgspec reads the annotations: only Any accepts every value.
class _Properties(msgspec.Struct):
    distinct_id: Any = None
    before: Any = msgspec.field(default=None, name="$distinct_id_before_identity")
    dollar: Any = msgspec.field(default=None, name="$distinct_id")
    user: Any = msgspec.field(default=None, name="$user_id")
    identified: Any = msgspec.field(default=None, name="$identified_id")
    alias: Any = None
    merged: Any = msgspec.field(default=None, name="$distinct_ids")
    device: Any = msgspec.field(default=None, name="$device_id")
    anonymous: Any = msgspec.field(default=None, name="$anon_id")
    anonymous_distinct: Any = msgspec.field(default=None, name="$anon_distinct_id")


class _Event(msgspec.Struct):
    properties: _Properties


_decode = msgspec.json.Decoder(_Event).decode


class PersonIdReader:
    """A reader of the user ids and device ids in export lines.

    ``placeholders``: the settings of the pipeline file for values that stand for a missing id.
    """

    def __init__(self, placeholders: IdentityPlaceholders) -> None:
        judge = identity_rules(_NAMESPACE, placeholders).judge
        self._clean = lru_cache(_CACHED_VALUES)(lambda value: judge(value)[0])

    def clean(self, value: str) -> str | None:
        """Return an id without surrounding white space and without ``$device:``; None for a placeholder."""
        return self._clean(value)

    def of_line(self, line: bytes) -> PersonIds | None:
        """Return the ids of the event in a line; None if the line is not a valid event."""
        try:
            found = _decode(line).properties
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        values = (
            found.distinct_id, found.before, found.dollar, found.user, found.identified, found.alias, found.merged,
        )  # fmt: skip
        users = [text for value in values if value is not None for text in _texts(value)]
        anonymous = (found.device, found.anonymous, found.anonymous_distinct)
        devices = [text for value in anonymous if value is not None for text in _texts(value)]
        devices += [text for text in users if text.strip(BLANKS).startswith(PREFIX)]
        of_devices = frozenset(filter(None, map(self._clean, devices)))
        return PersonIds(frozenset(filter(None, map(self._clean, users))) - of_devices, of_devices)

    def tokens(self, line: bytes) -> Iterator[str]:
        """Yield all texts that may be ids, from a line that is not a valid event."""
        return filter(None, map(self._clean, _TOKENS.split(line.decode("utf-8", "surrogateescape"))))


@dataclass(frozen=True)
class PersonMatcher:
    """A test whether export lines belong to given people, for example people who are to be forgotten.

    ``is_user``, ``is_device``: functions that return whether a user id or a device id is one of these people's.
    """

    reader: PersonIdReader
    is_user: Callable[[str], bool]
    is_device: Callable[[str], bool]

    def matches(self, line: bytes) -> bool:
        """Return whether a line is an event of one of the people, or is invalid and contains an id of them."""
        ids = self.reader.of_line(line)
        return any(map(self.is_id, self.reader.tokens(line))) if ids is None else self.belongs(ids)

    def belongs(self, ids: PersonIds) -> bool:
        """Return whether an event has a user id of the people, or a device id of them and no user id of another person.

        So an event of another person on the same device does not belong to them.
        """
        if any(map(self.is_user, ids.users)):
            return True
        return any(map(self.is_device, (*ids.devices, *ids.users))) and all(map(self.is_device, ids.users))

    def is_id(self, value: str) -> bool:
        """Return whether a value is a user id or a device id of one of the people."""
        return self.is_user(value) or self.is_device(value)


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, int) and not isinstance(value, bool):
        yield str(value)
    elif isinstance(value, list):
        for each in value:
            if not isinstance(each, list):
                yield from _texts(each)
