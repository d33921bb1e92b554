"""Reads the result of a refresh: the export and the time. ``include.steps.export.export_request`` writes it."""

from __future__ import annotations

import json
from datetime import datetime

from include.errors import BadManifest
from include.json_types import JsonObject
from include.lake.keys import digest_part
from include.lake.lake import Lake
from include.lake.records import read_record


def read_refresh(lake: Lake, key: str) -> JsonObject | None:
    """Return a refresh: ``export`` (a digest), ``at`` (an instant in UTC) and more; None where it is missing.

    Raises:
        BadManifest: the record is unreadable.
    """
    body = read_record(lake, key)
    if body is None:
        return None
    try:
        found = json.loads(body)
        digest_part(found["export"])
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
