"""Read mapping files: in the current and earlier formats of AEP's API and UI, or as a list of mappings only."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path

from include.config.json_file import read_json
from include.errors import ConfigError
from include.json_types import JsonMapping, JsonObject
from include.xdm.dataprep.language.check import event_paths
from include.xdm.dataprep.language.errors import LanguageError
from include.xdm.dataprep.language.paths import parse_path

MAPPINGS = Path(__file__).parents[2] / "pipelines" / "mappings"

SOURCE_TYPES = {
    "ATTRIBUTE": "ATTRIBUTE",
    "EXPRESSION": "EXPRESSION",
    "STATIC": "STATIC",
    # Names in responses of the API and in older exports (EP:data-prep/api/mapping-set.md).
    "TEXT/X.SCHEMA-PATH": "ATTRIBUTE",
    "TEXT/X.AEP-XL": "EXPRESSION",
    "TEXT/PLAIN": "STATIC",
}


def read_mapping_file(
    name: str, folder: Path | None = None, *, within: tuple[str, ...] = ()
) -> list[JsonObject]:
    """Read a mapping file; return its mappings, each with ``sourceType``, ``source`` and ``destination``.

    The mappings of included files come first. A later file, or the file itself, replaces their mappings to the same
    destination. ``within``: the files that include this one.

    Raises:
        ConfigError: the file is missing, is not a mapping set, or includes itself.
    """
    path = (folder or MAPPINGS) / name
    if not path.is_file():
        raise ConfigError(
            f"Mapping file {name} was not found in include/pipelines/mappings.",
            "Create it, for example as a copy of shop.json.",
        )
    if path.suffix == ".csv":
        return [current_row(row) for row in _csv_rows(path)]
    data = read_json(path)
    rows = data.get("mappings") if isinstance(data, dict) else data
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ConfigError(
            f"{name} does not contain a list of mappings.", 'Write {"mappings": [{"sourceType": …}, …]}.'
        )
    made: list[JsonObject] = []
    for included in _included(name, data, within):
        made = _merge_rows(made, read_mapping_file(included, folder, within=(*within, name)))
    return _merge_rows(made, [current_row(row) for row in rows])


def _merge_rows(before: list[JsonObject], rows: list[JsonObject]) -> list[JsonObject]:
    """Return the mappings of both lists; a mapping in ``rows`` replaces one in ``before`` to the same destination.

    Two mappings of one file to one destination are kept, and ``bind`` refuses them.
    """
    filled = {row["destination"] for row in rows if isinstance(row["destination"], str)}
    return [*(row for row in before if row["destination"] not in filled), *rows]


def _included(name: str, data: object, within: tuple[str, ...]) -> list[str]:
    included = data.get("include", []) if isinstance(data, dict) else []
    if not isinstance(included, list) or not all(
        isinstance(each, str) and Path(each).name == each for each in included
    ):
        raise ConfigError(
            f"{name} has an include that is not a list of mapping file names.",
            'Write "include": ["web.json"]; the files are in include/pipelines/mappings.',
        )
    if twice := next((each for each in included if each in (*within, name)), None):
        raise ConfigError(f"{name} includes {twice}, which includes it.", "Remove one of the two includes.")
    return [str(each) for each in included]


def current_row(row: JsonMapping) -> JsonObject:
    """Return a mapping with the keys of AEP's current API, without those that have no meaning in a file."""
    kind = str(row.get("sourceType") or "ATTRIBUTE")
    return {
        "sourceType": SOURCE_TYPES.get(kind.upper(), kind),
        "source": row.get("source", row.get("sourceAttribute")),
        "destination": row.get("destination", row.get("destinationXdmPath")),
        **({"identity": row.get("namespaceCode") or ""} if row.get("identity") else {}),
    }


_HEADERS = {
    "sourceType": ("sourcetype", "mappingtype", "type"),
    "source": ("source", "sourcefield", "sourceattribute", "sourcedata", "sourcepath"),
    "destination": ("destination", "targetfield", "destinationxdmpath", "target", "targetxdmfield", "xdmfield", "targetpath"),
    "identity": ("identity", "isidentity"),
    "namespaceCode": ("namespacecode", "identitynamespace", "namespace"),
}  # fmt: skip
_MOST_BYTES = 5_000_000


def _csv_rows(path: Path) -> Iterator[JsonObject]:
    """Yield the rows of a CSV file as AEP's mapping screen downloads it (EP:data-prep/ui/mapping.md#import-mapping).

    [I] Adobe shows the columns only in a picture, so they are recognized by name in any spelling. Without a column for
    the source type, a source that is a path is an attribute, and any other source is an expression.
    """
    if path.stat().st_size > _MOST_BYTES:
        raise ConfigError(
            f"{path.name} is larger than {_MOST_BYTES} bytes, the maximum for a mapping file.",
            "Check that the file is a mapping set.",
        )
    try:
        lines = list(csv.reader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error):
        raise ConfigError(
            f"{path.name} cannot be read as CSV.", "Save it as a comma-separated file in UTF-8."
        ) from None
    columns = _columns(lines[0] if lines else [])
    if not columns.keys() >= {"source", "destination"}:
        raise ConfigError(
            f"{path.name} has no columns for source and destination in its first line.",
            "Name them source and destination, or as AEP's mapping screen downloads them.",
        )
    for cells in lines[1:]:
        row: JsonObject = {key: cells[at].strip() for key, at in columns.items() if at < len(cells)}
        if not row.get("source") and not row.get("destination"):
            continue
        row["identity"] = row.get("identity", "").lower() in ("true", "yes", "1")
        if not row.get("sourceType"):
            row["sourceType"] = "ATTRIBUTE" if _is_path(row.get("source", "")) else "EXPRESSION"
        yield row


def _columns(header: list[str]) -> dict[str, int]:
    """Return the index of each recognized column of a CSV file, by the mapping key that the column fills."""
    plain = [re.sub(r"[^a-z]", "", name.lower()) for name in header]
    return {
        key: plain.index(name) for key, names in _HEADERS.items() for name in names[::-1] if name in plain
    }


def _is_path(source: str) -> bool:
    try:
        event_paths(parse_path(source))
    except LanguageError:
        return False
    return re.search(r"[()'\"+]", source) is None
