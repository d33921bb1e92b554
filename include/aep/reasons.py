"""Why AEP refused a batch, in one sentence: codes, fields and counts, never a value."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

import msgspec

from include.aep.access import Access
from include.aep.http import items
from include.aep.model import Batch, RemoteFile
from include.errors import PipelineError
from include.redact import one_line

_MOST_ROWS = 10_000
_MOST_FILES = 5
_MOST_REASONS = 5

# Source: experienceleague.adobe.com, batch ingestion troubleshooting, and "Retrieving data ingestion errors"
_MEANINGS = {
    "106": "a file is empty",
    "133": "no file was uploaded",
    "140": "taken for a duplicate of a batch that is already ingested",
    "1401": "rows cannot be parsed",
    "INGEST-1211-400": "rows have errors",
    "INGEST-1212-400": "rows have errors",
    "INGEST-1401-400": "rows cannot be parsed",
    "INGEST-1555-400": "a required field is missing or null",
}


def reasons(batch: Batch | None, access: Access, batch_id: str) -> str:
    """The most frequent reasons of a batch that failed."""
    said = [_reason(error.code, error.rows) for error in batch.errors] if batch else []
    try:
        counted = _row_reasons(access, batch_id)
    except PipelineError:  # the batch has failed all the same, and its own errors say why
        counted = Counter()
    said += [f"{reason} ({rows} rows)" for reason, rows in counted.most_common(_MOST_REASONS)]
    return "; ".join(dict.fromkeys(said)) or "AEP gives no reason"


def _reason(code: str, rows: int | None) -> str:
    code = _identifier(code) or "an unknown code"
    meaning = f"{code}: {_MEANINGS[code]}" if code in _MEANINGS else code
    return meaning if rows is None else f"{meaning} ({rows} rows)"


def _row_reasons(access: Access, batch_id: str) -> Counter[str]:
    counted: Counter[str] = Counter()
    for file in access.row_error_files(batch_id)[:_MOST_FILES]:
        for error in _errors(access.row_errors(batch_id, file.name), "_errors"):
            code, column = _identifier(error.get("code")), _identifier(error.get("column"))
            counted[" at ".join(filter(None, (code, column))) or "an unknown code"] += 1
    for failed in _parts(access.failed_files(batch_id)):
        for error in _errors(access.failed_rows(batch_id, failed.name), "_validationErrors"):
            keyword, pointer = _identifier(error.get("keyword")), _identifier(error.get("pointerToViolation"))
            counted[" at ".join(filter(None, (keyword, pointer))) or "an unknown rule"] += 1
    return counted


def _parts(files: Iterable[RemoteFile]) -> Iterator[RemoteFile]:
    return islice(files, _MOST_FILES)


def _errors(lines: Iterable[bytes], key: str) -> Iterator[Mapping[str, Any]]:
    for line in islice(lines, _MOST_ROWS):
        try:
            row = msgspec.json.decode(line)
        except (
            msgspec.DecodeError,
            UnicodeDecodeError,
            RecursionError,
        ):  # AEP's file quotes rows that are no JSON
            continue
        yield from items(row.get(key) if isinstance(row, dict) else None)


def _identifier(value: object) -> str:
    """A code, keyword or field path; anything that could be a value is left out."""
    text = str(value) if isinstance(value, str | int) else ""
    return one_line(text, 120) if re.fullmatch(r"[A-Za-z0-9_.:/#$\[\]-]{1,200}", text) else ""
