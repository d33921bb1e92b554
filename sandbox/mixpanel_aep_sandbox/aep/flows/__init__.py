"""Flow Service: the connections, dataflows and runs that Adobe's documentation of the Mixpanel source describes.

A run exports events from the sandbox's own Mixpanel stand-in, maps them by a mapping set of Data Prep, and creates a
batch.
"""

from __future__ import annotations

from fastapi import APIRouter

from mixpanel_aep_sandbox.aep.flows import specs
from mixpanel_aep_sandbox.aep.flows.constants import FLOW_SERVICE
from mixpanel_aep_sandbox.aep.flows.routes import connections, dataflows, runs
from mixpanel_aep_sandbox.aep.flows.routes import source_target_connections as ends
from mixpanel_aep_sandbox.aep.flows.routes.http import FlowRoutes
from mixpanel_aep_sandbox.aep.flows.runs.worker import start_due_runs
from mixpanel_aep_sandbox.core.state import SandboxState

__all__ = ["add_routes"]


def add_routes(state: SandboxState, router: APIRouter) -> None:
    """Add all routes of the Flow Service to the router, and start due runs before batches are read."""
    routes = FlowRoutes(state, router, FLOW_SERVICE)
    for part in (specs, connections, ends, dataflows, runs):
        part.add_routes(routes)
    state.before_read.append(start_due_runs)
