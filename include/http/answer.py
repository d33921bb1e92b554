"""Answers: whole, or as they come."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import requests
import urllib3

from include.errors import ServiceUnavailable

CHUNK_BYTES = 256 * 1024
_LARGEST_BODY_BYTES = 64 * 1024 * 1024  # a resolved XDM schema of 10 000 fields is below 10 MB
_ERROR_BODY_BYTES = 4096


@dataclass(frozen=True)
class Answer:
    """A whole answer; ``body`` is never part of its ``repr``."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def __repr__(self) -> str:
        return f"Answer(status={self.status}, bytes={len(self.body)})"

    @classmethod
    def read(cls, response: requests.Response) -> Answer:
        """Reads ``response`` to its end.

        Raises:
            ServiceUnavailable: it is larger than any answer can be.
        """
        with response:
            body = bytearray()
            for chunk in response.raw.stream(CHUNK_BYTES, decode_content=True):
                body += chunk
                if len(body) > _LARGEST_BODY_BYTES:
                    raise ServiceUnavailable(f"An answer is larger than {_LARGEST_BODY_BYTES} bytes.")
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
        raise ServiceUnavailable(
            f"A service answered HTTP {self.status} with something that is not JSON.",
            "A gateway may be down; the task may be run again.",
        )

    def json_object(self) -> dict[str, Any]:
        """The body as a JSON object.

        Raises:
            ServiceUnavailable: it is something else.
        """
        value = self.json()
        if isinstance(value, dict):
            return value
        raise ServiceUnavailable(f"A service answered HTTP {self.status} with JSON that is not an object.")


@dataclass
class Streamed:
    """An answer whose first bytes are here and whose other bytes are still to come, undecoded."""

    headers: Mapping[str, str]
    framed: bool
    """The answer says where it ends (Content-Length, or chunked): without that a cut cannot be seen."""
    _first: bytes
    _rest: Iterator[bytes]
    _response: requests.Response

    @classmethod
    def begin(cls, response: requests.Response) -> Streamed:
        """Waits for the first bytes of ``response``."""
        rest = response.raw.stream(CHUNK_BYTES, decode_content=False)
        try:
            first = next(rest, b"")
        except urllib3.exceptions.HTTPError:
            response.close()
            raise
        framed = bool(getattr(response.raw, "chunked", False)) or "Content-Length" in response.headers
        return cls(response.headers, framed, first, rest, response)

    def chunks(self) -> Iterator[bytes]:
        """The bytes as they come.

        Raises:
            urllib3.exceptions.HTTPError: the connection, or what frames the answer, broke.
        """
        first, self._first = self._first, b""
        if first:
            yield first
        yield from self._rest

    def close(self) -> None:
        """Gives up what has not come yet."""
        self._response.close()


def error_text(response: requests.Response) -> str:
    """The beginning of an error body, for the rules to look at and for nobody to read; then closes."""
    with response:
        try:
            head = response.raw.read(_ERROR_BODY_BYTES, decode_content=True)
        except (urllib3.exceptions.HTTPError, OSError):  # the status alone has to do
            return ""
        return bytes(head).decode("utf-8", "replace")
