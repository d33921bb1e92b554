"""Files about rejected rows (EP:ingestion/quality/error-diagnostics.md)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TextIO

from mixpanel_aep_sandbox.aep.ingestion.row_validation.checker import PARSING, RowError
from mixpanel_aep_sandbox.aep.ingestion.row_validation.json_files import Corrupt, Row
from mixpanel_aep_sandbox.aep.ingestion.row_validation.row_messages import schema_location
from mixpanel_aep_sandbox.core.json_types import JsonObject

_MOST_ROWS = 100_000
"""Maximum number of rejected rows in each file [I], so that the files cannot fill the disk."""
_SAMPLES = 100


class Diagnostics:
    """Writes the files in which a client can read the rejected rows of a batch and their errors.

    All rejected rows are in ``failed/part-*``. If the batch was created with error diagnostics, they are also in
    ``meta/row_errors/*``.
    """

    def __init__(self, folder: Path, batch: JsonObject) -> None:
        self._folder, self._wanted = folder, batch["diagnostics"]
        self._open: dict[str, TextIO] = {}
        self._rows: dict[str, int] = {}
        self._part = f"part-00000-{batch['id'].lower()}-c000.json"

    def add(self, file_path: str, row: Row, errors: list[RowError]) -> None:
        """Write a rejected row of the file ``file_path``, with its errors."""
        plain = {"_corrupt_record": row.text} if isinstance(row, Corrupt) else row
        if self._wanted:
            name = f"{errors[0].kind}_errors_0.json"
            body = {**plain, "_errors": [_error(each) for each in errors], "_filename": file_path}
            self._write(f"meta/row_errors/{name}", body, _MOST_ROWS)
            self._write("meta/row_error_samples.json", body, _SAMPLES)
        violations = [_violation(each) for each in errors]
        self._write(f"failed/{self._part}", {**plain, "_validationErrors": violations}, _MOST_ROWS)

    def close(self) -> None:
        """Close all files that were written."""
        for file in self._open.values():
            file.close()

    def _write(self, name: str, body: JsonObject, most: int) -> None:
        """Append a JSON line to a file, unless the file already has ``most`` lines."""
        self._rows[name] = self._rows.get(name, 0) + 1
        if self._rows[name] > most:
            return
        if name not in self._open:
            path = self._folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            self._open[name] = path.open("w", encoding="utf-8")
        # The output is ASCII, because a row may contain lone surrogates, which UTF-8 cannot encode.
        self._open[name].write(_json(body) + "\n")


def _json(body: JsonObject) -> str:
    """Return a row as JSON text in ASCII."""
    try:
        return json.dumps(body, default=str, allow_nan=False)
    except ValueError:
        # JSON has no number for a NaN of a Parquet row or for 1e400: such values are written as texts.
        return json.dumps(json.loads(json.dumps(body, default=str), parse_constant=str))


def _error(error: RowError) -> JsonObject:
    """Return an error of a row in the form in which the files ``meta/row_errors`` contain it."""
    body = {"code": error.code, "message": error.message}
    return body if error.kind == PARSING else {**body, "column": error.column}


def _violation(error: RowError) -> JsonObject:
    """Return an error of a row in the form in which the files ``failed/part-*`` contain it."""
    return {
        "causingExceptions": [],
        "keyword": error.keyword,
        "message": error.message,
        "pointerToViolation": error.pointer,
        "schemaLocation": schema_location(error.pointer),
    }
