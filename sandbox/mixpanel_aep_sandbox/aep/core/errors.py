"""Errors, in the shapes that the services document."""

from __future__ import annotations

from mixpanel_aep_sandbox.core.json_types import JsonObject


class Problem(Exception):
    """An error response of an AEP API: HTTP status and body."""

    def __init__(self, status: int, body: JsonObject, headers: dict[str, str] | None = None) -> None:
        super().__init__(f"{status} {body}")
        self.status = status
        self.body = body
        self.headers = headers or {}


_TITLES = {
    400: "BadRequestError",
    403: "ForbiddenError",
    404: "NotFoundError",
    405: "MethodNotAllowedError",
    406: "NotAcceptableError",
    409: "ConflictError",
    410: "GoneError",
    412: "PreconditionFailedError",
    413: "PayloadTooLargeError",
    414: "UriTooLongError",
    415: "UnsupportedMediaTypeError",
    429: "TooManyRequestsError",
    503: "ServiceUnavailableError",
}


def problem(status: int, detail: str, headers: dict[str, str] | None = None) -> Problem:
    """Return an error in the Schema Registry's shape (EP:xdm/troubleshooting-guide.md); all services use it [I]."""
    return Problem(
        status,
        {
            "type": "/placeholder/type/uri",
            "status": status,
            "title": _TITLES.get(status, "Error"),
            "detail": detail,
        },
        headers,
    )


def gateway(code: str, message: str) -> Problem:
    """Return an error in the gateway's shape (EP:landing/troubleshooting.md).

    The status is the code's first three digits [I].
    """
    return Problem(int(code[:3]), {"error_code": code, "message": message})
