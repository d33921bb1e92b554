"""Summarizes why AEP rejected a batch or its rows, with error codes, field names and row counts, and without values."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

import msgspec

from include.aep.batch_diagnostics import BatchDiagnostics
from include.aep.http import objects_in
from include.aep.model import Batch
from include.errors import PipelineError
from include.plural import counted
from include.redact import one_line

_MOST_ROWS = 10_000
_MOST_FILES = 5
_MOST_REASONS = 5

# Source: experienceleague.adobe.com, batch ingestion troubleshooting, and "Retrieving data ingestion errors"
_MEANINGS = {
    "106": "a file is empty",
    "133": "no file was uploaded",
    "140": "AEP considers it a duplicate of an ingested batch",
    "1401": "rows cannot be parsed",
    "INGEST-1211-400": "rows have errors",
    "INGEST-1212-400": "rows have errors",
    "INGEST-1401-400": "rows cannot be parsed",
    "INGEST-1555-400": "a required field is missing or null",
}


def failure_summary(batch: Batch | None, diagnostics: BatchDiagnostics, batch_id: str) -> str:
    """Return the reasons for the failure of a batch, separated by semicolons: codes, fields and row counts, no values.

    They are the errors of the catalog's ``batch`` (none if it is None), then the five most frequent errors of its rows.
    """
    clauses = catalog_errors(batch) if batch else []
    try:
        of_rows = _row_reasons(diagnostics, batch_id)
    except PipelineError:  # the batch's own errors still give reasons
        of_rows = Counter()
    clauses += [f"{reason} ({counted(rows, 'row')})" for reason, rows in of_rows.most_common(_MOST_REASONS)]
    return "; ".join(dict.fromkeys(clauses)) or "AEP reports no reason"


def catalog_errors(batch: Batch) -> list[str]:
    """Return a clause for each error in the catalog's entry of a batch, with its code and row count, without values."""
    return [_reason(error.code, error.rows) for error in batch.errors]


def _reason(code: str, rows: int | None) -> str:
    code = _identifier(code) or "an unknown code"
    if code in _MEANINGS:
        meaning = f"{code}: {_MEANINGS[code]}"
    else:
        meaning = f"error code {code}" if code.isdigit() else code
    return meaning if rows is None else f"{meaning} ({counted(rows, 'row')})"


def _row_reasons(diagnostics: BatchDiagnostics, batch_id: str) -> Counter[str]:
    return Counter(
        reason for _, reason in _refused_row_errors(diagnostics, batch_id, _MOST_FILES, _MOST_ROWS)
    )


def row_reasons(diagnostics: BatchDiagnostics, batch_id: str) -> Iterator[tuple[str, str]]:
    """Yield the ``_id`` and a reason for each refused row in AEP's diagnostics, once for each reason.

    AEP documents its diagnostics as samples, so refused rows may be missing. Rows without a readable ``_id`` are left
    out.
    """
    for row, reason in _refused_row_errors(diagnostics, batch_id, None, None):
        if isinstance(key := row.get("_id"), str):
            yield key, reason


def _refused_row_errors(
    diagnostics: BatchDiagnostics, batch_id: str, files: int | None, rows: int | None
) -> Iterator[tuple[Mapping[str, object], str]]:
    """Yield each refused row once for each of its errors, with the error's code and field.

    ``files``: the maximum number of files to read of each kind (unparsable rows, invalid rows). ``rows``: the maximum
    number of rows to read from each file. None: no maximum.
    """
    for file in diagnostics.row_error_files(batch_id)[:files]:
        for row in _rows(diagnostics.row_errors(batch_id, file.name), rows):
            for error in objects_in(row.get("_errors")):
                yield row, _code_at_field(error, "code", "column") or "an unknown code"
    for file in diagnostics.failed_files(batch_id)[:files]:
        for row in _rows(diagnostics.failed_rows(batch_id, file.name), rows):
            for error in objects_in(row.get("_validationErrors")):
                yield row, _code_at_field(error, "keyword", "pointerToViolation") or "an unknown rule"


def _code_at_field(error: Mapping[str, object], code_key: str, field_key: str) -> str:
    """Return ``CODE at FIELD`` for an error of a row; a part that may be a value of the row is left out."""
    return " at ".join(filter(None, (_identifier(error.get(code_key)), _identifier(error.get(field_key)))))


def _rows(lines: Iterable[bytes], most: int | None) -> Iterator[Mapping[str, object]]:
    for line in islice(lines, most):
        try:
            row = msgspec.json.decode(line)
        except (
            msgspec.DecodeError,
            UnicodeDecodeError,
            RecursionError,
        ):  # AEP's file quotes rows that are not JSON
            continue
        if isinstance(row, dict):
            yield row


def _identifier(value: object) -> str:
    """Return ``value`` as text if it has the form of a code, keyword or field path; "" if it could be customer data."""
    text = str(value) if isinstance(value, str | int) else ""
    return one_line(text, 120) if re.fullmatch(r"[A-Za-z0-9_.:/#$\[\]-]{1,200}", text) else ""
