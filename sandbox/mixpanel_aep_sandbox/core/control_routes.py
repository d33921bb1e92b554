"""The control plane that all services share, under ``/_sandbox``.

=======  ======================  =============================================================================
GET      ``/``                   all routes of the sandbox as a page; ``/openapi.json``: as OpenAPI 3.1
GET      ``/health``             ``{"status": "ok", "now": ISO time of the sandbox}``
GET      ``/clock``              the sandbox's time: ``{"now": ISO, "epoch_ms": n, "frozen": bool}``
POST     ``/clock``              ``{"reset": true}``, ``{"set": when}``, ``{"freeze": bool}``, ``{"advance_seconds": n}``;
                                 several changes are applied in this order
GET      ``/faults``             planned faults, each with the numbers of matching requests and of faulty responses
POST     ``/faults``             plan a fault: see :mod:`mixpanel_aep_sandbox.faults.models` and :mod:`mixpanel_aep_sandbox.faults.actions`
DELETE   ``/faults``             delete all; ``/faults/{id}``: delete one
GET      ``/transcript``         ``?service=&path=&since=``: ``{"entries": [...]}``; ``since``: entries with larger ``n``
POST     ``/reset``              reset everything: documents, files, events, faults, clock, transcript
=======  ======================  =============================================================================
"""

from __future__ import annotations

import time
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from mixpanel_aep_sandbox.core.json_types import JsonObject
from mixpanel_aep_sandbox.core.state import SandboxState
from mixpanel_aep_sandbox.core.timestamps import Moment
from mixpanel_aep_sandbox.core.transcript import Transcript
from mixpanel_aep_sandbox.faults.models import Fault, FaultPlan
from mixpanel_aep_sandbox.openapi import document
from mixpanel_aep_sandbox.openapi.page import render


class ClockChange(BaseModel):
    """Body of ``POST /_sandbox/clock``: changes of the sandbox's clock."""

    model_config = ConfigDict(extra="forbid")

    reset: bool = False
    set_to: Moment | None = Field(default=None, alias="set")
    freeze: bool | None = None
    advance_seconds: float = Field(default=0, allow_inf_nan=False)


class ControlRoutes:
    """Handlers of the control routes for the clock, planned faults, the transcript, the route list and the reset."""

    def __init__(self, state: SandboxState, transcript: Transcript, faults: FaultPlan) -> None:
        self._state, self._transcript, self._faults = state, transcript, faults
        self._resetting = state.store.folder / "resetting"

    def router(self) -> APIRouter:
        """Return a FastAPI router with all methods of this class that handle requests, under ``/_sandbox``."""
        routes = APIRouter(prefix="/_sandbox")
        for method, path, endpoint in (
            ("GET", "/", self.page),
            ("GET", "/openapi.json", document),
            ("GET", "/health", self.health),
            ("GET", "/clock", self.clock),
            ("POST", "/clock", self.change_clock),
            ("GET", "/faults", self._faults.all),
            ("POST", "/faults", self.plan_fault),
            ("DELETE", "/faults", self.delete_faults),
            ("DELETE", "/faults/{fault_id}", self.delete_fault),
            ("GET", "/transcript", self.read_transcript),
            ("POST", "/reset", self.reset),
        ):
            methods = [method, "HEAD"] if method == "GET" else [method]
            routes.add_api_route(path, endpoint, methods=methods, response_model=None)
        return routes

    def page(self, request: Request) -> HTMLResponse:
        """Return the HTML page that lists all routes of the sandbox."""
        host, port = request.scope["server"]
        return HTMLResponse(render(f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"))

    def health(self) -> JsonObject:
        """Return the status ``ok`` and the sandbox's current time."""
        return {"status": "ok", "now": self._state.clock.now().isoformat()}

    def clock(self) -> JsonObject:
        """Return the time of the sandbox's clock in ISO format and in epoch milliseconds, and whether it is frozen."""
        clock = self._state.clock
        return {
            "now": clock.now().isoformat(),
            "epoch_ms": clock.milliseconds(),
            "frozen": clock.is_frozen,
        }

    def change_clock(self, change: ClockChange) -> JSONResponse:
        """Change the sandbox's clock and return its new time, or return 422 for a time outside of 1970 to 2199."""
        clock = self._state.clock
        start = time.time() if change.reset else clock.seconds()
        seconds = (start if change.set_to is None else change.set_to / 1000) + change.advance_seconds
        frozen = (clock.is_frozen and not change.reset) if change.freeze is None else change.freeze
        if change.set_to is not None or change.freeze is not None or change.advance_seconds:
            try:
                clock.set(seconds, frozen=frozen)
            except ValueError as error:
                return JSONResponse({"error": str(error)}, status_code=422)
        elif change.reset:
            clock.reset()
        return JSONResponse(self.clock())

    def plan_fault(self, fault: Fault) -> JsonObject:
        """Plan a fault for later requests and return the fault with its new id."""
        return self._faults.add(fault).model_dump(mode="json", exclude_none=True)

    def delete_faults(self) -> JsonObject:
        """Delete all planned faults and return their number."""
        return {"forgotten": self._faults.remove()}

    def delete_fault(self, fault_id: str) -> JSONResponse:
        """Delete the planned fault with this id, or return 404 if it does not exist."""
        deleted = self._faults.remove(fault_id)
        if not deleted:
            return JSONResponse({"error": f"Fault {fault_id} not found."}, status_code=404)
        return JSONResponse({"forgotten": deleted})

    def read_transcript(
        self, service: str = "", path: str = "", since: Annotated[int, Query(ge=0)] = 0
    ) -> JsonObject:
        """Return the logged requests of ``service`` and ``path`` (empty: any) whose number is above ``since``."""
        return {"entries": list(self._transcript.entries(service, path, since))}

    def reset(self) -> JsonObject:
        """Delete all documents and files, reset the clock, and call all reset hooks, which store the demo data."""
        self._resetting.touch()
        self._state.store.clear()
        self._state.clock.reset()
        for hook in self._state.on_reset:
            hook()
        self._resetting.unlink(missing_ok=True)
        return {"status": "reset"}

    def finish_reset(self) -> None:
        """Repeat a reset that did not finish because an earlier process ended during it."""
        if self._resetting.exists():
            self.reset()
