"""The Flow Service, as far as Adobe's documentation of its Mixpanel source uses it, and dataflows that really run.

A run asks the sandbox's own Mixpanel, maps the events by a mapping set of Data Prep, and makes a batch like any other.
"""

from __future__ import annotations

from fastapi import APIRouter

from include.sandbox.aep.flows import connections, dataflows, ends, runs, specs
from include.sandbox.aep.flows.constants import FLOW_SERVICE
from include.sandbox.aep.flows.http import FlowRoutes
from include.sandbox.aep.flows.runner import start_due
from include.sandbox.world import World

__all__ = ["add_routes"]


def add_routes(world: World, router: APIRouter) -> None:
    routes = FlowRoutes(world, router, FLOW_SERVICE)
    for part in (specs, connections, ends, dataflows, runs):
        part.add_routes(routes)
    world.on_look.append(start_due)
