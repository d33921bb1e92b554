"""Read and write records, the JSON objects in the lake that later steps trust. Only this module signs and verifies.

Records are the manifests, the ledgers, the results of refreshes, the announcements of removals, the file
``history.json`` of each history, the lake's id, and the indexes, which can be rebuilt. Without a signing key
(``include.lake.signing_keys``) they are plain JSON. With a key, a record is trusted if its signature is valid, or if it
is older than the key and a signed list of such records (``include.lake.unsigned_records``) contains its digest.
"""

from __future__ import annotations

import logging

from include.errors import ForgedRecord
from include.lake.lake import Lake
from include.lake.signing_keys import (
    SIGNING_KEYS_ENVIRONMENT,
    SIGNING_KEYS_VARIABLE,
    SignedRecord,
    split_signature,
)
from include.lake.unsigned_records import is_listed

log = logging.getLogger(__name__)


def read_record(lake: Lake, key: str) -> bytes | None:
    """Verify a record, and return its JSON without the signature; None if the object is missing.

    Raises:
        ForgedRecord: the signature is invalid or missing, or the record is signed and this process has no key.
    """
    body = lake.read(key)
    if body is None:
        return None
    signed = split_signature(body)
    if lake.signing_keys is None:
        if signed.key_id is not None:
            raise _no_key_error(lake, key)
        return body
    if signed.key_id is None:
        if not is_listed(lake, key, body):
            raise _unsigned_error(lake, key)
        return body
    if not lake.signing_keys.verifies(key, signed):
        raise _signature_error(lake, key, signed)
    return signed.payload


def read_index(lake: Lake, key: str) -> bytes | None:
    """Return the JSON of an index, or None if it is missing or has no valid signature: the caller then rebuilds it.

    Raises:
        ForgedRecord: the index is signed, and this process has no key.
    """
    try:
        return read_record(lake, key)
    except ForgedRecord as forged:
        if lake.signing_keys is None:
            raise
        log.warning("Rebuilding %s: %s", lake.uri(key), forged.sentence)
        return None


def create_record(lake: Lake, key: str, payload: bytes) -> bool:
    """Create a record unless it exists, and return whether it was created. It is signed if the lake has a signing key.

    ``payload``: a JSON object, as bytes.
    """
    return lake.create(key, _signed(lake, key, payload))


def replace_index(lake: Lake, key: str, payload: bytes) -> None:
    """Write an index, replacing an existing one. It is signed if the lake has a signing key.

    ``payload``: a JSON object, as bytes.
    """
    lake.replace(key, _signed(lake, key, payload))


def _signed(lake: Lake, key: str, payload: bytes) -> bytes:
    return lake.signing_keys.sign(key, payload) if lake.signing_keys is not None else payload


def _no_key_error(lake: Lake, key: str) -> ForgedRecord:
    return ForgedRecord(
        f"{lake.uri(key)} is signed, but this process has no signing key of the lake, so it cannot verify the record.",
        f"Set {SIGNING_KEYS_ENVIRONMENT}, or the Airflow variable {SIGNING_KEYS_VARIABLE}, to the value that the workers use.",
    )


def _unsigned_error(lake: Lake, key: str) -> ForgedRecord:
    return ForgedRecord(
        f"{lake.uri(key)} is not signed: it was written before the lake had a key, or by another program.",
        "If the key is new, sign the existing records once: mixpanel-aep lake sign PIPELINE. Otherwise find out which "
        "program wrote it, and restore the lake from a backup, or start another lake with mixpanel-aep recover. Nothing "
        "was changed in AEP.",
    )


def _signature_error(lake: Lake, key: str, signed: SignedRecord) -> ForgedRecord:
    known = lake.signing_keys is not None and signed.key_id in lake.signing_keys.keys
    what = (
        "does not match its signature: it was changed or moved"
        if known
        else f"is signed with the key {signed.key_id}, which is not one of the lake's keys"
    )
    hint = (
        "Find out which program wrote it, and restore it from a backup of the lake, or start another lake with mixpanel-aep recover."
        if known
        else f"After a change of keys, keep the old key in {SIGNING_KEYS_ENVIRONMENT}, after the new one."
    )
    return ForgedRecord(f"{lake.uri(key)} {what}.", f"{hint} Nothing was changed in AEP.")
