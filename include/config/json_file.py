"""Reads JSON files that pipeline files name: mapping sets and field groups."""

from __future__ import annotations

import json
from pathlib import Path

from include.errors import ConfigError
from include.json_types import JsonObject, JsonValue

_LIMIT_BYTES = 4 * 1024 * 1024


def read_json(path: Path) -> object:
    """Return the content of a JSON file of at most 4 MiB.

    Raises:
        ConfigError: the file is not valid JSON, is too large, or has a duplicate key in an object.
    """
    if path.stat().st_size > _LIMIT_BYTES:
        raise ConfigError(
            f"{path.name} is larger than {_LIMIT_BYTES} bytes, the maximum.",
            "Check that it is the intended file.",
        )
    try:
        value: object = json.loads(
            path.read_text(encoding="utf-8-sig"), object_pairs_hook=_refuse_duplicate_keys
        )
        return value
    except (ValueError, RecursionError) as error:
        raise ConfigError(
            f"{path.name} is not valid JSON: {error}.", "Correct the JSON at that position."
        ) from None


def _refuse_duplicate_keys(pairs: list[tuple[str, JsonValue]]) -> JsonObject:
    unique = dict(pairs)
    if len(unique) < len(pairs):
        names = [name for name, _ in pairs]
        duplicate = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"duplicate key {duplicate!r}")
    return unique
