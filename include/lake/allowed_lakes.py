"""Check that a deployment allows a lake.

The allowed lakes are set by environment variables and not by Airflow's variables, which Airflow roles below admin may
edit.
"""

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
"""The environment variable that sets Airflow's variable ``mixpanel_aep_lake``, so that users cannot change it."""
# Object stores decode percent signs and resolve dots later, so an address with them could leave the allowed prefix.
_RESOLVED_LATER = re.compile(r"[%\\\x00-\x1f\x7f]|/\.{1,2}(?:/|$)")


def require_allowed_lake(
    url: str, *, from_airflow_variable: bool, environment: Mapping[str, str] | None = None
) -> None:
    """Check that this deployment allows a lake.

    The lakes in the environment variables ``MIXPANEL_AEP_LAKES``, ``MIXPANEL_AEP_LAKE`` and
    ``AIRFLOW_VAR_MIXPANEL_AEP_LAKE`` are allowed, and every lake below one of them. Without ``MIXPANEL_AEP_LAKES``,
    these are also allowed: the default lake, a lake that a pipeline file or the command line names (the deployment
    controls both), and outside production any lake.

    Args:
        url: the lake's address.
        from_airflow_variable: whether the address comes from Airflow's variable ``mixpanel_aep_lake``, which users can
            change.
        environment: the environment variables; by default those of this process.

    Raises:
        ConfigError: the lake is not allowed, or an entry of ``MIXPANEL_AEP_LAKES`` is not a valid lake address.
    """
    given = os.environ if environment is None else environment
    listed = [entry.strip() for entry in given.get(LAKES_VARIABLE, "").split(",") if entry.strip()]
    if not listed and not (from_airflow_variable and is_production(given)):
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
    """Return whether the lake ``url`` is the lake ``allowed`` or a folder in it; path segments are compared as a whole.

    Raises:
        ConfigError: ``url`` or ``allowed`` is not a valid lake address.
    """
    lake, limit = lake_address(url.rstrip("/")), lake_address(allowed.rstrip("/"))
    if _RESOLVED_LATER.search(url) or (lake.scheme, lake.netloc) != (limit.scheme, limit.netloc):
        return False
    return lake.path == limit.path or lake.path.startswith(f"{limit.path}/")
