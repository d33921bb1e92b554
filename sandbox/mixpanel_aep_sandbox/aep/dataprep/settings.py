"""The options of the expression language, from the AEP settings of the sandbox's control API."""

from __future__ import annotations

from mixpanel_aep_sandbox.aep.core.service_settings import AepSettings
from mixpanel_aep_sandbox.aep.dataprep.language.options import Options
from mixpanel_aep_sandbox.core.state import SandboxState


def language_options(state: SandboxState) -> Options:
    """Return the options with which expressions are currently parsed and evaluated."""
    settings = AepSettings.of(state)
    return Options(
        whole_division=settings.mapping_division == "integer",
        functions_reserved=settings.mapping_function_names == "reserved",
        destination_functions=settings.mapping_destination_functions == "allowed",
    )
