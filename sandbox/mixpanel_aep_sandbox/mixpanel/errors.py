"""Error responses of Mixpanel's APIs, which have different formats."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

Shape = Literal["json", "text", "app"]
"""Format of an error's body.

``json``: an object with ``error``, as the export host and the Query API send it; ``text``: only the sentence; ``app``:
an object with ``error`` and ``status``, as ``/api/app`` sends it.
"""


class MixpanelError(Exception):
    """A request that Mixpanel rejects, with the HTTP status and the error text of the response.

    Args:
        status: the HTTP status.
        error: the error text.
        echo: whether the body also contains the request's path and query, as with some of Mixpanel's errors.
        headers: headers of the response, such as Retry-After.
    """

    def __init__(
        self, status: int, error: str, *, echo: bool = False, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(error)
        self.status, self.error, self.echo, self.headers = status, error, echo, headers

    def response(self, request: Request, shape: Shape = "json") -> Response:
        """Return the HTTP response of this error in the given format."""
        if shape == "text":
            return PlainTextResponse(self.error, status_code=self.status, headers=self.headers)
        body = {"error": self.error}
        if shape == "app":
            body["status"] = "error"
        elif self.echo:
            query = f"?{request.url.query}" if request.url.query else ""
            body = {"request": request.url.path + query, **body}
        return JSONResponse(body, status_code=self.status, headers=self.headers)
