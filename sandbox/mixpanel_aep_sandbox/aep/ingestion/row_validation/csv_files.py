"""Reader of CSV files, a legacy format of AEP: columns are flat, and their values remain texts."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from mixpanel_aep_sandbox.aep.ingestion.row_validation.json_files import Unreadable
from mixpanel_aep_sandbox.core.json_types import JsonObject

if TYPE_CHECKING:
    import _csv


class EmptyHeader(Exception):
    """The header of a CSV file is missing or has an empty name.

    Adobe: "CSV file contains empty header row" (EP:ingestion/batch-ingestion/troubleshooting.md).
    """


def csv_rows(path: Path, options: JsonObject) -> Iterator[dict[str, str]]:
    """Yield the rows of a CSV file as text values by column name, without values that equal the null marker.

    Args:
        path: The file.
        options: The batch's ``inputFormat``. Without a header, columns are named ``_c0``, ``_c1`` and so on.

    Raises:
        Unreadable: The file is not valid CSV in this format.
        EmptyHeader: The header is missing or has an empty name.
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
    ) as error:  # ValueError: invalid UTF-8; TypeError: the delimiter equals the quote
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
    """Return the column names of the header, which is the next line. Raises EmptyHeader."""
    names = [name.strip() for name in next(reader, [])]
    if not names or not all(names):
        raise EmptyHeader
    return names
