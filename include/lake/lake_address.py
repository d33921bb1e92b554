"""The default address of the lake, and the validation of lake addresses."""

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
    """Return the address of the lake to use if no other setting names one.

    It is that of ``MIXPANEL_AEP_LAKE``, or of the folder ``lake`` of this project if the variable is empty or missing.
    """
    return os.environ.get(LAKE_ENVIRONMENT) or f"file://{_PROJECT / 'lake'}"


def lake_address(url: str) -> SplitResult:
    """Validate the address of a lake, and return its parts. Logs and manifests show the address.

    Raises:
        ConfigError: the address is invalid or contains a secret; the message does not repeat a part that may be secret.
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
    # In abfss://container@account.dfs.core.windows.net, the URL parser returns the container as the user name.
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
