"""Reader of CSV files, Adobe's legacy path: flat columns with unconverted text values."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from mixpanel_aep_sandbox.aep.ingestion.rows.json_files import Unreadable
from mixpanel_aep_sandbox.core.json_types import JsonObject

if TYPE_CHECKING:
    import _csv


class EmptyHeader(Exception):
    """A CSV file's header has an empty name: "CSV file contains empty header row" (EP:ingestion/batch-ingestion/troubleshooting.md)."""


def csv_rows(path: Path, options: JsonObject) -> Iterator[dict[str, str]]:
    """Yield rows by the names of the header; null markers are omitted. ``options``: an inputFormat.

    Raises Unreadable, or EmptyHeader if a name is missing.
    """
    marker = options.get("nullMarker", "")
    charset = options.get("charset", "UTF-8")
    try:
        with path.open(encoding=charset, newline="") as file:
            reader = _reader(file, options)
            names = _names(reader) if options.get("header", True) in (True, "true") else None
            for cells in reader:
                if not cells:
                    continue  # a blank line
                names = names or [f"_c{number}" for number in range(len(cells))]
                if len(cells) > len(names):
                    raise Unreadable(f"line {reader.line_num} has more values than the header has names")
                yield {name: cell for name, cell in zip(names, cells, strict=False) if cell != marker}
    except (
        csv.Error,
        ValueError,
        TypeError,
    ) as error:  # also for invalid UTF-8, and for a delimiter that is a quote
        raise Unreadable(f"it cannot be read as CSV in {charset}") from error


def _reader(file: TextIO, options: JsonObject) -> _csv.Reader:
    escape = options.get("escape", "\\")
    quote = options.get("quote", '"')
    return csv.reader(
        file,
        delimiter=options.get("delimiter", ","),
        quotechar=quote,
        escapechar=None if escape == quote else escape,
        strict=True,
    )


def _names(reader: _csv.Reader) -> list[str]:
    names = [name.strip() for name in next(reader, [])]
    if not names or not all(names):
        raise EmptyHeader
    return names
