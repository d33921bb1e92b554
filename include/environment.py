"""Reads from ``MIXPANEL_AEP_ENV`` whether this is a production deployment.

This module imports no other module of the project, so that every module can import it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

ENVIRONMENT_VARIABLE = "MIXPANEL_AEP_ENV"
PRODUCTION, DEVELOPMENT = "production", "development"


class UnknownEnvironment(ValueError):
    """``MIXPANEL_AEP_ENV`` has an unknown value; the message lists the allowed ones."""


def is_production(environment: Mapping[str, str] | None = None) -> bool:
    """Return whether ``MIXPANEL_AEP_ENV`` is ``production``; an empty or missing variable means ``development``.

    Args:
        environment: the environment variables; by default those of this process.

    Raises:
        UnknownEnvironment: the variable is not ``production``, ``development`` or empty; a misspelt ``production`` must
            not count as development.
    """
    value = (os.environ if environment is None else environment).get(ENVIRONMENT_VARIABLE, "")
    if value not in ("", PRODUCTION, DEVELOPMENT):
        raise UnknownEnvironment(
            f"{ENVIRONMENT_VARIABLE} is {value[:40]!a}; the allowed values are {PRODUCTION} and {DEVELOPMENT}, in this exact "
            f"spelling. The default is {DEVELOPMENT}."
        )
    return value == PRODUCTION
