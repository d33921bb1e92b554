"""Reads the rows of a batch that AEP refused, and the reasons, from the Data Access API.

Source: AdobeDocs/experience-platform-apis, data-access.yaml.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing

import urllib3

from include.aep.http import AepHttp, objects_in
from include.aep.model import RemoteFile
from include.errors import ServiceUnavailable
from include.http.line_splitter import LineSplitter
from include.http.response import Response

_BASE = ("data", "foundation", "export", "batches")


class BatchDiagnostics:
    """Reads the error files of a batch, in which AEP stores the refused rows for 30 days.

    The rows contain customer data: never log them.
    """

    def __init__(self, http: AepHttp) -> None:
        self._http = http

    def failed_files(self, batch_id: str) -> tuple[RemoteFile, ...]:
        """Return the files with the rows of a batch that AEP read but refused; empty if AEP stores none."""
        return self._list(batch_id, "failed", {})

    def failed_rows(self, batch_id: str, name: str) -> Iterator[bytes]:
        """Yield the refused rows of one file, a JSON object per line, with AEP's reasons in ``_validationErrors``.

        Raises:
            ServiceUnavailable: the response is truncated.
        """
        yield from self._rows(batch_id, "failed", {"path": name})

    def row_error_files(self, batch_id: str) -> tuple[RemoteFile, ...]:
        """Return the files with the rows of a batch that AEP could not parse; empty if AEP stores none."""
        return self._list(batch_id, "meta", {"path": "row_errors"})

    def row_errors(self, batch_id: str, name: str) -> Iterator[bytes]:
        """Yield the unparsable rows of one file, a JSON object per line, with AEP's errors in ``_errors``.

        Raises:
            ServiceUnavailable: the response is truncated.
        """
        yield from self._rows(batch_id, "meta", {"path": f"row_errors/{name}"})

    def _list(self, batch_id: str, kind: str, params: dict[str, str]) -> tuple[RemoteFile, ...]:
        body = self._http.find((*_BASE, batch_id, kind), "list the errors of a batch", Response.json, params)
        entries = objects_in(body.get("data") if isinstance(body, dict) else body)
        return tuple(
            RemoteFile(str(entry["name"]), _byte_count(entry.get("length")))
            for entry in entries
            if isinstance(entry.get("name"), str) and not entry["name"].startswith("_")  # Spark's _SUCCESS
        )

    def _rows(self, batch_id: str, kind: str, params: dict[str, str]) -> Iterator[bytes]:
        splitter = LineSplitter()
        with closing(
            self._http.stream((*_BASE, batch_id, kind), "read the errors of a batch", params)
        ) as response:
            chunks = response.chunks()
            while data := _next_piece(chunks):
                yield from filter(bytes.strip, splitter.feed(data))
        if (last := splitter.finish()).strip():
            yield last


def _next_piece(chunks: Iterator[bytes]) -> bytes:
    """Return the next chunk of a response, or b"" at the end of the response.

    Raises:
        ServiceUnavailable: the connection broke before the end.
    """
    try:
        return next(chunks, b"")
    except urllib3.exceptions.HTTPError as fault:
        fault_name = type(fault).__name__
    raise ServiceUnavailable(
        f"AEP's list of batch errors is truncated ({fault_name}).", "Run the command or the task again."
    )


def _byte_count(value: object) -> int | None:
    text = str(value)
    return int(text) if re.fullmatch(r"[0-9]{1,18}", text) else None
