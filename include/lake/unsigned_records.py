"""List the lake's unsigned records, which were written before the lake had a signing key, in signed inventories.

A user creates an inventory once, with ``mixpanel-aep lake sign``. It lists records by their key and digest.
Modification times would not prove which records are older than the key: any writer of a folder lake can set them.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from include.errors import ForgedRecord
from include.lake.lake import Lake
from include.lake.signing_keys import split_signature

VERSION = 1
FOLDER = "_signed"
_NUMBERED = re.compile(rf"{FOLDER}/(\d{{6,}})\.json")
_DAY = r"[^/]+/\d{4}-\d{2}-\d{2}"
_RECORDS = re.compile(
    rf"mixpanel-aep\.json|_histories/[^/]+/(?:history|taken-over-[^/]+)\.json|_histories/[^/]+/ledger/.+\.json"
    r"|_suppressed/.+\.json"
    rf"|{_DAY}/[a-z]+/[0-9a-f]+/(?:manifest|removed)\.json|{_DAY}/(?:looks|ledger)/[^/]+\.json"
)
"""The keys of all records that an inventory lists. Indexes are not listed, because they can be rebuilt."""


@dataclass
class _Listed:
    """What this process has read from the inventories of one lake.

    ``digests``: the digest of each listed record, by key. ``names``: the keys of the inventories that were read.
    """

    digests: dict[str, str] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)


_listed: dict[tuple[str, ...], _Listed] = {}


def is_listed(lake: Lake, key: str, body: bytes) -> bool:
    """Return whether an inventory lists a record with this key and content; False if the lake has no signing key.

    Raises:
        ForgedRecord: an inventory has no valid signature.
    """
    if lake.signing_keys is None:
        return False
    listed = _listed.setdefault((lake.url, *lake.signing_keys.keys), _Listed())
    digest = _digest(body)
    if listed.digests.get(key) != digest:
        _read_new(lake, listed)
    return listed.digests.get(key) == digest


def unsigned_records(lake: Lake, folders: Iterable[str]) -> dict[str, str]:
    """Return the SHA-256 (hex), by key, of the records in ``folders`` that are neither signed nor in an inventory.

    ``folders``: keys of folders; a key that ends with ``.json`` is that of a single record.
    """
    found = {}
    for key in (key for folder in folders for key in _keys(lake, folder)):
        body = lake.read(key)
        if body is not None and split_signature(body).key_id is None and not is_listed(lake, key, body):
            found[key] = _digest(body)
    return found


def has_inventory(lake: Lake) -> bool:
    """Return whether the lake has an inventory of unsigned records."""
    return any(True for _ in lake.keys(FOLDER))


def write_inventory(lake: Lake, records: dict[str, str], at: str, by: str, why: str) -> str:
    """Write a signed inventory of records, and return its key.

    Args:
        lake: the lake.
        records: the SHA-256 (hex) of each record, by key.
        at: the current time in ISO 8601, for the inventory.
        by: the person who creates the inventory.
        why: the person's reason.

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
    """Return the keys of the records in a folder; ``folder`` itself if it is the key of a record."""
    if folder.endswith(".json"):
        return [folder]
    return (key for key in lake.keys(folder) if _RECORDS.fullmatch(key))


def _read_new(lake: Lake, listed: _Listed) -> None:
    """Read the inventories that were written since the last call, and add their records to ``listed``.

    Raises:
        ForgedRecord: an inventory has no valid signature.
    """
    for name in lake.keys(FOLDER):
        if name in listed.names or _NUMBERED.fullmatch(name) is None or lake.signing_keys is None:
            continue
        signed = split_signature(lake.read(name) or b"")
        if not lake.signing_keys.verifies(name, signed):
            raise ForgedRecord(
                f"{lake.uri(name)}, the list of records that are older than the lake's signing key, has no valid "
                "signature.",
                "Restore it from a backup of the lake. After a change of keys, keep the old key in the setting, after "
                "the new key.",
            )
        listed.digests.update(json.loads(signed.payload)["records"])
        listed.names.add(name)


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
