"""Adobe Experience Platform, as far as a pipeline that loads events needs it, strictly after its documentation.

Every answer that the documentation leaves open is marked [I] where it is chosen.
"""

from __future__ import annotations

from fastapi import APIRouter

from include.sandbox.aep import (
    batches,
    catalog,
    catalog_batches,
    catalog_root,
    catalog_views,
    control,
    dataprep,
    export,
    flows,
    hygiene,
    identities,
    namespaces,
    preview,
    registry,
    registry_descriptors,
    uploads,
)
from include.sandbox.aep.query_service import rest as query_service
from include.sandbox.aep.settings import load_overrides
from include.sandbox.world import World

__all__ = ["router"]

_PARTS = (
    registry_descriptors,  # before registry, whose paths take in everything
    registry,
    namespaces,
    identities,
    catalog,
    catalog_batches,
    catalog_views,
    catalog_root,
    hygiene,
    uploads,
    batches,
    preview,
    export,
    query_service,
    dataprep,
    flows,
    control,
)


def router(world: World) -> APIRouter:
    """Every route of AEP, and ``/_sandbox/aep/*``."""
    initial = world.settings
    load_overrides(world)
    world.on_reset.append(lambda: setattr(world, "settings", initial))
    routes = APIRouter()
    for part in _PARTS:
        part.add_routes(world, routes)
    return routes
