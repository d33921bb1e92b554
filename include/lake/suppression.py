"""Read and write the suppression list: hashes of the ids of forgotten people, whose data was deleted on request.

Every export drops the events of these people. The list consists of numbered records that never change. A hash is an
HMAC-SHA-256 of the kind of an id, the Mixpanel project and the id. Its secret is derived from the lake's signing key
(``include.lake.signing_keys``) and a random salt, so that the list alone does not reveal whether a person is on it.
Without a signing key, the secret is the salt in the record: anyone with read access to the lake can then test whether a
known id is on the list.
"""

from __future__ import annotations

import hmac
import json
import re
import secrets
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property, lru_cache
from typing import TypedDict

from include.errors import BadManifest, ConfigError, Conflict
from include.lake.keys import SUPPRESSION
from include.lake.lake import Lake
from include.lake.manifest import digest_of
from include.lake.own_keys import DAY, DIGEST
from include.lake.records import create_record, read_record
from include.lake.signing_keys import SIGNING_KEYS_ENVIRONMENT, SigningKeys

VERSION = 1
USER, DEVICE = "user", "device"
"""The kinds of ids: of a user, or of a device."""
_CONTEXT = b"mixpanel-aep suppression 1"
_PEOPLE = f"{SUPPRESSION}/people"
_NUMBERED = re.compile(rf"{_PEOPLE}/(\d{{6,}})\.json")
_IDS = re.compile(rf"{SUPPRESSION}/ids/\d+/({DAY})/{DIGEST}\.json")
_HASH_BYTES = 16
_SALT_BYTES = 16
_CACHED_IDS = 100_000


class _HashSettings(TypedDict):
    """How the hashes of a record are computed.

    ``key``: the id of the lake's signing key; None if the lake had none. ``salt``: the random salt, in hexadecimal.
    """

    version: int
    project_id: int
    key: str | None
    salt: str


class _Record(_HashSettings):
    hashes: list[str]


@dataclass(frozen=True)
class Suppression:
    """The part of the suppression list for one Mixpanel project. It is false if it contains no person.

    ``number``: the number of the list's newest record, for any project. ``secrets``: the HMAC keys of the ``hashes``.
    """

    project_id: int
    number: int = 0
    secrets: tuple[bytes, ...] = field(default=(), repr=False)
    hashes: frozenset[str] = field(default=frozenset(), repr=False)

    def __bool__(self) -> bool:
        return bool(self.hashes)

    def is_user(self, value: str) -> bool:
        """Return whether the list contains this user id."""
        return self._is_forgotten(USER, value)

    def is_device(self, value: str) -> bool:
        """Return whether the list contains this device id."""
        return self._is_forgotten(DEVICE, value)

    @cached_property
    def _is_forgotten(self) -> Callable[[str, str], bool]:
        return lru_cache(_CACHED_IDS)(self._has_hash)  # an export repeats the same ids many times

    def _has_hash(self, kind: str, value: str) -> bool:
        return any(_hash(secret, kind, self.project_id, value) in self.hashes for secret in self.secrets)


def read_suppression(lake: Lake, project_id: int) -> Suppression:
    """Read the part of the suppression list for a Mixpanel project.

    Raises:
        ConfigError: a record was created with a signing key that this process does not have.
        BadManifest: a record is missing or unreadable, so the list is incomplete.
    """
    numbers = _record_numbers(lake)
    if numbers != list(range(1, len(numbers) + 1)):
        raise BadManifest(
            f"A record of the suppression list {lake.uri(_PEOPLE)} is missing.",
            "Restore it from a backup of the lake: without it, events of forgotten people would be stored again.",
        )
    found: dict[bytes, None] = {}
    hashes: set[str] = set()
    for number in numbers:
        record = _read_people(lake, number)
        if record["project_id"] == project_id:
            found[_secret(lake, record)] = None
            hashes.update(record["hashes"])
    return Suppression(project_id, len(numbers), tuple(found), frozenset(hashes))


def suppress(
    lake: Lake, project_id: int, users: Iterable[str], devices: Iterable[str], *, at: str, by: str
) -> Suppression:
    """Add the ids of a Mixpanel project that are not on the suppression list yet, and return the project's new list.

    Args:
        lake: the lake.
        project_id: the Mixpanel project.
        users: user ids.
        devices: device ids.
        at: the current time in ISO 8601, for the record.
        by: the person who requests the change, for the record.

    Raises:
        Conflict: another process changed the list at the same time.
        ConfigError: a record was created with a signing key that this process does not have.
        BadManifest: a record is missing or unreadable.
    """
    known = read_suppression(lake, project_id)
    added = {USER: [each for each in users if not known.is_user(each)]}
    added[DEVICE] = [each for each in devices if not known.is_device(each)]
    if not added[USER] and not added[DEVICE]:
        return known
    settings = _new_hash_settings(lake, project_id, known.number)
    secret = _secret(lake, settings)
    hashes = {_hash(secret, kind, project_id, value) for kind, values in added.items() for value in values}
    body = json.dumps({**settings, "at": at, "by": by, "hashes": sorted(hashes)}, indent=1).encode()
    if not create_record(lake, _record_key(known.number + 1), body):
        raise Conflict(
            f"Another process changed the suppression list {lake.uri(_PEOPLE)} at the same time.",
            "Run the command again.",
        )
    return read_suppression(lake, project_id)


def newest_number(lake: Lake) -> int:
    """Return the number of the newest record of the suppression list, or 0 if the list is empty."""
    return max(_record_numbers(lake), default=0)


def record_forgotten_ids(lake: Lake, project_id: int, day: date, ids: Collection[str]) -> None:
    """Store the ``_id``s of a day's events that an export dropped because their person is on the suppression list.

    AEP may still contain these events, so the ids are needed to interpret a comparison with AEP.
    """
    if not ids:
        return
    named = sorted(ids)
    key = f"{_ids_folder(project_id, day)}/{digest_of({'ids': named})}.json"
    create_record(lake, key, json.dumps({"version": VERSION, "ids": named}).encode())


def forgotten_days(lake: Lake, project_id: int) -> set[date]:
    """Return the days of a Mixpanel project for which ``_id``s of forgotten people are stored, by one listing."""
    found = map(_IDS.fullmatch, lake.keys(f"{SUPPRESSION}/ids/{project_id}"))
    return {date.fromisoformat(each[1]) for each in found if each}


def forgotten_ids(lake: Lake, project_id: int, day: date) -> set[str]:
    """Return the stored ``_id``s of a day's events of forgotten people; empty without such events.

    Raises:
        BadManifest: a record is unreadable.
    """
    found: set[str] = set()
    for key in list(lake.keys(_ids_folder(project_id, day))):
        try:
            found.update(json.loads(read_record(lake, key) or b"")["ids"])
        except (ValueError, TypeError, KeyError):
            raise _unreadable_error(lake, key) from None
    return found


def _ids_folder(project_id: int, day: date) -> str:
    return f"{SUPPRESSION}/ids/{project_id}/{day.isoformat()}"


def _record_numbers(lake: Lake) -> list[int]:
    return sorted(int(found[1]) for found in map(_NUMBERED.fullmatch, lake.keys(_PEOPLE)) if found)


def _record_key(number: int) -> str:
    return f"{_PEOPLE}/{number:06d}.json"


def _read_people(lake: Lake, number: int) -> _Record:
    key = _record_key(number)
    try:
        record: _Record = json.loads(read_record(lake, key) or b"")
        complete = _Record.__required_keys__ <= record.keys()
    except (ValueError, TypeError, AttributeError):
        complete = False
    if not complete or record["version"] > VERSION:
        raise _unreadable_error(lake, key)
    return record


def _unreadable_error(lake: Lake, key: str) -> BadManifest:
    return BadManifest(
        f"{lake.uri(key)} is not a readable record of the suppression list.",
        "If it is damaged, restore it from a backup of the lake. If a newer version wrote it, upgrade mixpanel-aep.",
    )


def _new_hash_settings(lake: Lake, project_id: int, number: int) -> _HashSettings:
    """Return the hash settings for a new record. ``number``: the number of the newest record.

    The salt of an earlier record with the same signing key is reused: every salt costs a hash in each search of the
    list.
    """
    key = _signing_key(lake.signing_keys)
    version, salt = VERSION, secrets.token_hex(_SALT_BYTES)
    for record in _newest_first(lake, number):
        if (record["project_id"], record["key"]) == (project_id, key):
            version, salt = record["version"], record["salt"]
            break
    return _HashSettings(version=version, project_id=project_id, key=key, salt=salt)


def _newest_first(lake: Lake, number: int) -> Iterator[_Record]:
    return (_read_people(lake, each) for each in range(number, 0, -1))


def _signing_key(signing_keys: SigningKeys | None) -> str | None:
    return next(iter(signing_keys.keys)) if signing_keys is not None else None


def _secret(lake: Lake, settings: _HashSettings) -> bytes:
    """Return the secret of a record's hashes, the key of their HMAC."""
    salt, name = bytes.fromhex(settings["salt"]), settings["key"]
    if name is None:
        return salt
    secret = lake.signing_keys.keys.get(name) if lake.signing_keys is not None else None
    if secret is None:
        raise ConfigError(
            f"The suppression list {lake.uri(_PEOPLE)} was created with the signing key {name}, which this process "
            "does not have, so it cannot recognize events of forgotten people.",
            f"Keep the old key in {SIGNING_KEYS_ENVIRONMENT}, after the new one.",
        )
    return hmac.digest(secret, _CONTEXT + salt, "sha256")


def _hash(secret: bytes, kind: str, project_id: int, value: str) -> str:
    text = f"{kind}\0{project_id}\0{value}".encode("utf-8", "surrogatepass")
    return hmac.digest(secret, text, "sha256")[:_HASH_BYTES].hex()
