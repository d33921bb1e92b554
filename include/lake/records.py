"""Reads and writes records: the JSON that a later step believes. This is the one place that signs and verifies them.

Records are manifests, ledgers, refreshes, removals, the description of a history and the lake's id; and the indexes that
can be made again. Without a key (``include.lake.signing_keys``) they are plain JSON. With one, a record is believed if its
signature is valid, or if a signed inventory (``include.lake.unsigned_records``) names its digest: it was there before the key.
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
        ForgedRecord: its signature is wrong or missing; or it has one, and this process has no key.
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
        raise _wrong(lake, key, signed)
    return signed.payload


def read_index(lake: Lake, key: str) -> bytes | None:
    """Return what can be made again at any time; None, too, where its signature is wrong or missing."""
    try:
        return read_record(lake, key)
    except ForgedRecord as forged:
        if lake.signing_keys is None:
            raise
        log.warning("%s is made again: %s", lake.uri(key), forged.sentence)
        return None


def create_record(lake: Lake, key: str, payload: bytes) -> bool:
    """Put a record if there is none yet, signed where there is a key; return False where there is one."""
    return lake.create(key, _signed(lake, key, payload))


def replace_index(lake: Lake, key: str, payload: bytes) -> None:
    """Put what can be made again in place of what is there."""
    lake.replace(key, _signed(lake, key, payload))


def _signed(lake: Lake, key: str, payload: bytes) -> bytes:
    return lake.signing_keys.sign(key, payload) if lake.signing_keys is not None else payload


def _without_key(lake: Lake, key: str) -> ForgedRecord:
    return ForgedRecord(
        f"{lake.uri(key)} is signed, but this process has no key of the lake, so that it cannot tell a true record "
        "from a forged one.",
        f"Set {SEAL_ENVIRONMENT}, or the Airflow variable {SEAL_VARIABLE}, as the workers have it.",
    )


def _unsigned(lake: Lake, key: str) -> ForgedRecord:
    return ForgedRecord(
        f"{lake.uri(key)} is not signed: it was written before the lake had a key, or not by this pipeline.",
        "If the key was set a moment ago, sign what is there, once: mixpanel-aep lake sign PIPELINE. Else find out who "
        "wrote it, and restore the lake from a copy, or begin another lake with mixpanel-aep recover. Nothing was "
        "changed in AEP.",
    )


def _wrong(lake: Lake, key: str, signed: Signed) -> ForgedRecord:
    known = lake.signing_keys is not None and signed.key_id in lake.signing_keys.keys
    what = (
        "does not match its signature: it was changed, or moved from another place"
        if known
        else f"is signed with the key {signed.key_id}, which is not one of the lake's keys"
    )
    hint = (
        "Find out who wrote it, and restore it from a copy of the lake, or begin another lake with mixpanel-aep recover."
        if known
        else f"If keys were changed, keep the old one in {SEAL_ENVIRONMENT}, after the new one."
    )
    return ForgedRecord(f"{lake.uri(key)} {what}.", f"{hint} Nothing was changed in AEP.")
