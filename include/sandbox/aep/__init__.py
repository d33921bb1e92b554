"""Adobe Experience Platform, as far as a pipeline that loads events needs it, strictly after its documentation.

Every answer that the documentation leaves open is marked [I] where it is chosen.
"""

from __future__ import annotations

from fastapi import APIRouter

from include.sandbox.aep import (
    batches,
    catalog,
    catalog_batches,
    control,
    namespaces,
    registry,
    registry_descriptors,
    uploads,
)
from include.sandbox.aep.settings import load_overrides
from include.sandbox.world import World

__all__ = ["router"]


def router(world: World) -> APIRouter:
    """Every route of AEP, and ``/_sandbox/aep/*``."""
    load_overrides(world)
    routes = APIRouter()
    for part in (
        registry_descriptors,
        registry,
        namespaces,
        catalog,
        catalog_batches,
        uploads,
        batches,
        control,
    ):
        part.add_routes(world, routes)
    return routes
