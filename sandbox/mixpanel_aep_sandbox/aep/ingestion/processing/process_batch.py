"""Processing of a completed batch: read every row, validate it against the dataset's schema, and decide the outcome."""

from __future__ import annotations

from mixpanel_aep_sandbox.aep.core.scope import DATASETS, AepSandboxScope
from mixpanel_aep_sandbox.aep.ingestion.batch_limits import find_duplicate_batch, limit_message
from mixpanel_aep_sandbox.aep.ingestion.files import batch_files
from mixpanel_aep_sandbox.aep.ingestion.processing.row_pass import RowPass
from mixpanel_aep_sandbox.aep.ingestion.processing.row_rules import row_rules
from mixpanel_aep_sandbox.aep.ingestion.row_validation.csv_files import EmptyHeader
from mixpanel_aep_sandbox.aep.ingestion.row_validation.json_files import Unreadable
from mixpanel_aep_sandbox.aep.ingestion.row_validation.parquet_files import Incompatible
from mixpanel_aep_sandbox.aep.ingestion.row_validation.rules import RowRules
from mixpanel_aep_sandbox.aep.ingestion.settings import IngestSettings
from mixpanel_aep_sandbox.core.json_types import JsonObject

_NO_FILES = ("133", "Unable to locate any files uploaded for this batch.")
_EMPTY = ("106", "Dataset file is empty. Please upload file with data.")
_EMPTY_HEADER = ("118", "CSV file contains empty header row.")
_DESCRIPTIONS = {
    "1401": "The row has corrupted data and cannot be read or parsed. Fix the corrupted data and try again.",
    "1554": "A value cannot be converted to the type of its field, or is not valid for it.",
    "1555": "A required field is either missing or has a value of null. Add the required field to the input row and try again.",
}


class _Failed(Exception):
    """An error that fails the whole batch, in Catalog's form.

    Attributes:
        error: the code and the description, as Catalog lists them.
    """

    def __init__(self, code: str, description: str) -> None:
        super().__init__(description)
        self.error: JsonObject = {"code": code, "description": description}
        if code.isdecimal():
            self.error["rows"] = []


def process_batch(scope: AepSandboxScope, batch: JsonObject) -> JsonObject:
    """Validate the rows of a batch, and write the ids of valid rows and the diagnostics to the batch's folder.

    Returns:
        An object with these keys. ``state``: ``success`` or ``failed``. ``metrics`` and ``errors``: as Catalog shows
            them. ``files``: for each file the number of all rows (``rows``) and of accepted rows (``good``). ``dates``:
            Catalog's ``availableDates``.
    """
    planned_outcome = batch.get("planned_outcome") or {}
    files = batch_files(scope, batch["id"])
    with RowPass(scope, batch, files) as row_pass:
        try:
            _check_batch(scope, batch, files)
            _read_files(row_pass, files, row_rules(scope, batch["dataset"]))
            if planned_outcome.get("fail"):
                return _outcome(row_pass, "failed", _planned_errors(batch))
            return _batch_result(row_pass)
        except _Failed as failure:
            return _outcome(row_pass, "failed", [failure.error])


def _check_batch(scope: AepSandboxScope, batch: JsonObject, files: list[JsonObject]) -> None:
    """Check that a batch has a dataset and files, exceeds no limit, and is not a duplicate. Raises _Failed."""
    if scope.get(DATASETS, batch["dataset"]) is None:
        raise _Failed("404", f"Dataset {batch['dataset']} no longer exists.")
    if not files:
        raise _Failed(*_NO_FILES)
    if text := limit_message(scope, files):
        raise _Failed("400", text)
    if IngestSettings.of(scope.state).duplicates == "refused" and (
        old := find_duplicate_batch(scope, batch, files)
    ):
        raise _Failed("140", _duplicate_message(old))


def _duplicate_message(batch_id: str) -> str:
    """Return Adobe's error message for a duplicate of the batch ``batch_id`` (knowledge base, ka-26349)."""
    return (
        "An error occurred while processing the batch. Please contact support. Details: The batch has already been"
        f" ingested. The batch [{batch_id}] is detected as a duplicate."
    )


def _planned_errors(batch: JsonObject) -> list[JsonObject]:
    """Return Catalog's errors of a batch whose failure is planned."""
    planned_outcome = batch["planned_outcome"]
    if planned_outcome.get("errors"):
        return list(planned_outcome["errors"])
    if planned_outcome.get("duplicate"):
        return [_Failed("140", _duplicate_message(batch["id"])).error]
    return [{"code": "500", "description": "The batch failed, as planned."}]


def _read_files(row_pass: RowPass, files: list[JsonObject], rules: RowRules) -> None:
    """Validate the rows of all files. Raises _Failed for an unreadable, incompatible or empty file."""
    for number, body in enumerate(files):
        path = body["path"]
        try:
            rows = row_pass.read(number, body, rules) if body["size"] else 0
        except Unreadable as error:
            raise _Failed("INGEST-1401-400", f"File {path} is unreadable: {error}.") from error
        except Incompatible as error:
            text = f"TypeCompatibilityException: in file {path} {error}."
            raise _Failed("INGEST-1554-400", text) from error
        except EmptyHeader as error:
            raise _Failed(*_EMPTY_HEADER) from error
        if not rows:
            raise _Failed(*_EMPTY)


def _batch_result(row_pass: RowPass) -> JsonObject:
    """Return the result of a batch whose rows were read, unless a plan makes it fail.

    It has failed if more rows were rejected than ``partialIngestionPercent`` (default 0) allows.
    """
    lost = 0 if row_pass.planned_outcome.get("silent") else row_pass.lost
    if lost:
        row_pass.codes["1554"] += lost
    listed: list[JsonObject] = row_pass.planned_outcome.get("listed", [])
    if not row_pass.bad + lost:
        return _outcome(row_pass, "success", listed)
    allowed = row_pass.batch["percent"] or 0
    state = "success" if row_pass.bad * 100 <= allowed * row_pass.rows else "failed"
    good = row_pass.rows - row_pass.bad - lost if state == "success" else 0
    return _outcome(row_pass, state, [*_row_errors(row_pass, row_pass.bad + lost, good), *listed])


def _row_errors(row_pass: RowPass, bad: int, good: int) -> list[JsonObject]:
    """Return Catalog's errors of a batch with ``bad`` rejected and ``good`` accepted rows."""
    if not row_pass.batch["diagnostics"]:
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
        for code, count in sorted(row_pass.codes.items())
    ]
    return [{"code": "INGEST-1212-400", "description": text}, *per_code]


def _outcome(row_pass: RowPass, state: str, errors: list[JsonObject]) -> JsonObject:
    """Return the result of ``process_batch``.

    Args:
        row_pass: The finished pass over the rows, with its counts.
        state: ``success`` or ``failed``.
        errors: The errors, as Catalog shows them.
    """
    good = state == "success"
    files = [{"rows": rows, "good": kept if good else 0} for rows, kept in row_pass.per_file]
    failed = row_pass.bad + (0 if row_pass.planned_outcome.get("silent") else row_pass.lost)
    size = sum(body["size"] for body in row_pass.files)
    metrics = {
        "inputByteSize": size,
        "inputFileCount": len(row_pass.files),
        "inputRecordCount": row_pass.rows,
        "outputRecordCount": row_pass.rows - row_pass.bad - row_pass.lost if good else 0,
        "failedRecordCount": failed,
        "outputByteSize": size if good else 0,
        "outputFileCount": len(row_pass.files) if good else 0,
        "partitionCount": 1 if good else 0,
    }
    # Adobe: "Metrics may not be available" for "a legacy promotion path, such as CSV ingestion".
    legacy = row_pass.batch["inputFormat"]["format"] == "csv"
    dates = row_pass.dates.as_available_dates() if good else {}
    return {
        "state": state,
        "metrics": {} if legacy else metrics,
        "errors": errors,
        "files": files,
        "dates": dates,
    }
