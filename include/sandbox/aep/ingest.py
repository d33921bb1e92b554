"""What becomes of a completed batch: every row is read and held against the dataset's schema."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from json.encoder import encode_basestring_ascii
from pathlib import Path
from typing import Any

from include.sandbox.aep.diagnostics import Diagnostics
from include.sandbox.aep.place import DATASETS, Place, files_kind
from include.sandbox.aep.registry_resolve import find, resolve
from include.sandbox.aep.row_check import CORRUPT, PARSING, RowChecker, RowError
from include.sandbox.aep.rows_json import Corrupt, Row, Unreadable, json_array, json_lines
from include.sandbox.aep.rows_parquet import Incompatible, parquet_rows, parquet_suspects

_NO_FILES = {"code": "133", "description": "Unable to locate any files uploaded for this batch.", "rows": []}
_EMPTY = {"code": "106", "description": "Dataset file is empty. Please upload file with data.", "rows": []}
_DESCRIPTIONS = {
    "1401": "The row has corrupted data and cannot be read or parsed. Fix the corrupted data and try again.",
    "1554": "A value cannot be converted to the type of its field, or is not valid for it.",
    "1555": "A required field is either missing or has a value of null. Add the required field to the input row and try again.",
}


class _Failed(Exception):
    """The batch as a whole fails."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(error["description"])
        self.error = error


def ingest(place: Place, batch: dict[str, Any]) -> dict[str, Any]:
    """Reads a batch's files: ``{"state", "metrics", "errors"}``. Leaves ids and diagnostics in its folder."""
    files = batch_files(place, batch["id"])
    work = _Work(place, batch, files)
    forced = batch.get("forced") or {}
    try:
        if not files:
            raise _Failed(_NO_FILES)
        work.run()
        if forced.get("fail"):
            given = forced.get("errors") or [
                {"code": "500", "description": "The batch failed, as asked for."}
            ]
            return work.outcome("failed", given)
        return work.judged()
    except _Failed as failure:
        return work.outcome("failed", [failure.error])
    finally:
        work.close()


def batch_files(place: Place, batch_id: str) -> list[dict[str, Any]]:
    """The files that a batch is made of, in the order of their paths."""
    held = [body for _, body in place.items(files_kind(batch_id)) if not body["open"]]
    return sorted(held, key=lambda body: str(body["path"]))


def result_path(place: Place, batch_id: str, *parts: str) -> Path:
    return place.world.store.file("aep", batch_id, "result", *parts)


def disk_path(place: Place, batch: dict[str, Any], body: dict[str, Any]) -> Path:
    """Where the bytes of an uploaded file are."""
    return place.world.store.file("aep", batch["id"], body["name"])


def read_rows(
    place: Place, batch: dict[str, Any], body: dict[str, Any], resolved: dict[str, Any]
) -> Iterator[Row]:
    """The rows of one uploaded file, as they were sent."""
    path = disk_path(place, batch, body)
    if batch["inputFormat"]["format"] == "parquet":
        return iter(parquet_rows(path, resolved))
    return json_array(path) if batch["inputFormat"].get("isMultiLineJson") else json_lines(path)


def resolved_schema(place: Place, dataset: str) -> dict[str, Any]:
    """The resolved schema of a dataset; empty when the dataset was deleted."""
    body = place.get(DATASETS, dataset)
    schema = find(place, body["schemaRef"]["id"]) if body else None
    return resolve(place, schema) if schema else {}


class _Work:
    """One pass over a batch's rows."""

    def __init__(self, place: Place, batch: dict[str, Any], files: list[dict[str, Any]]) -> None:
        self.place, self.batch, self.files = place, batch, files
        folder = result_path(place, batch["id"], "x").parent
        shutil.rmtree(folder, ignore_errors=True)  # of a run that the end of the process cut off
        self.ids = result_path(place, batch["id"], "ids").open("w", encoding="ascii")
        self.rejected = result_path(place, batch["id"], "rejected").open("w", encoding="ascii")
        self.diagnostics = Diagnostics(folder, batch)
        self.counts: Counter[str] = Counter()
        self.codes: Counter[str] = Counter()
        self.to_lose = int((batch.get("forced") or {}).get("lose", 0))

    def close(self) -> None:
        self.ids.close()
        self.rejected.close()
        self.diagnostics.close()

    def run(self) -> None:
        resolved = resolved_schema(self.place, self.batch["dataset"])
        parquet = self.batch["inputFormat"]["format"] == "parquet"
        checker = RowChecker(resolved, nulls=parquet, now_ms=self.batch["completed"])
        for number, body in enumerate(self.files):
            before = self.counts["rows"]
            try:
                if body["size"]:
                    self._file(number, body, resolved, checker)
            except Unreadable as error:
                text = f"File {body['path']} is unreadable: {error}."
                raise _Failed({"code": "INGEST-1401-400", "description": text}) from error
            except Incompatible as error:
                text = f"TypeCompatibilityException: in file {body['path']} {error}."
                raise _Failed({"code": "INGEST-1554-400", "description": text}) from error
            if self.counts["rows"] == before:
                raise _Failed(_EMPTY)

    def _file(self, number: int, body: dict[str, Any], resolved: dict[str, Any], checker: RowChecker) -> None:
        index = -1
        for index, key in enumerate(self._keys(number, body, resolved, checker)):
            if key is None:
                continue
            if self.to_lose > self.counts["lost"]:
                self.counts["lost"] += 1
                self.rejected.write(f"{number} {index}\n")
                continue
            self.ids.write(key + "\n")
        self.counts["rows"] += index + 1

    def _keys(
        self, number: int, body: dict[str, Any], resolved: dict[str, Any], checker: RowChecker
    ) -> Iterator[str | None]:
        """For every row its ``_id`` as JSON text, or None when it was rejected."""
        parquet = self.batch["inputFormat"]["format"] == "parquet"
        rows: Iterator[Row | str] = (
            parquet_suspects(disk_path(self.place, self.batch, body), resolved, checker.latest_ms)
            if parquet
            else read_rows(self.place, self.batch, body, resolved)
        )
        is_good = checker.is_good
        for index, row in enumerate(rows):
            if isinstance(row, str):
                yield encode_basestring_ascii(row)
            elif isinstance(row, Corrupt):
                message = "Row is corrupted and cannot be read, please fix and resend."
                self._reject(number, index, row, [RowError(PARSING, CORRUPT, "#", message)])
                yield None
            elif not parquet and is_good(row):
                yield _key(row)
            else:
                kept, errors = checker.examine(row)
                if errors:
                    self._reject(number, index, row, errors)
                yield None if errors else _key(kept)

    def _reject(self, number: int, index: int, row: Row, errors: list[RowError]) -> None:
        self.counts["bad"] += 1
        self.codes[errors[0].code] += 1
        self.rejected.write(f"{number} {index}\n")
        self.diagnostics.add(self.files[number]["path"], row, errors)

    def judged(self) -> dict[str, Any]:
        """Success, unless more rows are bad than ``partialIngestionPercent`` allows; none is allowed without it."""
        forced = self.batch.get("forced") or {}
        rows, lost = self.counts["rows"], self.counts["lost"]
        bad = self.counts["bad"] + (0 if forced.get("silent") else lost)
        if lost and not forced.get("silent"):
            self.codes["1554"] += lost
        if not bad:
            return self.outcome("success", [])
        allowed = self.batch["percent"] or 0
        state = "success" if self.counts["bad"] * 100 <= allowed * rows else "failed"
        return self.outcome(state, self._errors(bad, rows - bad if state == "success" else 0))

    def _errors(self, bad: int, good: int) -> list[dict[str, Any]]:
        if not self.batch["diagnostics"]:
            text = (
                "Encountered errors while parsing, converting or otherwise validating the data. Please resend the"
                " data with error diagnostics enabled to collect additional information on failure types"
            )
            return [{"code": "INGEST-1211-400", "description": text}]
        text = (
            f"Encountered {bad} errors in the data. Successfully ingested {good} rows. Please review the associated"
            " diagnostic files for more details."
        )
        per_code = [
            {"code": f"INGEST-{code}-400", "description": _DESCRIPTIONS[code], "recordCount": count}
            for code, count in sorted(self.codes.items())
        ]
        return [{"code": "INGEST-1212-400", "description": text}, *per_code]

    def outcome(self, state: str, errors: list[dict[str, Any]]) -> dict[str, Any]:
        forced = self.batch.get("forced") or {}
        rows, lost = self.counts["rows"], self.counts["lost"]
        failed = self.counts["bad"] + (0 if forced.get("silent") else lost)
        good = rows - self.counts["bad"] - lost if state == "success" else 0
        size = sum(body["size"] for body in self.files)
        metrics = {
            "inputByteSize": size,
            "inputFileCount": len(self.files),
            "inputRecordCount": rows,
            "outputRecordCount": good,
            "failedRecordCount": failed,
            "outputByteSize": size if state == "success" else 0,
            "outputFileCount": len(self.files) if state == "success" else 0,
            "partitionCount": 1 if state == "success" else 0,
        }
        return {"state": state, "metrics": metrics, "errors": errors}


def _key(row: dict[str, Any]) -> str:
    key = row.get("_id", "")
    return encode_basestring_ascii(key if isinstance(key, str) else str(key))
