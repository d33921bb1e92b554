"""All routes of the AEP stand-in: the services that a pipeline for events uses, written from their documentation.

``[I]`` in the code marks an assumption where the documentation does not describe the behaviour.
"""

from __future__ import annotations

from fastapi import APIRouter

from mixpanel_aep_sandbox.aep import dataprep, flows
from mixpanel_aep_sandbox.aep.catalog.routes import batches as catalog_batches
from mixpanel_aep_sandbox.aep.catalog.routes import datasets as catalog
from mixpanel_aep_sandbox.aep.catalog.routes import root as catalog_root
from mixpanel_aep_sandbox.aep.catalog.routes import views as catalog_views
from mixpanel_aep_sandbox.aep.control import routes as control
from mixpanel_aep_sandbox.aep.control.settings import load_overrides
from mixpanel_aep_sandbox.aep.data_access import routes as export
from mixpanel_aep_sandbox.aep.hygiene import routes as hygiene
from mixpanel_aep_sandbox.aep.identity.routes import identities, namespaces
from mixpanel_aep_sandbox.aep.ingestion.routes import batches, preview, uploads
from mixpanel_aep_sandbox.aep.query_service import routes as query_service
from mixpanel_aep_sandbox.aep.registry.routes import descriptors as registry_descriptors
from mixpanel_aep_sandbox.aep.registry.routes import resources as registry
from mixpanel_aep_sandbox.core.state import SandboxState

__all__ = ["router"]

_PARTS = (
    registry_descriptors,  # before registry, whose routes match any path
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


def router(state: SandboxState) -> APIRouter:
    """Load the stored settings, and return a router with all AEP routes and the control routes ``/_sandbox/aep/*``."""
    initial = state.settings
    load_overrides(state)
    state.on_reset.append(lambda: setattr(state, "settings", initial))
    routes = APIRouter()
    for part in _PARTS:
        part.add_routes(state, routes)
    return routes
