"""Creates, fills and completes batches with the Batch Ingestion API.

Source: AdobeDocs/experience-platform-apis, batch-ingestion.yaml.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from include.aep.batch_diagnostics import BatchDiagnostics
from include.aep.catalog import Catalog
from include.aep.failure_reasons import failure_summary, row_reasons
from include.aep.http import AepHttp
from include.aep.model import Batch
from include.aep.upload import Opener, Uploader, UploadLimits
from include.clock import SYSTEM_CLOCK, Clock
from include.errors import RequestRefused, ServiceUnavailable
from include.failpoint import failpoint
from include.http.response import Response
from include.json_types import JsonObject

_BASE = ("data", "foundation", "import", "batches")
_INPUT_FORMATS: Mapping[str, JsonObject] = {
    "parquet": {"format": "parquet"},
    "json": {"format": "json", "isMultiLineJson": False},  # one object per line
}


class Batches:
    """Creates, fills, completes, aborts and finds the batches of a dataset.

    No row of a batch is readable in AEP before ``complete``.
    """

    def __init__(
        self,
        http: AepHttp,
        catalog: Catalog,
        diagnostics: BatchDiagnostics,
        clock: Clock = SYSTEM_CLOCK,
        limits: UploadLimits | None = None,
    ) -> None:
        self._http = http
        self._catalog = catalog
        self._diagnostics = diagnostics
        self._uploader = Uploader(http, clock, limits or UploadLimits())

    def find(self, batch_id: str) -> Batch | None:
        """Return the batch with this id; None if AEP does not find it, as may happen shortly after its creation."""
        return self._catalog.batch(batch_id)

    def find_by_external_id(self, dataset_id: str, external_id: str) -> tuple[Batch, ...]:
        """Return the batches of a dataset that were created with this ``externalId``, oldest first."""
        return self._catalog.find_batches(dataset_id, external_id)

    def create(
        self,
        dataset_id: str,
        file_format: str,
        external_id: str,
        tags: Mapping[str, Sequence[str]] | None = None,
        *,
        replaces: Sequence[str] = (),
        error_threshold_percent: float = 0,
    ) -> str:
        """Create a batch with error diagnostics and return its id.

        The request is not repeated if its response is lost; the caller then finds the batch by its ``externalId``.

        Args:
            dataset_id: the id of the dataset into which AEP ingests the batch.
            file_format: the format of the batch's files: ``parquet``, or ``json`` with one object per line.
            external_id: the batch's ``externalId``, by which it can be found again.
            tags: the tags of the batch.
            replaces: the ids of the batches that AEP removes when this batch becomes active (AEP calls it replay).
            error_threshold_percent: the percentage of invalid rows, from 0 to 100, up to which AEP ingests the valid
                rows of the batch (EP:ingestion/batch-ingestion/partial.md). With 0, one invalid row fails the batch.

        Raises:
            RequestRefused: the format is not supported.
            ServiceUnavailable: the response does not contain the batch's id.
        """
        if file_format not in _INPUT_FORMATS:
            raise RequestRefused(
                f"A batch cannot contain {file_format!r} files, only {' or '.join(_INPUT_FORMATS)}.",
                "Correct aep.format in the pipeline file.",
            )
        body: JsonObject = {
            "datasetId": dataset_id,
            "externalId": external_id,
            "inputFormat": _INPUT_FORMATS[file_format],
            "enableErrorDiagnostics": True,
        }
        if error_threshold_percent:
            body["partialIngestionPercent"] = error_threshold_percent
        if tags:
            body["tags"] = {name: list(values) for name, values in tags.items()}
        if replaces:
            body["replay"] = {"predecessors": list(replaces), "reason": "replace"}
        failpoint("batch.create.before")
        batch_id = self._http.send_json("POST", _BASE, "create a batch", body, Response.json_object).get("id")
        failpoint("batch.create.after")
        if not isinstance(batch_id, str) or not batch_id:
            raise ServiceUnavailable(
                "AEP created a batch but returned no batch id.",
                "Run the task again; it finds the batch by its externalId.",
            )
        return batch_id

    def upload(self, batch_id: str, dataset_id: str, name: str, open_file: Opener, size_bytes: int) -> None:
        """Upload a file to an open batch; a file that the batch already has under the same name is replaced.

        Args:
            batch_id: the id of the batch.
            dataset_id: the id of the batch's dataset.
            name: the name of the file in the batch, which may contain slashes.
            open_file: opens the file at its first byte; called again for every attempt.
            size_bytes: the size of the file.

        Raises:
            RequestRefused: the file is empty, or AEP refuses it.
            LakeError: the file has fewer bytes than ``size_bytes``.
        """
        path = (*_BASE, batch_id, "datasets", dataset_id, "files", *name.split("/"))
        failpoint("batch.upload.before")
        self._uploader.upload(path, open_file, size_bytes)
        failpoint("batch.upload.after")

    def complete(self, batch_id: str) -> None:
        """Complete a batch, so that AEP begins to ingest it; it becomes active or fails later. Idempotent."""
        failpoint("batch.complete.before")
        self._http.post_action((*_BASE, batch_id), "complete a batch", "COMPLETE")
        failpoint("batch.complete.after")

    def abort(self, batch_id: str) -> None:
        """Abort a batch that has not been completed.

        Raises:
            RequestRefused: the batch is already loaded.
        """
        failpoint("batch.abort.before")
        self._http.post_action((*_BASE, batch_id), "abort a batch", "ABORT")
        failpoint("batch.abort.after")

    def revert(self, batch_id: str) -> None:
        """Revert an active batch: AEP removes its rows from the dataset."""
        self._http.post_action((*_BASE, batch_id), "revert a batch", "REVERT")

    def why_failed(self, batch_id: str) -> str:
        """Return AEP's reasons for the failure of a batch as text: codes, fields and row counts, no values."""
        return failure_summary(self._catalog.batch(batch_id), self._diagnostics, batch_id)

    def reasons_of_rows(self, batch_id: str) -> Iterator[tuple[str, str]]:
        """Yield the ``_id`` and a reason for each refused row in AEP's diagnostics, once for each reason.

        Reasons contain error codes and field names, no values. Rows whose ``_id`` AEP could not read are left out.
        """
        return row_reasons(self._diagnostics, batch_id)

    def failed_rows(self, batch_id: str) -> Iterator[bytes]:
        """Yield the refused rows of a batch, each as a line of JSON: invalid rows, then unparsable rows.

        The JSON objects have AEP's reasons in ``_validationErrors`` or ``_errors``. They contain customer data: never
        log them.
        """
        for file in self._diagnostics.failed_files(batch_id):
            yield from self._diagnostics.failed_rows(batch_id, file.name)
        for file in self._diagnostics.row_error_files(batch_id):
            yield from self._diagnostics.row_errors(batch_id, file.name)
