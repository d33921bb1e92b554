"""Compute the ``_id`` of an event, which is the same in every export of the event, by a numbered recipe.

Rows that are active in AEP have an ``_id`` of the recipe of their day, and another ``_id`` for the same event would
load the event a second time. So a recipe never changes; a better one gets the next number, and a day keeps its first
recipe until the day is replaced.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import repeat
from json.encoder import encode_basestring as _quote  # the conversion of json.dumps for a string, in C

import msgspec

RECIPE = 2
"""The current recipe. Days whose ledger does not name a recipe were begun with recipe 1."""
RECIPES = (1, RECIPE)

# Source: Mixpanel's default and reserved properties (docs.mixpanel.com, property reference) and the identity merges of
# its id management: a merge rewrites distinct_id and adds marks; the SDK sends $user_id and $device_id.
BEFORE_MERGE = "$distinct_id_before_identity"
MERGE_MARKS = frozenset({"$is_reshuffled", "$preshuffle_distinct_id"})
"""Properties that mark an event that went through a merge."""
MERGE_PROPERTIES = MERGE_MARKS | {
    "distinct_id", BEFORE_MERGE, "$failure_reason", "$failure_description", "$identity_failure_reason",
}  # fmt: skip
"""Properties that an identity merge, or a failed one, rewrites or adds."""
PROCESSING_PROPERTIES = frozenset({
    "mp_processing_time_ms", "$mp_api_timestamp_ms", "$mp_api_endpoint", "$mp_event_size", "$mp_is_forwarded",
    "$import", "mp_sent_by_lib_version",
})  # fmt: skip
"""Properties that describe how an event reached Mixpanel and was processed there, not what happened."""
_NOT_HASHED = MERGE_PROPERTIES | PROCESSING_PROPERTIES | {"time", "$insert_id"}


def event_id(project_id: int, event: str, distinct_id: str, seconds: int, insert_id: str) -> str:
    """Return the ``_id`` of an event with ``$insert_id``, the same in every recipe: a SHA-256 in lower-case hex.

    The hashed text is a canonical JSON array of the project and Mixpanel's de-duplication key, so that different keys
    are always different texts. ``$insert_id`` alone is not unique, not even in Adobe's sample. ``distinct_id``: the id
    as ingested, empty if the event has none; ``seconds``: ``time`` in whole seconds, as Mixpanel stores it.
    """
    return _hash(f"[{project_id},{_quote(event)},{_quote(distinct_id)},{seconds},{_quote(insert_id)}]")


def event_id_without_insert_id(project_id: int, event: str, properties: Mapping[str, str]) -> str:
    """Return the ``_id`` by recipe 1 of an event without ``$insert_id``: a hash of every property, in any order.

    ``properties``: JSON texts by name. An identity merge, or ``time_in_ms``, changes the ``_id``. Byte-identical events
    count as one event.
    """
    parts = [project_id, event, sorted(properties.items())]
    return _hash(json.dumps(parts, ensure_ascii=False, separators=(",", ":")))


def event_id_of_content(
    project_id: int, event: str, distinct_id: str, seconds: int, properties: Mapping[str, str]
) -> str:
    """Return the ``_id`` by recipe 2 of an event without ``$insert_id``: a hash of what Mixpanel does not rewrite.

    ``properties``: JSON texts as received, by name, in any order; the properties of identity merges, processing
    metadata and ``time`` are not hashed. ``distinct_id``, ``seconds``: as in ``event_id``. Events that differ only in
    properties that are not hashed count as one event.
    """
    kept = sorted((name, text) for name, text in properties.items() if name not in _NOT_HASHED)
    pairs = ",".join(f"[{_quote(name)},{_quote(text)}]" for name, text in kept)
    return _hash(f"[{project_id},{_quote(event)},{_quote(distinct_id)},{seconds},[{pairs}]]")


NOT_CONTENT = PROCESSING_PROPERTIES | {"time"}
"""Properties that a content digest does not include."""
_encode_sorted = msgspec.json.Encoder(order="sorted").encode
_encode_lines = msgspec.json.Encoder().encode_lines


def content_digest(event: str, seconds: int, properties: Mapping[str, msgspec.Raw]) -> int:
    """Return the content digest of an event: a signed 64-bit hash, by which two exports of the event are compared.

    It includes every property, in any order, except processing metadata; ``time`` in whole seconds, so that
    ``time_in_ms`` does not change it. An identity merge that rewrites ``distinct_id`` changes it.
    """
    kept = dict(properties)
    for name in NOT_CONTENT:
        kept.pop(name, None)
    body = f"[{_quote(event)},{seconds}]".encode("utf-8", "surrogatepass") + _encode_sorted(kept)
    return int.from_bytes(hashlib.blake2b(body, digest_size=8).digest(), "big", signed=True)


def event_ids(
    project_id: int,
    events: Sequence[str],
    distinct_ids: Sequence[str],
    seconds: Sequence[int],
    insert_ids: Sequence[str],
) -> list[bytes]:
    """Return the ``event_id`` of many events, as 32 bytes each."""
    keys = _lines(zip(repeat(project_id), events, distinct_ids, seconds, insert_ids))
    sha256 = hashlib.sha256
    return [sha256(key).digest() for key in keys]


def compaction_texts(
    events: Sequence[str], distinct_ids: Sequence[str], insert_ids: Sequence[str]
) -> list[bytes]:
    """Return a text for each event; events that Mixpanel's compaction merges by day have equal texts."""
    return _lines(zip(events, distinct_ids, insert_ids, strict=True))


def content_digests(events: Sequence[str], seconds: Sequence[int], lines: Sequence[bytes]) -> bytes:
    """Return the ``content_digest`` of many events, as 8 bytes each, most significant first.

    ``lines``: for each event, the JSON text of the properties that the digest includes, sorted by name.
    """
    blake2b = hashlib.blake2b
    heads = _lines(zip(events, seconds, strict=True))
    return b"".join([
        blake2b(head + line, digest_size=8).digest() for head, line in zip(heads, lines, strict=True)
    ])  # fmt: skip


def _lines(values: Iterable[object]) -> list[bytes]:
    """Return the JSON text of each value; ``msgspec`` encodes them as ``json`` does without ``ensure_ascii``."""
    return _encode_lines(list(values)).split(b"\n")[:-1]


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
