"""Batch ingestion: create, fill and complete batches (AdobeDocs/experience-platform-apis, batch-ingestion.yaml)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from include.aep.batch_diagnostics import BatchDiagnostics
from include.aep.catalog import Catalog
from include.aep.failure_reasons import reasons, row_reasons
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
    """Creates, fills, completes, aborts and finds batches. The rows of a batch are not visible before ``complete``."""

    def __init__(
        self,
        http: AepHttp,
        catalog: Catalog,
        access: BatchDiagnostics,
        clock: Clock = SYSTEM_CLOCK,
        limits: UploadLimits | None = None,
    ) -> None:
        self._http = http
        self._catalog = catalog
        self._access = access
        self._uploader = Uploader(http, clock, limits or UploadLimits())

    def find(self, batch_id: str) -> Batch | None:
        """Return the batch with this id; None if AEP does not find it, which can be temporary for a new batch."""
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

        ``file_format`` is ``parquet`` or ``json``: one object per line.
        ``replaces``: ids of the batches that this batch replaces once it is active (AEP calls it replay).
        ``error_threshold_percent``: AEP ingests the batch without its invalid rows while they are at most this percentage,
        from 0 to 100 (EP:ingestion/batch-ingestion/partial.md); 0: one invalid row fails the batch.
        The request is not retried after a lost response: find the batch by its ``externalId`` then.

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
        """Upload a file under ``name``, which may contain directories; an existing file of that name is replaced.

        ``open_file`` opens the file at its first byte and is called for every attempt.

        Raises:
            RequestRefused: the file is empty, or AEP refuses it.
            LakeError: the file has fewer bytes than ``size_bytes``.
        """
        path = (*_BASE, batch_id, "datasets", dataset_id, "files", *name.split("/"))
        failpoint("batch.upload.before")
        self._uploader.upload(path, open_file, size_bytes)
        failpoint("batch.upload.after")

    def complete(self, batch_id: str) -> None:
        """Commit a batch, so that AEP begins to ingest its files; the batch becomes active later. Idempotent."""
        failpoint("batch.complete.before")
        self._http.post_action((*_BASE, batch_id), "complete a batch", "COMPLETE")
        failpoint("batch.complete.after")

    def abort(self, batch_id: str) -> None:
        """Abort a batch that is not completed.

        Raises:
            RequestRefused: the batch is already loaded.
        """
        failpoint("batch.abort.before")
        self._http.post_action((*_BASE, batch_id), "abort a batch", "ABORT")
        failpoint("batch.abort.after")

    def revert(self, batch_id: str) -> None:
        """Remove the rows of an active batch from its dataset."""
        self._http.post_action((*_BASE, batch_id), "revert a batch", "REVERT")

    def why_failed(self, batch_id: str) -> str:
        """Return AEP's reasons for the failure of a batch in one sentence: codes, fields and row counts, no values."""
        return reasons(self._catalog.batch(batch_id), self._access, batch_id)

    def reasons_of_rows(self, batch_id: str) -> Iterator[tuple[str, str]]:
        """Yield the ``_id`` and a reason of each refused row in AEP's diagnostics; reasons contain codes, no values."""
        return row_reasons(self._access, batch_id)

    def failed_rows(self, batch_id: str) -> Iterator[bytes]:
        """Yield the rows of a batch that AEP refused, and the errors of unreadable rows, as AEP stores them.

        Each row is a JSON object with ``_validationErrors`` or ``_errors``. Rows contain customer data: never log them.
        """
        for file in self._access.failed_files(batch_id):
            yield from self._access.failed_rows(batch_id, file.name)
        for file in self._access.row_error_files(batch_id):
            yield from self._access.row_errors(batch_id, file.name)
