"""Errors, in the shapes of Mixpanel's services."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

Shape = Literal["json", "text", "app"]
"""``json``: export host and Query API; ``text``: only the sentence; ``app``: with a status, as in ``/api/app``."""


class MixpanelError(Exception):
    """A request that Mixpanel rejects; ``echo`` repeats the request line in the body, as some errors do."""

    def __init__(
        self, status: int, error: str, *, echo: bool = False, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(error)
        self.status, self.error, self.echo, self.headers = status, error, echo, headers

    def response(self, request: Request, shape: Shape = "json") -> Response:
        """Return the response in a service's shape."""
        if shape == "text":
            return PlainTextResponse(self.error, status_code=self.status, headers=self.headers)
        body = {"error": self.error}
        if shape == "app":
            body["status"] = "error"
        elif self.echo:
            query = f"?{request.url.query}" if request.url.query else ""
            body = {"request": request.url.path + query, **body}
        return JSONResponse(body, status_code=self.status, headers=self.headers)
