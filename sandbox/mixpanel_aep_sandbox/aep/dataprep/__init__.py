"""Data Prep: expressions, mapping sets, and the mapper that dataflows use."""

from __future__ import annotations

from fastapi import APIRouter

from mixpanel_aep_sandbox.aep.dataprep.routes import batch_conversions as conversions
from mixpanel_aep_sandbox.aep.dataprep.routes import languages, mapping_sets, validation
from mixpanel_aep_sandbox.core.state import SandboxState

__all__ = ["add_routes"]


def add_routes(state: SandboxState, router: APIRouter) -> None:
    """Add all HTTP routes of Data Prep to ``router``."""
    for part in (languages, validation, mapping_sets, conversions):
        part.add_routes(state, router)
