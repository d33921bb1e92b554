"""The lake's address: its default, and its validation."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from include.errors import ConfigError
from include.redact import one_line

_PROJECT = Path(__file__).parents[2]
_SCHEMES = ("file", "s3", "gs", "az", "abfss")
LAKE_ENVIRONMENT = "MIXPANEL_AEP_LAKE"


def default_lake() -> str:
    """Return the lake's address where no setting names it: ``MIXPANEL_AEP_LAKE``, else the project's folder ``lake``."""
    return os.environ.get(LAKE_ENVIRONMENT) or f"file://{_PROJECT / 'lake'}"


def lake_address(url: str) -> SplitResult:
    """Return the parts of a lake's address, which may not contain a secret, because logs and manifests show it.

    Raises:
        ConfigError: the address is invalid; the message never contains a part that may be secret.
    """
    try:
        parts = urlsplit(url)
        secret = parts.password or parts.query or parts.fragment
    except ValueError:
        raise ConfigError("The lake's address is invalid.", "Use the form s3://bucket/prefix.") from None
    if parts.scheme not in _SCHEMES:
        raise ConfigError(
            f"The lake's address has the unknown scheme {one_line(parts.scheme, 20)!r}.",
            f"Use one of {', '.join(_SCHEMES)}.",
        )
    # In abfss://container@account.dfs.core.windows.net the container is in the place of a user.
    if secret or (parts.username and parts.scheme != "abfss"):
        raise ConfigError(
            "The lake's address contains more than a location, such as a user, a password or a signature.",
            "Write only scheme://bucket/prefix. Credentials come from the worker's environment, preferably from its role.",
        )
    if parts.scheme == "file" and (parts.netloc or not parts.path.startswith("/")):
        raise ConfigError(
            f"The lake {one_line(url)!r} must be an absolute path.",
            "Use three slashes: file:///var/lake.",
        )
    return parts
