"""Payloads of ``/track``, ``/import``, ``/engage`` and ``/groups``, in every form that SDKs use.

A form or a query with ``data`` (JSON, or JSON in base64), a JSON object or array, or one JSON object per line; gzip or
not (mixpanel/docs: reference/import-events.mdx, reference/track-event.mdx; the official SDKs).
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
"""Of a request, uncompressed."""
_NDJSON = ("application/x-ndjson", "application/ndjson")


class PayloadError(Exception):
    """The whole body is rejected: a status and a sentence."""

    def __init__(self, status: int, error: str) -> None:
        super().__init__(error)
        self.status, self.error = status, error
        self.params: dict[str, str] = {}
        """The parameters that are known at that point."""
        self.in_data = False


@dataclass(frozen=True)
class Payload:
    """A decoded request."""

    records: list[object]
    """The decoded records; a text that is not UTF-8 has lone surrogates."""
    params: dict[str, str]
    """Parameters of the query; those of a form take precedence."""
    in_data: bool
    """Whether the records came in a parameter ``data``, as older clients and most SDKs send them."""
    size: int
    """Uncompressed size."""

    def flag(self, name: str) -> bool:
        """Return whether a flag is set."""
        return self.params.get(name, "") in ("1", "true")


async def read_payload(request: Request) -> Payload:
    """Read a request. Raises PayloadError: 400 for invalid JSON, 413 for a body that is too large."""
    params = dict(request.query_params)
    try:
        body = _decompress(await _body(request), request.headers.get("content-encoding", ""))
        return _read(body, request.headers.get("content-type", ""), params)
    except PayloadError as error:
        error.params, error.in_data = params, "data" in params
        raise


def _read(body: bytes, content_type: str, params: dict[str, str]) -> Payload:
    """Decode the body; parameters of a form are added to ``params``."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded" or body.startswith(b"data="):
        try:
            params.update(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
        except ValueError as error:
            raise PayloadError(400, "the form has too many fields") from error
        body = b""
    size = len(body)
    if not body and "data" in params:
        plain = _from_data(params["data"])
        records, in_data, size = _decoded(plain), True, len(plain)
    elif kind in _NDJSON:
        records, in_data = [_json(line) for line in body.split(b"\n") if line.strip()], False
    else:
        records, in_data = _decoded(body), False
    if len(records) > MOST_RECORDS:
        raise PayloadError(413, f"request exceeds max limit of {MOST_RECORDS} records")
    return Payload(records, params, in_data, size)


async def _body(request: Request) -> bytes:
    """Read the body; its size is limited to that of the uncompressed data."""
    pieces, size = [], 0
    async for piece in request.stream():
        size += len(piece)
        if size <= MOST_BYTES:
            pieces.append(piece)
    if size > MOST_BYTES:  # read to its end: a client that is still sending would not see the response
        raise _too_large()
    return b"".join(pieces)


def _decompress(body: bytes, encoding: str) -> bytes:
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


def _from_data(text: str) -> bytes:
    """Return the JSON of a parameter ``data``. An unencoded plus sign arrives as a space."""
    stripped = text.strip()
    if stripped[:1] in ("[", "{"):
        return stripped.encode("utf-8", "replace")
    plain = stripped.replace(" ", "+").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise PayloadError(400, "data, invalid base64") from error


def _decoded(text: bytes) -> list[object]:
    if not text.strip():
        raise PayloadError(400, "data, missing or empty")
    found = _json(text)
    return found if isinstance(found, list) else [found]


def _json(text: bytes) -> object:
    try:
        return json.loads(
            text.decode("utf-8", "surrogateescape"), parse_constant=_no_number, parse_float=_finite
        )
    except (ValueError, RecursionError) as error:
        raise PayloadError(400, "data, invalid JSON") from error


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is not valid JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("the number is too large")
    return number


def _too_large() -> PayloadError:
    return PayloadError(413, f"request exceeds max limit of {MOST_BYTES} bytes")
