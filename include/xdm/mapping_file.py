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


def read_mapping_file(
    name: str, folder: Path | None = None, *, within: tuple[str, ...] = ()
) -> list[dict[str, Any]]:
    """The mappings of a file, each with ``sourceType``, ``source`` and ``destination``.

    Those of the files that it includes come first, without those whose destination a later file or the file itself
    fills. ``within``: the files that include this one.

    Raises:
        ConfigError: there is no such file, it is no mapping set, or it includes itself.
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
    made: list[dict[str, Any]] = []
    for included in _included(name, data, within):
        made = _over(made, read_mapping_file(included, folder, within=(*within, name)))
    return _over(made, [_current(row) for row in rows])


def _over(before: list[dict[str, Any]], rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The mappings of both, of one destination the later one; two of one file are for ``bind`` to refuse."""
    filled = {row["destination"] for row in rows if isinstance(row["destination"], str)}
    return [*(row for row in before if row["destination"] not in filled), *rows]


def _included(name: str, data: Any, within: tuple[str, ...]) -> list[str]:
    included = data.get("include", []) if isinstance(data, dict) else []
    if not isinstance(included, list) or not all(
        isinstance(each, str) and Path(each).name == each for each in included
    ):
        raise ConfigError(
            f"{name} has an include that is not a list of names of mapping files.",
            'Write "include": ["web.json"]; the files are in include/pipelines/mappings.',
        )
    if twice := next((each for each in included if each in (*within, name)), None):
        raise ConfigError(f"{name} includes {twice}, which includes it.", "Remove one of the two.")
    return included


def _current(row: Mapping[str, Any]) -> dict[str, Any]:
    """A mapping in today's words; what only the API needs is left out."""
    kind = str(row.get("sourceType") or "ATTRIBUTE")
    return {
        "sourceType": SOURCE_TYPES.get(kind.upper(), kind),
        "source": row.get("source", row.get("sourceAttribute")),
        "destination": row.get("destination", row.get("destinationXdmPath")),
        **({"identity": row.get("namespaceCode") or "…"} if row.get("identity") else {}),
    }
