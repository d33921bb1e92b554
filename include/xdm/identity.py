"""The identity of an event: the same ``_id`` whenever and however often the event is exported."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from json.encoder import encode_basestring as _quote  # what json.dumps does to a string, in C

RECIPE = 1


def event_id(project_id: int, event: str, distinct_id: str, seconds: int, insert_id: str) -> str:
    """Lower-case hex SHA-256 over Mixpanel's own de-duplication key and the project.

    The parts are hashed as a canonical JSON array, so that no choice of texts can make two keys alike.
    ``distinct_id`` is the id as ingested; ``$insert_id`` alone is not unique, in Adobe's own sample either.
    """
    return _hash(f"[{project_id},{_quote(event)},{_quote(distinct_id)},{seconds},{_quote(insert_id)}]")


def event_id_without_insert_id(project_id: int, event: str, properties: Mapping[str, str]) -> str:
    """For events of old SDKs: over the whole event, ``properties`` being JSON texts by name, in any order.

    Byte-identical events collapse into one, which is all that can be known of them.
    """
    parts = [project_id, event, sorted(properties.items())]
    return _hash(json.dumps(parts, ensure_ascii=False, separators=(",", ":")))


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
