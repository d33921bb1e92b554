"""An export under way: its bytes or its lines, and the proof at the end that there are no more."""

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
from include.mixpanel.export_guard import GunzipStream
from include.mixpanel.line_scanner import LineScanner
from include.mixpanel.raw_file import Gzipped, RawFile, hashed_file

_SLOWEST_BYTES_PER_SECOND = 16
_AGAIN = "Nothing of it was published; the day is exported again."


class ExportStream:
    """One export, to be taken once: ``save`` keeps its bytes, iterating gives its lines.

    Every line comes as Mixpanel sent it: without its newline, without the carriage return of CRLF, without a byte
    order mark at the start; blank lines are left out. An export may be taken for the whole day if and only if ``save``
    returned or iterating ended by itself, after which ``whole`` is true.
    """

    def __init__(
        self,
        answer: StreamedResponse,
        clock: Clock = SYSTEM_CLOCK,
        idle_seconds: float = 900.0,
    ) -> None:
        self._answer = answer
        self._clock = clock
        self._idle_seconds = idle_seconds
        self._scan = LineScanner()
        self._gunzip = GunzipStream()
        self.bytes_received = 0
        """Bytes of the body so far, as they came over the wire."""
        self.whole = False

    @property
    def sent_at(self) -> datetime | None:
        """When Mixpanel began to answer, by its own clock; None where the answer does not say it."""
        try:
            found = parsedate_to_datetime(self._answer.headers.get("Date", ""))
        except ValueError:
            return None
        return found.replace(tzinfo=found.tzinfo or UTC)

    @property
    def lines(self) -> int:
        """Lines so far, without blank ones."""
        return self._scan.rows

    def __iter__(self) -> Iterator[bytes]:
        """Gives out the lines, and at the end proves that they are all.

        Raises:
            TruncatedExport: the answer ended before the day did, in whichever form.
            ExportTerminatedEarly: Mixpanel says so itself, in a line of the answer.
            NotAnExport: it is something else than events.
            ExportTooLarge: a line, the number of blank lines, or what the gzip expands to, is larger than any real one.
        """
        for piece in self._pieces():
            yield from self._scan.lines(piece)
        yield from self._scan.last_line()
        self._prove_whole()

    def save(self, path: Path) -> RawFile:
        """Writes the export to a file as it came, and proves that it is whole.

        The file is gzip: the members that Mixpanel sent, byte for byte, or one member of what came uncompressed.
        Its lines may end in CRLF or be blank, and it may begin with a byte order mark: ``raw_file.read_lines`` reads it.

        Raises:
            PipelineError: what iterating raises.
        """
        with hashed_file(path) as file:
            gzipped = Gzipped(file)
            self._gunzip = GunzipStream(keep=file.write)
            for piece in self._pieces():
                if not self._is_gzip:
                    gzipped.write(piece)
                self._scan.scan(piece)
            for _ in self._scan.last_line():
                pass
            self._prove_whole()
            if not self._is_gzip or not file.bytes:  # of an empty day nothing comes, which is not gzip
                gzipped.finish()
            return RawFile(path, self._scan.rows, self._scan.not_events, file.sha256)

    @property
    def _encoding(self) -> str:
        encoding = self._answer.headers.get("Content-Encoding", "").strip().lower()
        return {"": "identity", "x-gzip": "gzip"}.get(encoding, encoding)

    @property
    def _is_gzip(self) -> bool:
        return self._encoding == "gzip"

    def _pieces(self) -> Iterator[bytes]:
        """The body, inflated."""
        if self._answer.status != 200:  # 206 is a part of something, 203 what a proxy made of it
            raise NotAnExport(
                f"Mixpanel answered HTTP {self._answer.status}, which is not a whole export.", _AGAIN
            )
        if self._encoding not in ("gzip", "identity"):
            raise NotAnExport("Mixpanel's answer has a Content-Encoding that was not asked for.", _AGAIN)
        for data in self._received():
            self.bytes_received += len(data)
            if self._is_gzip:
                yield from self._gunzip.feed(data)
            else:
                yield data

    def _received(self) -> Iterator[bytes]:
        """The body's bytes; raises TruncatedExport when they stop, or all but stop, coming."""
        chunks = self._answer.chunks()
        waited, window_bytes = 0.0, 0
        while True:
            began = self._clock.seconds()
            trouble = ""
            try:
                data = next(chunks, None)
            except urllib3.exceptions.HTTPError as fault:
                trouble = type(fault).__name__
            if trouble:
                raise TruncatedExport(
                    f"Mixpanel's answer broke off after {self.bytes_received} bytes ({trouble}).", _AGAIN
                )
            if data is None:
                return
            # Only the waiting counts: whoever reads the lines may be slow.
            waited, window_bytes = waited + self._clock.seconds() - began, window_bytes + len(data)
            if waited > self._idle_seconds:
                if window_bytes < _SLOWEST_BYTES_PER_SECOND * waited:
                    raise TruncatedExport(
                        f"Mixpanel sent only {window_bytes} bytes in {waited:.0f} s.", _AGAIN
                    )
                waited, window_bytes = 0.0, 0
            failpoint("export.piece")
            yield data

    def _prove_whole(self) -> None:
        self._check_end()
        self._scan.finish()
        self.whole = True

    def _check_end(self) -> None:
        declared = self._answer.length
        if not self._answer.is_framed:
            # RFC 9112 section 8: such an answer ends when the connection does, for whatever reason. That its gzip
            # has an end proves nothing: another member may have been to come.
            raise TruncatedExport(
                "Mixpanel's answer does not say where it ends, so it cannot be proved whole.",
                f"{_AGAIN} If it happens every time, look for a proxy that takes Content-Length and chunks away.",
            )
        if declared is not None and declared != self.bytes_received:
            raise TruncatedExport(
                f"Mixpanel announced {declared} bytes and sent {self.bytes_received}.", _AGAIN
            )
        if self._is_gzip and self.bytes_received and not self._gunzip.finished:
            raise TruncatedExport("Mixpanel's answer broke off: its gzip has no end.", _AGAIN)
