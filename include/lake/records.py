"""Reads and writes records: the JSON that later steps trust. Only this module signs and verifies them.

Records are manifests, ledgers, refreshes, removals, the description of a history and the lake's id, and the indexes,
which can be rebuilt. Without a key (``include.lake.signing_keys``) they are plain JSON. With a key, a record is trusted if
its signature is valid, or if a signed inventory (``include.lake.unsigned_records``) lists its digest: it is older than the key.
"""

from __future__ import annotations

import logging

from include.errors import ForgedRecord
from include.lake.lake import Lake
from include.lake.signing_keys import SEAL_ENVIRONMENT, SEAL_VARIABLE, Signed, split
from include.lake.unsigned_records import is_listed

log = logging.getLogger(__name__)


def read_record(lake: Lake, key: str) -> bytes | None:
    """Return a record's JSON without its signature, or None where the object is missing.

    Raises:
        ForgedRecord: the signature is invalid or missing, or this process has no key to verify it.
    """
    body = lake.read(key)
    if body is None:
        return None
    signed = split(body)
    if lake.signing_keys is None:
        if signed.key_id is not None:
            raise _without_key(lake, key)
        return body
    if signed.key_id is None:
        if not is_listed(lake, key, body):
            raise _unsigned(lake, key)
        return body
    if not lake.signing_keys.verifies(key, signed):
        raise _signature_error(lake, key, signed)
    return signed.payload


def read_index(lake: Lake, key: str) -> bytes | None:
    """Return an index, which can be rebuilt at any time; None also where its signature is invalid or missing."""
    try:
        return read_record(lake, key)
    except ForgedRecord as forged:
        if lake.signing_keys is None:
            raise
        log.warning("Rebuilding %s: %s", lake.uri(key), forged.sentence)
        return None


def create_record(lake: Lake, key: str, payload: bytes) -> bool:
    """Create a record unless it exists already, signed if the lake has a key; return whether it was created."""
    return lake.create(key, _signed(lake, key, payload))


def replace_index(lake: Lake, key: str, payload: bytes) -> None:
    """Put an index, which can be rebuilt, replacing an existing one."""
    lake.replace(key, _signed(lake, key, payload))


def _signed(lake: Lake, key: str, payload: bytes) -> bytes:
    return lake.signing_keys.sign(key, payload) if lake.signing_keys is not None else payload


def _without_key(lake: Lake, key: str) -> ForgedRecord:
    return ForgedRecord(
        f"{lake.uri(key)} is signed, but this process has no key of the lake, so it cannot tell a genuine record "
        "from a forged one.",
        f"Set {SEAL_ENVIRONMENT}, or the Airflow variable {SEAL_VARIABLE}, to the value that the workers use.",
    )


def _unsigned(lake: Lake, key: str) -> ForgedRecord:
    return ForgedRecord(
        f"{lake.uri(key)} is not signed: it was written before the lake had a key, or by another program.",
        "If the key is new, sign the existing records once: mixpanel-aep lake sign PIPELINE. Otherwise find out which "
        "program wrote it, and restore the lake from a backup, or start another lake with mixpanel-aep recover. Nothing "
        "was changed in AEP.",
    )


def _signature_error(lake: Lake, key: str, signed: Signed) -> ForgedRecord:
    known = lake.signing_keys is not None and signed.key_id in lake.signing_keys.keys
    what = (
        "does not match its signature: it was changed or moved"
        if known
        else f"is signed with the key {signed.key_id}, which is not one of the lake's keys"
    )
    hint = (
        "Find out which program wrote it, and restore it from a backup of the lake, or start another lake with mixpanel-aep recover."
        if known
        else f"After a change of keys, keep the old key in {SEAL_ENVIRONMENT}, after the new one."
    )
    return ForgedRecord(f"{lake.uri(key)} {what}.", f"{hint} Nothing was changed in AEP.")
