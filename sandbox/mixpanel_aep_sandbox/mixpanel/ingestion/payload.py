"""Decoding of the payloads of ``/track``, ``/import``, ``/engage`` and ``/groups``, in all forms that SDKs send.

A payload is a form or query with the parameter ``data`` (JSON, or JSON in base64), a JSON object or array, or one JSON
object per line, each with or without gzip (mixpanel/docs: reference/import-events.mdx, reference/track-event.mdx; the
official SDKs).
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import zlib
from dataclasses import dataclass
from typing import NoReturn
from urllib.parse import parse_qsl

from starlette.requests import Request

MOST_RECORDS = 2000
MOST_BYTES = 10 * 1024 * 1024
"""Maximum size of an uncompressed request body."""
_NDJSON = ("application/x-ndjson", "application/ndjson")


class PayloadError(Exception):
    """The reason why a request is rejected as a whole: an HTTP status and an error text."""

    def __init__(self, status: int, error: str) -> None:
        super().__init__(error)
        self.status, self.error = status, error
        self.params: dict[str, str] = {}
        """The request's parameters that were parsed before the error, which decide about the form of the response."""
        self.has_data_parameter = False
        """Whether the request has the parameter ``data``."""


@dataclass(frozen=True)
class Payload:
    """The records and parameters of an ingestion request, independent of the form in which the client sent them."""

    records: list[object]
    """The parsed records, not validated; bytes that are not UTF-8 are lone surrogates in texts."""
    params: dict[str, str]
    """Parameters of the query and of the form; those of the form take precedence."""
    has_data_parameter: bool
    """Whether the records came in the parameter ``data``, as older clients and most SDKs send them."""
    size: int
    """Size of the uncompressed records in bytes."""

    def flag(self, name: str) -> bool:
        """Return whether the parameter ``name`` is ``1`` or ``true``."""
        return self.params.get(name, "") in ("1", "true")


async def read_payload(request: Request) -> Payload:
    """Read and decode a request. Raises PayloadError: 400 for invalid JSON, 413 for a body that is too large."""
    params = dict(request.query_params)
    try:
        body = _decompress(await _read_body(request), request.headers.get("content-encoding", ""))
        return _decode(body, request.headers.get("content-type", ""), params)
    except PayloadError as error:
        error.params, error.has_data_parameter = params, "data" in params
        raise


def _decode(body: bytes, content_type: str, params: dict[str, str]) -> Payload:
    """Decode an uncompressed body, and add the parameters of a form to ``params``."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded" or body.startswith(b"data="):
        try:
            params.update(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
        except ValueError as error:
            raise PayloadError(400, "the form has too many fields") from error
        body = b""
    size = len(body)
    if not body and "data" in params:
        plain = _decode_data_parameter(params["data"])
        records, has_data_parameter, size = _parse_records(plain), True, len(plain)
    elif kind in _NDJSON:
        records, has_data_parameter = [_parse_json(line) for line in body.split(b"\n") if line.strip()], False
    else:
        records, has_data_parameter = _parse_records(body), False
    if len(records) > MOST_RECORDS:
        raise PayloadError(413, f"request exceeds max limit of {MOST_RECORDS} records")
    return Payload(records, params, has_data_parameter, size)


async def _read_body(request: Request) -> bytes:
    """Return the body as sent. Raises PayloadError if it is larger than the limit of an uncompressed body."""
    pieces, size = [], 0
    async for piece in request.stream():
        size += len(piece)
        if size <= MOST_BYTES:
            pieces.append(piece)
    if (
        size > MOST_BYTES
    ):  # after reading all of it: a client that is still sending would not read the response
        raise _too_large()
    return b"".join(pieces)


def _decompress(body: bytes, encoding: str) -> bytes:
    """Return the uncompressed body. Raises PayloadError if it is not valid gzip or too large."""
    if encoding.strip().lower() in ("", "identity"):
        return body
    if encoding.strip().lower() != "gzip":
        raise PayloadError(400, "unsupported content encoding")
    unzip = zlib.decompressobj(31)
    try:
        plain = unzip.decompress(body, MOST_BYTES + 1)
    except zlib.error as error:
        raise PayloadError(400, "the body is not gzip") from error
    if len(plain) > MOST_BYTES:
        raise _too_large()
    if not unzip.eof:
        raise PayloadError(400, "the body is not gzip")
    return plain


def _decode_data_parameter(text: str) -> bytes:
    """Return the JSON text in the parameter ``data``, which may be base64.

    A plus sign that a client did not percent-encode arrives as a space, and is restored.
    """
    stripped = text.strip()
    if stripped[:1] in ("[", "{"):
        return stripped.encode("utf-8", "replace")
    plain = stripped.replace(" ", "+").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise PayloadError(400, "data, invalid base64") from error


def _parse_records(text: bytes) -> list[object]:
    """Return the records in a JSON text, which is an array of records or one record."""
    if not text.strip():
        raise PayloadError(400, "data, missing or empty")
    found = _parse_json(text)
    return found if isinstance(found, list) else [found]


def _parse_json(text: bytes) -> object:
    try:
        return json.loads(
            text.decode("utf-8", "surrogateescape"),
            parse_constant=_reject_constant,
            parse_float=_parse_finite,
        )
    except (ValueError, RecursionError) as error:
        raise PayloadError(400, "data, invalid JSON") from error


def _reject_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not valid JSON")


def _parse_finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("the number is too large")
    return number


def _too_large() -> PayloadError:
    return PayloadError(413, f"request exceeds max limit of {MOST_BYTES} bytes")
