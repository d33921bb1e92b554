"""Registration of the Flow Service's routes, with errors in the format of the Flow Service."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from starlette.responses import Response

from mixpanel_aep_sandbox.aep.core.http import Call, Routes
from mixpanel_aep_sandbox.aep.flows.errors import FlowServiceError

Handler = Callable[[Call], Response]


class FlowRoutes(Routes):
    """:class:`Routes` for handlers that raise :class:`FlowServiceError`."""

    def serve(self, method: str, path: str, handler: Handler, *, json: bool = True) -> None:
        """Add a route whose handler runs outside of a transaction.

        In a transaction, a handler that calls Mixpanel would lock the store while it waits.

        Args:
            method: The HTTP method.
            path: The path below the base path.
            handler: The handler, which may raise :class:`FlowServiceError`.
            json: Whether the body must be JSON.
        """

        def convert_errors(call: Call) -> Response:
            request_id = call.request.headers.get("x-request-id") or uuid.uuid4().hex
            try:
                return handler(call)
            except FlowServiceError as error:
                raise error.problem(request_id) from error

        self.add(method, path, convert_errors, atomic=False, json=json)
