"""The control plane that all services share: health, clock, faults, transcript, settings, reset."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from include.sandbox.faults import FaultPlan
from include.sandbox.transcript import Transcript
from include.sandbox.world import World


def control_router(world: World, transcript: Transcript, faults: FaultPlan) -> APIRouter:
    routes = APIRouter(prefix="/_sandbox")

    @routes.get("/health")
    def health() -> dict[str, Any]:
        return {"status": "ok", "now": world.clock.now().isoformat()}

    @routes.get("/transcript")
    def read_transcript(service: str = "", path: str = "", since: int = 0) -> dict[str, Any]:
        return {"entries": list(transcript.entries(service, path, since))}

    return routes
