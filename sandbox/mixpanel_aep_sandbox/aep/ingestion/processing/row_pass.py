"""One pass over the rows of a batch: count them, and write the ids of accepted and the errors of rejected rows."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from json.encoder import encode_basestring_ascii
from types import TracebackType

from mixpanel_aep_sandbox.aep.core.scope import AepSandboxScope
from mixpanel_aep_sandbox.aep.ingestion.files import disk_path, raw_rows, result_path
from mixpanel_aep_sandbox.aep.ingestion.processing.available_dates import TimeRange
from mixpanel_aep_sandbox.aep.ingestion.processing.diagnostics import Diagnostics
from mixpanel_aep_sandbox.aep.ingestion.row_validation.checker import (
    CORRUPT,
    PARSING,
    VALIDATION,
    WRONG,
    RowChecker,
    RowError,
)
from mixpanel_aep_sandbox.aep.ingestion.row_validation.csv_files import csv_rows
from mixpanel_aep_sandbox.aep.ingestion.row_validation.json_files import Corrupt, Row, row_of
from mixpanel_aep_sandbox.aep.ingestion.row_validation.json_schema import kind_of
from mixpanel_aep_sandbox.aep.ingestion.row_validation.parquet_files import Incompatible, parquet_ids_or_rows
from mixpanel_aep_sandbox.aep.ingestion.row_validation.rules import RowRules
from mixpanel_aep_sandbox.aep.ingestion.settings import IngestSettings
from mixpanel_aep_sandbox.core.json_types import JsonObject

_CORRUPT = "Row is corrupted and cannot be read, please fix and resend."
_AS_PLANNED = RowError(VALIDATION, WRONG, "#/_id", "The row is refused, as planned.", "planned")


class RowPass:
    """Reads and validates the rows of a batch once; writes the ids of accepted and the errors of rejected rows.

    Attributes:
        rows: the number of rows in the files that were read.
        bad: the number of rejected rows.
        lost: the number of valid rows that a planned outcome loses.
        refused: the number of valid rows that a planned outcome rejects; ``bad`` includes them.
        codes: the number of rejected rows for each error code.
        dates: the times of the accepted rows.
    """

    def __init__(self, scope: AepSandboxScope, batch: JsonObject, files: list[JsonObject]) -> None:
        self.scope, self.batch, self.files = scope, batch, files
        self.planned_outcome: JsonObject = batch.get("planned_outcome") or {}
        self.rows = self.bad = self.lost = self.refused = 0
        self.codes: Counter[str] = Counter()
        self.per_file: list[tuple[int, int]] = []
        """For each file, the numbers of all rows and of accepted rows."""
        self.dates = TimeRange()
        self._settings = IngestSettings.of(scope.state)
        folder = result_path(scope, batch["id"], "x").parent
        shutil.rmtree(folder, ignore_errors=True)  # left by a processing that was interrupted
        self._ids = result_path(scope, batch["id"], "ids").open("w", encoding="ascii")
        self._rejected = result_path(scope, batch["id"], "rejected").open("w", encoding="ascii")
        self._diagnostics = Diagnostics(folder, batch)

    def __enter__(self) -> RowPass:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ids.close()
        self._rejected.close()
        self._diagnostics.close()

    def read(self, number: int, body: JsonObject, rules: RowRules) -> int:
        """Validate all rows of one file, and return their number.

        Args:
            number: The index of the file in the batch, from 0.
            body: The document of the file.
            rules: The rules for the rows.

        Raises:
            Unreadable, Incompatible, EmptyHeader: The whole file is invalid.
        """
        rows = kept = 0
        for rows, key in enumerate(self._ids_of_rows(number, body, rules), 1):
            if key is None:
                self._rejected.write(f"{number} {rows - 1}\n")
            elif self.refused < self.planned_outcome.get("refuse", 0):
                self.refused += 1
                self._reject(number, {"_id": json.loads(key)}, [_AS_PLANNED])
                self._rejected.write(f"{number} {rows - 1}\n")
            elif self.lost < self.planned_outcome.get("lose", 0):
                self.lost += 1
                self._rejected.write(f"{number} {rows - 1}\n")
            else:
                kept += 1
                self._ids.write(key + "\n")
        self.rows += rows
        self.per_file.append((rows, kept))
        return rows

    def _ids_of_rows(self, number: int, body: JsonObject, rules: RowRules) -> Iterator[str | None]:
        """Yield for every row of a file its ``_id`` as a JSON string with quotes, or None if the row is rejected."""
        if self.batch["inputFormat"]["format"] == "csv":
            return self._ids_of_csv_rows(body, rules.schema)
        parquet = self.batch["inputFormat"]["format"] == "parquet"
        checker = RowChecker(rules, self._settings, nulls=parquet, now_ms=self.batch["completed"])
        read = self._ids_of_parquet_rows if parquet else self._ids_of_json_rows
        return read(number, body, rules, checker)

    def _ids_of_json_rows(
        self, number: int, body: JsonObject, rules: RowRules, checker: RowChecker
    ) -> Iterator[str | None]:
        """Yield the ids of the rows of a JSON file, as ``_ids_of_rows``.

        The fast reader accepts rows that are certainly valid. All other rows are checked completely.
        """
        from mixpanel_aep_sandbox.aep.ingestion.row_validation.json_fast import (
            FastRows,
        )  # imported late, for a quick start

        fast = FastRows(
            rules,
            latest_ms=checker.latest_ms,
            known_only=self._settings.unknown_fields == "refused",
            most_fields=self._settings.most_fields,
        )
        read, add = fast.read_valid_row, self.dates.add
        for raw in raw_rows(disk_path(self.scope, body), self.batch["inputFormat"]):
            valid = read(raw)
            if valid is None:
                yield self._check_completely(number, row_of(raw), checker)
            else:
                add(valid[1])
                yield valid[0]

    def _ids_of_parquet_rows(
        self, number: int, body: JsonObject, rules: RowRules, checker: RowChecker
    ) -> Iterator[str | None]:
        """Yield the ids of the rows of a Parquet file, as ``_ids_of_rows``.

        Checks of whole columns accept rows that are certainly valid. All other rows are checked completely.
        """
        path = disk_path(self.scope, body)
        for row in parquet_ids_or_rows(path, rules, checker, self.dates):
            yield (
                encode_basestring_ascii(row)
                if isinstance(row, str)
                else self._check_completely(number, row, checker)
            )

    def _ids_of_csv_rows(self, body: JsonObject, resolved: JsonObject) -> Iterator[str]:
        """Yield the ids of the rows of a CSV file.

        As in AEP, only "preliminary checks" are made (EP:ingestion/batch-ingestion/troubleshooting.md).

        Raises:
            Incompatible: a column is not a flat field of the schema.
        """
        fields = resolved.get("properties", {})
        for row in csv_rows(disk_path(self.scope, body), self.batch["inputFormat"]):
            for name in row:
                if kind_of(fields.get(name, {"type": "object"})) in ("object", "map", "array"):
                    raise Incompatible(f"column {name} is not a flat field of the schema")
            yield encode_basestring_ascii(row.get("_id", ""))

    def _check_completely(self, number: int, row: Row, checker: RowChecker) -> str | None:
        """Check one row completely; return its ``_id`` as a JSON string, or record its errors and return None."""
        if isinstance(row, Corrupt):
            self._reject(number, row, [RowError(PARSING, CORRUPT, "#", _CORRUPT)])
            return None
        kept, errors = checker.check_row(row)
        if errors:
            self._reject(number, row, errors)
            return None
        self.dates.add(kept.get("timestamp"))
        return encode_basestring_ascii(str(kept.get("_id", "")))

    def _reject(self, number: int, row: Row, errors: list[RowError]) -> None:
        """Count a rejected row by the code of its first error, and write its diagnostics."""
        self.bad += 1
        self.codes[errors[0].code] += 1
        self._diagnostics.add(self.files[number]["path"], row, errors)
