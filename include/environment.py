"""The kind of deployment that this process belongs to. Imports nothing, so that every part of the project can ask here."""

from __future__ import annotations

import os
from collections.abc import Mapping

ENVIRONMENT_VARIABLE = "MIXPANEL_AEP_ENV"
PRODUCTION, DEVELOPMENT = "production", "development"


class UnknownEnvironment(ValueError):
    """``MIXPANEL_AEP_ENV`` has an unknown value; one sentence that names the allowed ones."""


def is_production(environment: Mapping[str, str] | None = None) -> bool:
    """Return whether ``MIXPANEL_AEP_ENV`` is ``production``; the one place that reads it.

    Raises:
        UnknownEnvironment: it is something else than ``production``, ``development`` or empty. A misspelt
            ``production`` would otherwise pass for development.
    """
    value = (os.environ if environment is None else environment).get(ENVIRONMENT_VARIABLE, "")
    if value not in ("", PRODUCTION, DEVELOPMENT):
        raise UnknownEnvironment(
            f"{ENVIRONMENT_VARIABLE} is {value[:40]!a}; the allowed values are {PRODUCTION} and {DEVELOPMENT}, written "
            f"exactly so, and without it {DEVELOPMENT} is assumed."
        )
    return value == PRODUCTION
