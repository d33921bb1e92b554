"""Data Access: why AEP refused rows, and which (AdobeDocs/experience-platform-apis, data-access.yaml)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing

import urllib3

from include.aep.http import AepHttp, items
from include.aep.model import RemoteFile
from include.errors import ServiceUnavailable
from include.http.line_splitter import LineSplitter
from include.http.response import Response

_BASE = ("data", "foundation", "export", "batches")


class BatchDiagnostics:
    """What AEP keeps about the rows of a batch that it refused, for 30 days. Rows are data: not for logs."""

    def __init__(self, http: AepHttp) -> None:
        self._http = http

    def failed_files(self, batch_id: str) -> tuple[RemoteFile, ...]:
        """The files of refused rows; empty where AEP has none."""
        return self._list(batch_id, "failed", {})

    def failed_rows(self, batch_id: str, name: str) -> Iterator[bytes]:
        """The refused rows of one file, a JSON object per line, with AEP's reasons in ``_validationErrors``.

        Raises:
            ServiceUnavailable: the answer broke off.
        """
        yield from self._rows(batch_id, "failed", {"path": name})

    def row_error_files(self, batch_id: str) -> tuple[RemoteFile, ...]:
        """The files of row errors; empty where AEP has none."""
        return self._list(batch_id, "meta", {"path": "row_errors"})

    def row_errors(self, batch_id: str, name: str) -> Iterator[bytes]:
        """The errors of one file, a JSON object per line, with codes and messages in ``_errors``.

        Raises:
            ServiceUnavailable: the answer broke off.
        """
        yield from self._rows(batch_id, "meta", {"path": f"row_errors/{name}"})

    def _list(self, batch_id: str, kind: str, params: dict[str, str]) -> tuple[RemoteFile, ...]:
        body = self._http.find((*_BASE, batch_id, kind), "list the errors of a batch", Response.json, params)
        entries = items(body.get("data") if isinstance(body, dict) else body)
        return tuple(
            RemoteFile(str(entry["name"]), _length(entry.get("length")))
            for entry in entries
            if isinstance(entry.get("name"), str) and not entry["name"].startswith("_")  # Spark's _SUCCESS
        )

    def _rows(self, batch_id: str, kind: str, params: dict[str, str]) -> Iterator[bytes]:
        splitter = LineSplitter()
        with closing(
            self._http.stream((*_BASE, batch_id, kind), "give the errors of a batch", params)
        ) as answer:
            chunks = answer.chunks()
            while data := _next(chunks):
                yield from filter(bytes.strip, splitter.feed(data))
        if (last := splitter.finish()).strip():
            yield last


def _next(chunks: Iterator[bytes]) -> bytes:
    """The next piece, nothing at the end."""
    try:
        return next(chunks, b"")
    except urllib3.exceptions.HTTPError as fault:
        trouble = type(fault).__name__
    raise ServiceUnavailable(f"AEP's list of errors broke off ({trouble}).", "It may be asked for again.")


def _length(value: object) -> int | None:
    text = str(value)
    return int(text) if re.fullmatch(r"[0-9]{1,18}", text) else None
