"""Answers: whole, or as they come."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
import requests
import urllib3

from include.clock import Clock
from include.errors import ServiceUnavailable

CHUNK_BYTES = 256 * 1024
_LARGEST_BODY_BYTES = 64 * 1024 * 1024  # a resolved XDM schema of 10 000 fields is below 10 MB
_ERROR_BODY_BYTES = 4096


@dataclass(frozen=True)
class TimeLimit:
    """How long a whole answer may take to come, by which clock."""

    clock: Clock
    seconds: float


@dataclass(frozen=True)
class Response:
    """A whole answer; ``body`` is never part of its ``repr``."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @classmethod
    def read(cls, response: requests.Response, limit: TimeLimit) -> Response:
        """Reads ``response`` to its end.

        Raises:
            ServiceUnavailable: it is larger, or slower, than any answer can be.
        """
        with response:
            body = bytearray()
            for piece in _pieces(response, limit):
                body += piece
                if len(body) > _LARGEST_BODY_BYTES:
                    raise ServiceUnavailable(
                        f"An answer is larger than {_LARGEST_BODY_BYTES} bytes.",
                        "Look for a gateway in the way.",
                    )
            return cls(response.status_code, response.headers, bytes(body))

    def json(self) -> Any:
        """The body as JSON.

        Raises:
            ServiceUnavailable: it is something else, such as a gateway's HTML page.
        """
        try:
            return msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            pass  # raised below, so that no byte of the body is in the error's context
        raise self.unexpected("something that is not JSON")

    def json_object(self) -> dict[str, Any]:
        """The body as a JSON object.

        Raises:
            ServiceUnavailable: it is something else.
        """
        value = self.json()
        if isinstance(value, dict):
            return value
        raise self.unexpected("JSON that is not an object")

    def optional_json(self) -> Any:
        """What was said beside the status: JSON, or None for nothing.

        Raises:
            ServiceUnavailable: it is a page of something that stands before the service, which has heard nothing.
        """
        return self.json() if self.body.strip() else None

    def unexpected(self, what: str) -> ServiceUnavailable:
        """The error for an answer that the service itself does not give."""
        return ServiceUnavailable(
            f"A service answered HTTP {self.status} with {what}.",
            "A gateway may be down, or a login page be in the way; the task may be run again.",
        )


@dataclass
class StreamedResponse:
    """An answer whose first bytes are here and whose other bytes are still to come, undecoded."""

    status: int
    headers: Mapping[str, str]
    _first: bytes
    _response: requests.Response

    @classmethod
    def begin(cls, response: requests.Response) -> StreamedResponse:
        """Waits for the first bytes of ``response``."""
        try:
            first = response.raw.read1(CHUNK_BYTES, decode_content=False)
        except urllib3.exceptions.HTTPError:
            response.close()
            raise
        return cls(response.status_code, response.headers, first, response)

    @property
    def is_framed(self) -> bool:
        """Whether the answer says where it ends: without that a cut cannot be seen."""
        return self.chunked or self.length is not None

    @property
    def chunked(self) -> bool:
        """Whether it comes in chunks, and in no other coding."""
        return self.headers.get("Transfer-Encoding", "").strip().lower() == "chunked"

    @property
    def length(self) -> int | None:
        """The bytes that it announced, when that is how it says where it ends."""
        text = "" if "Transfer-Encoding" in self.headers else self.headers.get("Content-Length", "")
        number = re.fullmatch(r"\s*([0-9]{1,18})(\s*,\s*\1)*\s*", text)  # the same twice is still one
        return int(number[1]) if number else None

    def chunks(self) -> Iterator[bytes]:
        """The bytes as they come, each piece as soon as it is there.

        Raises:
            urllib3.exceptions.HTTPError: the connection, or what frames the answer, broke.
        """
        piece, self._first = self._first, b""
        while piece:
            yield piece
            piece = self._response.raw.read1(CHUNK_BYTES, decode_content=False)

    def close(self) -> None:
        """Gives up what has not come yet."""
        self._response.close()


def error_text(response: requests.Response, limit: TimeLimit) -> str:
    """The beginning of an error body, for the rules to look at and for nobody to read; then closes."""
    head = bytearray()
    with response:
        try:
            for piece in _pieces(response, limit):
                head += piece
                if len(head) >= _ERROR_BODY_BYTES:
                    break
        except (urllib3.exceptions.HTTPError, OSError, ServiceUnavailable):  # what is there has to do
            pass
    return bytes(head[:_ERROR_BODY_BYTES]).decode("utf-8", "replace")


def _pieces(response: requests.Response, limit: TimeLimit) -> Iterator[bytes]:
    """The decoded body as it comes; a byte now and then does not keep us forever."""
    began = limit.clock.seconds()
    while piece := response.raw.read1(CHUNK_BYTES, decode_content=True):
        yield piece
        if limit.clock.seconds() - began > limit.seconds:
            raise ServiceUnavailable(
                f"An answer did not end within {limit.seconds:.0f} s.", "The task may be run again."
            )
