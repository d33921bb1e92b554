"""Reads a mapping set's file: as AEP exports it now, as it did before, or the bare list of mappings."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from include.config.json_file import read_json
from include.errors import ConfigError

MAPPINGS = Path(__file__).parents[1] / "pipelines" / "mappings"

SOURCE_TYPES = {
    "ATTRIBUTE": "ATTRIBUTE",
    "EXPRESSION": "EXPRESSION",
    "STATIC": "STATIC",
    # As answers of the API and older exports write them (EP:data-prep/api/mapping-set.md).
    "TEXT/X.SCHEMA-PATH": "ATTRIBUTE",
    "TEXT/X.AEP-XL": "EXPRESSION",
    "TEXT/PLAIN": "STATIC",
}


def read_mapping_file(name: str, folder: Path | None = None) -> list[dict[str, Any]]:
    """The mappings of a file, each with ``sourceType``, ``source`` and ``destination``.

    Raises:
        ConfigError: there is no such file, or it is no mapping set.
    """
    path = (folder or MAPPINGS) / name
    if not path.is_file():
        raise ConfigError(
            f"There is no mapping file {name} in include/pipelines/mappings.", "Copy shop.json there."
        )
    data = read_json(path)
    rows = data.get("mappings") if isinstance(data, dict) else data
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ConfigError(
            f"{name} holds no list of mappings.", 'Expected {"mappings": [{"sourceType": …}, …]}.'
        )
    return [_current(row) for row in rows]


def _current(row: Mapping[str, Any]) -> dict[str, Any]:
    """A mapping in today's words; what only the API needs is left out."""
    kind = str(row.get("sourceType") or "ATTRIBUTE")
    return {
        "sourceType": SOURCE_TYPES.get(kind.upper(), kind),
        "source": row.get("source", row.get("sourceAttribute")),
        "destination": row.get("destination", row.get("destinationXdmPath")),
        **({"identity": row.get("namespaceCode") or "…"} if row.get("identity") else {}),
    }
