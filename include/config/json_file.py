"""Reads the JSON files beside the pipeline files: mapping sets and field groups."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from include.errors import ConfigError

_LIMIT_BYTES = 4 * 1024 * 1024


def read_json(path: Path) -> Any:
    """What a JSON file holds.

    Raises:
        ConfigError: it is none, is far too large, or has a key twice, of which one would silently be lost.
    """
    if path.stat().st_size > _LIMIT_BYTES:
        raise ConfigError(
            f"{path.name} is larger than {_LIMIT_BYTES} bytes.", "Look what was written into it."
        )
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"), object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path.name} is no JSON: {error}.", "Correct the file.") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!r} is there a second time")
    return made
