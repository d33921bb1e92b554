"""Routes of the Flow Service: common handling of resources, with errors in the service's own shape."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from starlette.responses import Response

from mixpanel_aep_sandbox.aep.core.http import Call, Routes
from mixpanel_aep_sandbox.aep.flows.errors import FlowServiceError

Answering = Callable[[Call], Response]


class FlowRoutes(Routes):
    """Like :class:`Routes`, for handlers that raise :class:`FlowServiceError`."""

    def serve(self, method: str, path: str, handler: Answering, *, json: bool = True) -> None:
        """Add a route without a transaction: a handler that calls Mixpanel must not lock the store while it waits."""

        def answer(call: Call) -> Response:
            request_id = call.request.headers.get("x-request-id") or uuid.uuid4().hex
            try:
                return handler(call)
            except FlowServiceError as refusal:
                raise refusal.problem(request_id) from refusal

        self.add(method, path, answer, atomic=False, json=json)
