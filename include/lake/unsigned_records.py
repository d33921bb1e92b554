"""Signed lists of the records that are older than the lake's key, by digest. A user creates such a list once.

A modification time would not suffice, because any writer of a folder can set it. A digest works in every kind of store.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from include.errors import ForgedRecord
from include.lake.lake import Lake
from include.lake.signing_keys import split

VERSION = 1
FOLDER = "_signed"
_NUMBERED = re.compile(rf"{FOLDER}/(\d{{6,}})\.json")
_DAY = r"[^/]+/\d{4}-\d{2}-\d{2}"
_RECORDS = re.compile(
    rf"mixpanel-aep\.json|_histories/[^/]+/(?:history|taken-over-[^/]+)\.json|_histories/[^/]+/ledger/.+\.json"
    r"|_suppressed/.+\.json"
    rf"|{_DAY}/[a-z]+/[0-9a-f]+/(?:manifest|removed)\.json|{_DAY}/(?:looks|ledger)/[^/]+\.json"
)
"""Records that cannot be rebuilt; indexes can."""


@dataclass
class _Listed:
    """The inventories of a lake that this process has read so far."""

    digests: dict[str, str] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)


_listed: dict[tuple[str, ...], _Listed] = {}


def is_listed(lake: Lake, key: str, body: bytes) -> bool:
    """Return whether an inventory lists a record with this key and exactly this content."""
    if lake.signing_keys is None:
        return False
    listed = _listed.setdefault((lake.url, *lake.signing_keys.keys), _Listed())
    digest = _digest(body)
    if listed.digests.get(key) != digest:
        _read_new(lake, listed)
    return listed.digests.get(key) == digest


def unsigned_records(lake: Lake, folders: Iterable[str]) -> dict[str, str]:
    """Return the digests, by key, of the records below some folders that are not signed and not listed yet."""
    found = {}
    for key in (key for folder in folders for key in _keys(lake, folder)):
        body = lake.read(key)
        if body is not None and split(body).key_id is None and not is_listed(lake, key, body):
            found[key] = _digest(body)
    return found


def has_inventory(lake: Lake) -> bool:
    """Return whether an inventory of the lake exists."""
    return any(True for _ in lake.keys(FOLDER))


def write_inventory(lake: Lake, records: dict[str, str], at: str, by: str, why: str) -> str:
    """Put a signed inventory of ``records`` (digests by key), and return its key.

    ``at``: the time, as an ISO 8601 text; ``by``: the person; ``why``: the person's reason. The inventory contains them.

    Raises:
        ValueError: the lake has no signing key.
        ForgedRecord: another process wrote an inventory at the same time.
    """
    if lake.signing_keys is None:
        raise ValueError("an inventory needs a signing key")
    numbers = [int(found[1]) for found in map(_NUMBERED.fullmatch, lake.keys(FOLDER)) if found]
    key = f"{FOLDER}/{max(numbers, default=0) + 1:06d}.json"
    body = {"version": VERSION, "at": at, "by": by, "why": why, "records": dict(sorted(records.items()))}
    if not lake.create(key, lake.signing_keys.sign(key, json.dumps(body, indent=1).encode())):
        raise ForgedRecord(
            f"{lake.uri(key)} was written by another process at the same time.", "Run the command again."
        )
    return key


def _keys(lake: Lake, folder: str) -> Iterable[str]:
    if folder.endswith(".json"):
        return [folder]
    return (key for key in lake.keys(folder) if _RECORDS.fullmatch(key))


def _read_new(lake: Lake, listed: _Listed) -> None:
    for name in lake.keys(FOLDER):
        if name in listed.names or _NUMBERED.fullmatch(name) is None or lake.signing_keys is None:
            continue
        signed = split(lake.read(name) or b"")
        if not lake.signing_keys.verifies(name, signed):
            raise ForgedRecord(
                f"{lake.uri(name)}, the list of records that are older than the lake's key, has no valid signature.",
                "Restore it from a backup of the lake. After a change of keys, keep the old key after the new one.",
            )
        listed.digests.update(json.loads(signed.payload)["records"])
        listed.names.add(name)


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
