"""Uploads files to an open batch: a small file in one request, a large one in chunks that are retried individually."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO

from include.aep.http import AepHttp
from include.clock import Clock
from include.errors import LakeError, NotFound, PayloadTooLarge, RequestRefused, Throttled, Transient
from include.failpoint import failpoint

Opener = Callable[[], BinaryIO]
"""Opens the same file at its first byte whenever it is called."""
_BLOCK_BYTES = 1024 * 1024
_CHUNK_ATTEMPTS = 3


@dataclass(frozen=True)
class UploadLimits:
    """Size limits of uploads.

    AEP accepts 256 MB in one PUT, and 512 MB in one PATCH (AdobeDocs/experience-platform-apis, batch-ingestion.yaml).

    Attributes:
        chunk_from_bytes: files of this size or larger are uploaded in chunks.
        chunk_bytes: the size of a chunk.
    """

    chunk_from_bytes: int = 256_000_000
    chunk_bytes: int = 64 * 1024 * 1024


class FileRange:
    """A byte range of a file, which can be sent as the body of a request.

    Raises:
        LakeError: while the range is read, if the file ends before the range does.
    """

    def __init__(self, stream: BinaryIO, start: int, size: int) -> None:
        self._stream = stream
        self._size = self._left = size
        stream.seek(start)

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[bytes]:
        while block := self.read(_BLOCK_BYTES):
            yield block

    def read(self, size: int = -1, /) -> bytes:
        """Return up to ``size`` of the next bytes of the range; b"" at its end. A negative ``size`` reads the rest."""
        requested = self._left if size < 0 else min(size, self._left)
        block = self._stream.read(requested) if requested else b""
        self._left -= len(block)
        if requested and not block:
            raise LakeError(
                f"A staged file is {self._left} bytes shorter than recorded.",
                "The file was changed after it was staged. Run the day again.",
            )
        return block

    def close(self) -> None:
        """Close the file."""
        self._stream.close()


class Uploader:
    """Uploads files to open batches.

    A second upload under the same name replaces the file, because AEP documents the request as idempotent.
    """

    def __init__(self, http: AepHttp, clock: Clock, limits: UploadLimits) -> None:
        self._http = http
        self._clock = clock
        self._limits = limits

    def upload(self, path: tuple[str, ...], opener: Opener, size: int) -> None:
        """Upload a file of ``size`` bytes to the URL path ``path``, in chunks if it is large or one request is refused.

        ``opener`` is called for every attempt, and for every chunk.

        Raises:
            RequestRefused: the file is empty, which AEP does not ingest, or AEP refuses the upload.
        """
        if size <= 0:
            raise RequestRefused("An empty file cannot be ingested.", "Remove the empty file from the batch.")
        if size < self._limits.chunk_from_bytes:
            try:
                self._put(path, opener, size)
                return
            except PayloadTooLarge:
                pass  # a gateway accepts less than AEP documents: send the file in chunks
        try:
            self._chunked(path, opener, size, self._limits.chunk_bytes)
        except NotFound:
            raise
        except RequestRefused:
            # AEP reports a missing or duplicate chunk only at the end; INITIALIZE begins the upload again.
            self._chunked(path, opener, size, max(1, self._limits.chunk_bytes // 2))

    def _put(self, path: tuple[str, ...], opener: Opener, size: int) -> None:
        self._http.send_bytes("PUT", path, "upload a file", lambda: FileRange(opener(), 0, size))

    def _chunked(self, path: tuple[str, ...], opener: Opener, size: int, chunk_bytes: int) -> None:
        self._http.post_action(path, "start the upload of a large file", "INITIALIZE")
        for start in range(0, size, chunk_bytes):
            self._chunk(path, opener, start, min(chunk_bytes, size - start))
            failpoint("batch.chunk.after")
        completed = self._http.post_action(path, "complete the upload of a large file", "COMPLETE")
        arrived = completed.get("sizeInBytes") if isinstance(completed, dict) else None
        if isinstance(arrived, int) and arrived != size:
            raise RequestRefused(
                f"AEP assembled a large file of {arrived} bytes; {size} bytes were sent.",
                "Check for a proxy that changes uploads.",
            )

    def _chunk(self, path: tuple[str, ...], opener: Opener, start: int, size: int) -> None:
        """Send ``size`` bytes of the file from the offset ``start``; after a failure, retry if AEP lacks them."""
        end = start + size - 1
        for attempt in range(1, _CHUNK_ATTEMPTS + 1):
            try:
                self._http.send_bytes(
                    "PATCH",
                    path,
                    "upload a part of a large file",
                    lambda: FileRange(opener(), start, size),
                    {"Content-Range": f"bytes {start}-{end}"},
                    idempotent=False,
                )
                return
            except (LakeError, Throttled):
                raise
            except Transient:
                if attempt == _CHUNK_ATTEMPTS:
                    raise
                self._clock.sleep(2.0**attempt)
                if self._has_arrived(path, start, end):
                    return

    def _has_arrived(self, path: tuple[str, ...], start: int, end: int) -> bool:
        try:
            headers = self._http.head(path, "list the received parts of a file")
        except NotFound:
            return False
        return any(first <= start and end <= last for first, last in received_ranges(headers))


def received_ranges(headers: Mapping[str, str]) -> list[tuple[int, int]]:
    """Return the byte ranges in the ``Range`` header of a response, each as its first and last offset.

    They are in ascending order, and adjacent or overlapping ranges are merged.
    """
    joined: list[tuple[int, int]] = []
    for first, last in sorted(
        (int(a), int(b)) for a, b in re.findall(r"(\d{1,18})-(\d{1,18})", headers.get("Range", ""))
    ):
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(last, joined[-1][1]))
        else:
            joined.append((first, last))
    return joined
