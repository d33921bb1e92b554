"""The lakes that a deployment allows: set in its environment, because roles below Airflow's admin may edit variables."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from include.environment import is_production
from include.errors import ConfigError
from include.lake.lake_address import LAKE_ENVIRONMENT, default_lake, lake_address
from include.redact import one_line

LAKES_VARIABLE = "MIXPANEL_AEP_LAKES"
VARIABLE_IN_ENVIRONMENT = "AIRFLOW_VAR_MIXPANEL_AEP_LAKE"
"""Airflow's variable ``mixpanel_aep_lake`` as the environment sets it: users cannot change it then."""
# Object stores decode or resolve these later, so that an address could escape the prefix that was checked.
_RESOLVED_LATER = re.compile(r"[%\\\x00-\x1f\x7f]|/\.{1,2}(?:/|$)")


def require_allowed_lake(
    url: str, *, of_variable: bool, environment: Mapping[str, str] | None = None
) -> None:
    """Refuse a lake that this deployment does not allow.

    Allowed are the lakes of ``MIXPANEL_AEP_LAKES``, of ``MIXPANEL_AEP_LAKE`` and of ``AIRFLOW_VAR_MIXPANEL_AEP_LAKE``, and
    all lakes below them. Without ``MIXPANEL_AEP_LAKES``: also the default lake, every lake of a pipeline file or of the
    command line, which the deployment itself controls, and any lake outside production.

    Args:
        url: the lake's address.
        of_variable: whether the address comes from Airflow's variable, which users can change.
        environment: by default that of this process.

    Raises:
        ConfigError: the lake is not allowed, or an entry of the list is not a lake's address.
    """
    given = os.environ if environment is None else environment
    listed = [entry.strip() for entry in given.get(LAKES_VARIABLE, "").split(",") if entry.strip()]
    if not listed and not (of_variable and is_production(given)):
        return
    named = [given.get(VARIABLE_IN_ENVIRONMENT, ""), given.get(LAKE_ENVIRONMENT, "")]
    if not listed and not named[1]:
        named.append(default_lake())
    if not any(is_below(url, allowed) for allowed in (*listed, *filter(None, named))):
        raise ConfigError(
            f"The lake {one_line(url, 200)!r} is not allowed in this deployment; no data was written to it.",
            f"Add the lake to {LAKES_VARIABLE} in the environment of every Airflow process (addresses such as s3://bucket/prefix, "
            "separated by commas), or correct the setting that contains it.",
        )


def is_below(url: str, allowed: str) -> bool:
    """Return whether a lake is ``allowed`` or below it, compared by whole path segments.

    Raises:
        ConfigError: one of the two is not a valid lake address.
    """
    lake, limit = lake_address(url.rstrip("/")), lake_address(allowed.rstrip("/"))
    if _RESOLVED_LATER.search(url) or (lake.scheme, lake.netloc) != (limit.scheme, limit.netloc):
        return False
    return lake.path == limit.path or lake.path.startswith(f"{limit.path}/")
