"""Answers that are not events."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import JSONResponse, Response


class Refusal(Exception):
    """A request that Mixpanel turns down; ``echo`` repeats the request line in the body, as some errors do."""

    def __init__(
        self, status: int, error: str, *, echo: bool = False, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(error)
        self.status, self.error, self.echo, self.headers = status, error, echo, headers

    def response(self, request: Request) -> Response:
        body = {"error": self.error}
        if self.echo:
            query = f"?{request.url.query}" if request.url.query else ""
            body = {"request": request.url.path + query, **body}
        return JSONResponse(body, status_code=self.status, headers=self.headers)
