"""Error responses of AEP services, in the documented forms."""

from __future__ import annotations

from mixpanel_aep_sandbox.core.json_types import JsonObject


class Problem(Exception):
    """An error response: its HTTP status, JSON body and headers. A handler raises it as an exception."""

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
    """Return an error response in the Schema Registry's form (EP:xdm/troubleshooting-guide.md), for all services [I].

    Args:
        status: The HTTP status.
        detail: What is wrong, as one sentence.
        headers: Additional response headers.

    Returns:
        The exception, which the caller must raise.
    """
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


def gateway_problem(code: str, message: str) -> Problem:
    """Return an error response in the form of Adobe's gateway (EP:landing/troubleshooting.md).

    Args:
        code: Adobe's code of the error, such as "403010"; its first three digits are the HTTP status [I].
        message: What is wrong.

    Returns:
        The exception, which the caller must raise.
    """
    return Problem(int(code[:3]), {"error_code": code, "message": message})
