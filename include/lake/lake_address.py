"""Where a lake is: the default, and what its address may hold."""

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
    """Return where the lake is when no setting says it: ``MIXPANEL_AEP_LAKE``, else the project's folder ``lake``."""
    return os.environ.get(LAKE_ENVIRONMENT) or f"file://{_PROJECT / 'lake'}"


def lake_address(url: str) -> SplitResult:
    """Return the parts of a lake's address; logs and manifests show it, so nothing secret may be in it.

    Raises:
        ConfigError: it is not an address of a lake; what may hold a secret is not in the message.
    """
    try:
        parts = urlsplit(url)
        secret = parts.password or parts.query or parts.fragment
    except ValueError:
        raise ConfigError("The lake's address is none.", "Write it like s3://bucket/prefix.") from None
    if parts.scheme not in _SCHEMES:
        raise ConfigError(
            f"The lake is of no known kind: its address begins with {one_line(parts.scheme, 20) or 'no scheme'}.",
            f"Use one of {', '.join(_SCHEMES)}.",
        )
    # Of abfss://container@account.dfs.core.windows.net the container stands where others have a user.
    if secret or (parts.username and parts.scheme != "abfss"):
        raise ConfigError(
            "The lake's address holds more than a place: a user, a password, a signature or the like.",
            "Write only scheme://bucket/prefix; credentials come from the worker's environment, better from its role.",
        )
    if parts.scheme == "file" and (parts.netloc or not parts.path.startswith("/")):
        raise ConfigError(
            f"The lake {one_line(url)!r} names no absolute folder.",
            "Write it with three slashes: file:///var/lake.",
        )
    return parts
