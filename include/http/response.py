"""HTTP responses, which are either read into memory as a whole or read by the caller while they arrive."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import msgspec
import requests
import urllib3

from include.clock import Clock
from include.errors import ServiceUnavailable
from include.json_types import JsonObject, JsonValue

CHUNK_BYTES = 256 * 1024
_LARGEST_BODY_BYTES = 64 * 1024 * 1024  # a resolved XDM schema of 10 000 fields is below 10 MB
_ERROR_BODY_BYTES = 4096


@dataclass(frozen=True)
class TimeLimit:
    """The maximum time in seconds for receiving the body of a response, and the clock that measures it."""

    clock: Clock
    seconds: float


@dataclass(frozen=True)
class Response:
    """A response whose body has been read into memory and decompressed. ``repr`` does not show the body."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @classmethod
    def read(cls, response: requests.Response, limit: TimeLimit) -> Response:
        """Read the body of ``response`` to its end, decompress it, and close the response.

        Raises:
            ServiceUnavailable: the decompressed body is larger than 64 MiB, or takes longer than ``limit``.
        """
        with response:
            body = bytearray()
            for piece in _pieces(response, limit):
                body += piece
                if len(body) > _LARGEST_BODY_BYTES:
                    raise ServiceUnavailable(
                        f"A response is larger than {_LARGEST_BODY_BYTES} bytes, the maximum.",
                        "Check for a gateway between this machine and the service.",
                    )
            return cls(response.status_code, response.headers, bytes(body))

    def json(self) -> JsonValue:
        """Return the body as JSON.

        Raises:
            ServiceUnavailable: the body is not JSON, for example because it is the web page of a gateway.
        """
        try:
            value: JsonValue = msgspec.json.decode(self.body)
            return value
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            pass  # the error is raised below, so that its context does not contain a part of the body
        raise self.unexpected("a body that is not JSON")

    def json_object(self) -> JsonObject:
        """Return the body as a JSON object.

        Raises:
            ServiceUnavailable: the body is not a JSON object.
        """
        value = self.json()
        if isinstance(value, dict):
            return value
        raise self.unexpected("JSON that is not an object")

    def optional_json(self) -> JsonValue:
        """Return the body as JSON; None if it is empty.

        Raises:
            ServiceUnavailable: the body is not JSON, for example because it is the web page of a gateway.
        """
        return self.json() if self.body.strip() else None

    def unexpected(self, what: str) -> ServiceUnavailable:
        """Return the error for a response that the service itself would not send; ``what`` describes its body."""
        return ServiceUnavailable(
            f"A service responded with HTTP {self.status} and {what}.",
            "Check for a gateway that is down or a login page, then run the task again.",
        )


@dataclass
class StreamedResponse:
    """A response whose body the caller reads while it arrives, without decompression."""

    status: int
    headers: Mapping[str, str]
    _first: bytes
    _response: requests.Response

    @classmethod
    def begin(cls, response: requests.Response) -> StreamedResponse:
        """Wait until the first bytes of the body have arrived, and return the response.

        Raises:
            urllib3.exceptions.HTTPError: the connection broke before that; ``response`` is closed.
        """
        try:
            first = response.raw.read1(CHUNK_BYTES, decode_content=False)
        except urllib3.exceptions.HTTPError:
            response.close()
            raise
        return cls(response.status_code, response.headers, first, response)

    @property
    def is_framed(self) -> bool:
        """Whether the response states where its body ends, so that a truncated body can be detected."""
        return self.chunked or self.length is not None

    @property
    def chunked(self) -> bool:
        """Whether the body is transferred with the chunked transfer coding, and no other transfer coding."""
        return self.headers.get("Transfer-Encoding", "").strip().lower() == "chunked"

    @property
    def length(self) -> int | None:
        """The size of the body by Content-Length, in bytes.

        None if the header is missing or invalid, or if a Transfer-Encoding replaces it.
        """
        text = "" if "Transfer-Encoding" in self.headers else self.headers.get("Content-Length", "")
        number = re.fullmatch(
            r"\s*([0-9]{1,18})(\s*,\s*\1)*\s*", text
        )  # RFC 9110 section 8.6 allows repeated equal values
        return int(number[1]) if number else None

    def chunks(self) -> Iterator[bytes]:
        """Yield the bytes of the body as they arrive, in pieces of at most 256 KiB, without decompression.

        Raises:
            urllib3.exceptions.HTTPError: the connection broke, or the chunked transfer coding is invalid.
        """
        piece, self._first = self._first, b""
        while piece:
            yield piece
            piece = self._response.raw.read1(CHUNK_BYTES, decode_content=False)

    def close(self) -> None:
        """Close the response; the rest of its body is not read."""
        self._response.close()


def error_text(response: requests.Response, limit: TimeLimit) -> str:
    """Return the first 4096 bytes of the body of an error response as text, and close the response.

    The text is compared with error rules and never displayed. It is shorter if the connection breaks or time runs out.
    """
    head = bytearray()
    with response:
        try:
            for piece in _pieces(response, limit):
                head += piece
                if len(head) >= _ERROR_BODY_BYTES:
                    break
        except (urllib3.exceptions.HTTPError, OSError, ServiceUnavailable):  # the received part is used
            pass
    return bytes(head[:_ERROR_BODY_BYTES]).decode("utf-8", "replace")


def _pieces(response: requests.Response, limit: TimeLimit) -> Iterator[bytes]:
    """Yield the decompressed body in pieces.

    Raises:
        ServiceUnavailable: receiving the body takes longer than ``limit``.
    """
    began = limit.clock.seconds()
    while piece := response.raw.read1(CHUNK_BYTES, decode_content=True):
        yield piece
        if limit.clock.seconds() - began > limit.seconds:
            raise ServiceUnavailable(
                f"A response did not end within {limit.seconds:.0f} s.", "Run the task again."
            )
