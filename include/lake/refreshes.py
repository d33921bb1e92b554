"""Read the result of a refresh: which export the refresh selected, and when.

``include.steps.export.export_request`` writes it.
"""

from __future__ import annotations

import json
from datetime import datetime

from include.errors import BadManifest
from include.json_types import JsonObject
from include.lake.keys import require_digest
from include.lake.lake import Lake
from include.lake.records import read_record


def read_refresh(lake: Lake, key: str) -> JsonObject | None:
    """Return the result of a refresh, or None if the record is missing.

    Returns:
        A JSON object with ``export``, the digest of the selected export, ``at``, the time of the refresh in ISO 8601,
        and further members.

    Raises:
        BadManifest: the record is unreadable.
    """
    body = read_record(lake, key)
    if body is None:
        return None
    try:
        found = json.loads(body)
        require_digest(found["export"])
        moments = [datetime.fromisoformat(found[name]) for name in ("at", "seen_until") if name in found]
        is_readable = "at" in found and all(moment.tzinfo is not None for moment in moments)
    except (ValueError, TypeError, KeyError):
        is_readable = False
    if not is_readable:
        raise BadManifest(
            f"{lake.uri(key)} is not a readable record of a refresh.",
            "The record was changed. Move it out of the lake; the next run then exports the day again.",
        )
    return dict(found)
