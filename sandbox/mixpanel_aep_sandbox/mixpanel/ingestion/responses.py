"""Responses of the ingestion API: the documented JSON, or the older short forms."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from starlette.responses import JSONResponse, PlainTextResponse, Response

from mixpanel_aep_sandbox.mixpanel.ingestion.validation import ValidationFault

_PIXEL = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
"""One transparent pixel."""
_FAILED = "some data points in the request failed validation"
_PHRASES = {413: "Request Entity Too Large"}
"""The documented word, where it is not HTTP's."""


@dataclass(frozen=True)
class FailedRecord:
    """A rejected record: its position in the request, and its fault."""

    index: int
    insert_id: object
    fault: ValidationFault


def short_response(params: Mapping[str, str], error: str | None) -> Response:
    """Return the older short response: ``1`` for success, ``0`` for failure.

    JSON with ``verbose``, a pixel with ``img``, a call with ``callback`` (reference/track-event).
    """
    status = 0 if error else 1
    if params.get("img") in ("1", "true"):
        return Response(_PIXEL, media_type="image/gif")
    if params.get("verbose") in ("1", "true"):
        return JSONResponse({"error": error, "status": status})
    name = params.get("callback", "")
    if name.isascii() and name.replace(".", "_").isidentifier():
        return Response(f"{name}({status});", media_type="text/javascript")
    return PlainTextResponse(str(status))


def error_response(status: int, error: str) -> Response:
    """Return the response to a rejected request, with ``code``, ``error`` and ``status``."""
    return JSONResponse({"code": status, "error": error, "status": _phrase(status)}, status)


def import_response(count: int, failed: Sequence[FailedRecord], key: str) -> Response:
    """Return the response to an import: the number of imported records, and the failed records. ``key``: the key that holds a failed record's ``$insert_id``."""
    if not failed:
        return JSONResponse({"code": 200, "num_records_imported": count, "status": "OK"})
    body = {
        "code": 400,
        "error": _FAILED,
        "failed_records": [
            {
                "index": each.index,
                key: each.insert_id,
                "field": each.fault.field,
                "message": each.fault.message,
            }
            for each in failed
        ],
        "num_records_imported": count,
        "status": _phrase(400),
    }
    return JSONResponse(body, 400)


def _phrase(status: int) -> str:
    return _PHRASES.get(status, HTTPStatus(status).phrase)
