"""Data Prep's settings."""

from __future__ import annotations

from mixpanel_aep_sandbox.aep.core.service_settings import AepSettings
from mixpanel_aep_sandbox.aep.dataprep.language.options import Options
from mixpanel_aep_sandbox.core.state import SandboxState


def language_options(state: SandboxState) -> Options:
    """Return how expressions are currently read."""
    settings = AepSettings.of(state)
    return Options(
        whole_division=settings.mapping_division == "integer",
        functions_reserved=settings.mapping_function_names == "reserved",
        destination_functions=settings.mapping_destination_functions == "allowed",
    )
