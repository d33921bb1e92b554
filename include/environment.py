"""The kind of deployment of this process. It imports no other module of the project, so that all of them can use it."""

from __future__ import annotations

import os
from collections.abc import Mapping

ENVIRONMENT_VARIABLE = "MIXPANEL_AEP_ENV"
PRODUCTION, DEVELOPMENT = "production", "development"


class UnknownEnvironment(ValueError):
    """``MIXPANEL_AEP_ENV`` has an unknown value; the message lists the allowed ones."""


def is_production(environment: Mapping[str, str] | None = None) -> bool:
    """Return whether ``MIXPANEL_AEP_ENV`` is ``production``; only this function reads the variable.

    Raises:
        UnknownEnvironment: it is not ``production``, ``development`` or empty. A misspelt ``production`` would
            otherwise count as development.
    """
    value = (os.environ if environment is None else environment).get(ENVIRONMENT_VARIABLE, "")
    if value not in ("", PRODUCTION, DEVELOPMENT):
        raise UnknownEnvironment(
            f"{ENVIRONMENT_VARIABLE} is {value[:40]!a}; the allowed values are {PRODUCTION} and {DEVELOPMENT}, in this exact "
            f"spelling. The default is {DEVELOPMENT}."
        )
    return value == PRODUCTION
