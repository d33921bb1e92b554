"""Reads the response of an export while Mixpanel sends it, and checks at its end that it is complete."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

import urllib3

from include.clock import SYSTEM_CLOCK, Clock
from include.errors import NotAnExport, TruncatedExport
from include.failpoint import failpoint
from include.http.response import StreamedResponse
from include.mixpanel.errors import NOTHING_PUBLISHED
from include.mixpanel.gunzip_stream import GunzipStream
from include.mixpanel.line_scanner import LineScanner
from include.mixpanel.raw_file import GzipWriter, RawFile, background_file

_SLOWEST_BYTES_PER_SECOND = 16


class ExportStream:
    """The response of an export, which can be read once: ``save`` writes it to a file, iteration yields its lines.

    The lines are yielded as Mixpanel sent them, but without the newline or CRLF, without a byte order mark at the
    start, and without blank lines. The export is known to be complete only when ``save`` returns or the iteration ends
    without an error.

    Attributes:
        bytes_received: the number of bytes of the body received so far, before decompression.
        is_complete: whether the export was read to its end and is complete.
    """

    def __init__(
        self,
        response: StreamedResponse,
        clock: Clock = SYSTEM_CLOCK,
        idle_seconds: float = 900.0,
    ) -> None:
        self._response = response
        self._clock = clock
        self._idle_seconds = idle_seconds
        self._scan = LineScanner()
        self._gunzip = GunzipStream()
        self.bytes_received = 0
        self.is_complete = False

    @property
    def sent_at(self) -> datetime | None:
        """When Mixpanel began to respond, by Mixpanel's clock; None if the Date header is missing or invalid."""
        try:
            found = parsedate_to_datetime(self._response.headers.get("Date", ""))
        except ValueError:
            return None
        return found.replace(tzinfo=found.tzinfo or UTC)

    @property
    def lines(self) -> int:
        """The number of lines read so far, without blank lines."""
        return self._scan.rows

    def __iter__(self) -> Iterator[bytes]:
        """Yield the lines of the export, and check at its end that it is complete.

        Raises:
            TruncatedExport: the response is truncated, or its end cannot be verified.
            ExportTerminatedEarly: a line of the response states that Mixpanel terminated the export early.
            NotAnExport: the response is not a list of events.
            ExportTooLarge: a line, the number of blank lines, or the expanded size exceeds its limit.
        """
        for piece in self._pieces():
            yield from self._scan.lines(piece)
        yield from self._scan.last_line()
        self._check_complete()

    def save(self, path: Path) -> RawFile:
        """Write the export to the gzip file ``path``, check at its end that it is complete, and describe the file.

        The file contains the gzip data that Mixpanel sent, byte for byte; an uncompressed response is compressed. Its
        lines may end in CRLF or be blank, and it may begin with a byte order mark, so it has to be read with
        ``raw_file.read_lines``.

        Raises:
            PipelineError: the same errors as iterating over the stream.
        """
        with background_file(path) as file:
            gzipped = GzipWriter(file)
            self._gunzip = GunzipStream(keep=file.write)
            for piece in self._pieces():
                if not self._is_gzip:
                    gzipped.write(piece)
                self._scan.scan(piece)
            for _ in self._scan.last_line():
                pass
            self._check_complete()
            if not self._is_gzip or not file.bytes:  # an empty day has an empty body, which is not gzip
                gzipped.finish()
            return RawFile(path, self._scan.rows, self._scan.not_events, file.sha256)

    @property
    def _encoding(self) -> str:
        encoding = self._response.headers.get("Content-Encoding", "").strip().lower()
        return {"": "identity", "x-gzip": "gzip"}.get(encoding, encoding)

    @property
    def _is_gzip(self) -> bool:
        return self._encoding == "gzip"

    def _pieces(self) -> Iterator[bytes]:
        """Yield the decompressed body in pieces.

        Raises:
            NotAnExport: the status is not 200, or the Content-Encoding is neither gzip nor identity.
        """
        if self._response.status != 200:  # 206 is a part of the content, 203 a proxy's version of it
            raise NotAnExport(
                f"Mixpanel responded with HTTP {self._response.status}, which is not a complete export.",
                NOTHING_PUBLISHED,
            )
        if self._encoding not in ("gzip", "identity"):
            raise NotAnExport(
                "Mixpanel's response has a Content-Encoding that was not requested.", NOTHING_PUBLISHED
            )
        for data in self._received():
            self.bytes_received += len(data)
            if self._is_gzip:
                yield from self._gunzip.feed(data)
            else:
                yield data

    def _received(self) -> Iterator[bytes]:
        """Yield the bytes of the body as they arrive, before decompression.

        Raises:
            TruncatedExport: the connection broke, or the transfer is too slow.
        """
        chunks = self._response.chunks()
        waited, window_bytes = 0.0, 0
        while True:
            began = self._clock.seconds()
            fault_name = ""
            try:
                data = next(chunks, None)
            except urllib3.exceptions.HTTPError as fault:
                fault_name = type(fault).__name__
            if fault_name:
                raise TruncatedExport(
                    f"The connection to Mixpanel broke after {self.bytes_received} bytes of the export ({fault_name}).",
                    NOTHING_PUBLISHED,
                )
            if data is None:
                return
            # Only the time of waiting for data counts: the caller may need long to process the lines.
            waited, window_bytes = waited + self._clock.seconds() - began, window_bytes + len(data)
            if waited > self._idle_seconds:
                if window_bytes < _SLOWEST_BYTES_PER_SECOND * waited:
                    raise TruncatedExport(
                        f"Mixpanel sent only {window_bytes} bytes of the export in {waited:.0f} s.",
                        NOTHING_PUBLISHED,
                    )
                waited, window_bytes = 0.0, 0
            failpoint("export.piece")
            yield data

    def _check_complete(self) -> None:
        """Check that the response and its last line are complete, and set ``is_complete``."""
        self._check_end()
        self._scan.finish()
        self.is_complete = True

    def _check_end(self) -> None:
        declared = self._response.length
        if not self._response.is_framed:
            # RFC 9112 section 8: such a response ends when the connection is closed, for whatever reason. A complete
            # gzip member proves nothing, because another member could have followed.
            raise TruncatedExport(
                "Mixpanel's response does not state its length, so it cannot be proved complete.",
                f"{NOTHING_PUBLISHED} If it happens every time, check for a proxy that removes Content-Length and chunked coding.",
            )
        if declared is not None and declared != self.bytes_received:
            raise TruncatedExport(
                f"Mixpanel announced {declared} bytes and sent {self.bytes_received} bytes.",
                NOTHING_PUBLISHED,
            )
        if self._is_gzip and self.bytes_received and not self._gunzip.finished:
            raise TruncatedExport(
                "Mixpanel's response is truncated: its gzip data is incomplete.", NOTHING_PUBLISHED
            )
