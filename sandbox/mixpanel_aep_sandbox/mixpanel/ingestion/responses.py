"""Responses of the ingestion API: the documented JSON, and the older short forms."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from starlette.responses import JSONResponse, PlainTextResponse, Response

from mixpanel_aep_sandbox.mixpanel.ingestion.validation import ValidationFault

_PIXEL = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
"""A GIF image of one transparent pixel."""
_FAILED = "some data points in the request failed validation"
_PHRASES = {413: "Request Entity Too Large"}
"""Documented status texts that differ from the standard HTTP reason phrase."""


@dataclass(frozen=True)
class FailedRecord:
    """A rejected record of an ingestion request.

    Attributes:
        index: the position of the record in the request, from 0.
        insert_id: the record's ``$insert_id``, or an empty text.
        fault: why the record was rejected.
    """

    index: int
    insert_id: object
    fault: ValidationFault


def short_response(params: Mapping[str, str], error: str | None) -> Response:
    """Return the older short response: the text ``1`` for success (``error`` is None), ``0`` for failure.

    The parameters ``verbose``, ``img`` and ``callback`` change the form to JSON, a GIF image or a JavaScript call
    (mixpanel/docs: reference/track-event.mdx).
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
    """Return the JSON response to a request that is rejected as a whole, with ``code``, ``error`` and ``status``."""
    return JSONResponse({"code": status, "error": error, "status": _phrase(status)}, status)


def import_response(count: int, failed: Sequence[FailedRecord], key: str) -> Response:
    """Return the response to an import. Its status is 400 if a record failed.

    Args:
        count: the number of imported records.
        failed: the rejected records.
        key: the name of the JSON key for a rejected record's ``$insert_id``.
    """
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
    """Return the documented status text of an HTTP status, such as ``Bad Request``."""
    return _PHRASES.get(status, HTTPStatus(status).phrase)
