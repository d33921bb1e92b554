"""Check that the sandbox does not start in production, by the variable that also sets the pipeline's environment."""

from __future__ import annotations

import os
from collections.abc import Mapping

_VARIABLE = "MIXPANEL_AEP_ENV"


def reason_not_to_start(environment: Mapping[str, str] | None = None) -> str | None:
    """Return one sentence if ``MIXPANEL_AEP_ENV`` is production or an unknown value, or None if the sandbox may start.

    ``environment``: the environment variables; None means ``os.environ``.
    """
    value = (os.environ if environment is None else environment).get(_VARIABLE, "")
    if value == "production":
        return f"The sandbox does not start where {_VARIABLE} is production."
    if value not in ("", "development"):
        return (
            f"{_VARIABLE} is {value[:40]!a}; the allowed values are production and development, in this exact "
            "spelling. The default is development."
        )
    return None
