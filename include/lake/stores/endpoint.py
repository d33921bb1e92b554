"""The endpoint of an S3 store outside AWS, and the check whether requests to it may use plain HTTP."""

from __future__ import annotations

import os
from collections.abc import Mapping
from urllib.parse import urlsplit

from include.errors import ConfigError
from include.lake.allowed_lakes import is_below
from include.redact import one_line

PLAIN_HTTP_VARIABLE = "MIXPANEL_AEP_PLAIN_HTTP_LAKES"
_ENDPOINT_VARIABLES = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
"""The environment variables with an endpoint that obstore reads. Their precedence is not documented, so all count."""
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def loopback_endpoint(environment: Mapping[str, str] | None = None) -> bool:
    """Return whether the environment sets an S3 endpoint, and every endpoint that it sets is a loopback address."""
    found = _endpoints(environment)
    return bool(found) and all(_host(url) in _LOOPBACK for url in found)


def may_use_plain_http(lake: str, environment: Mapping[str, str] | None = None) -> bool:
    """Return whether a lake needs plain HTTP: it is in S3, and the address of an endpoint begins with ``http:``.

    Args:
        lake: the lake's address.
        environment: the environment variables; by default those of this process.

    Raises:
        ConfigError: an endpoint uses plain HTTP to another machine, and ``MIXPANEL_AEP_PLAIN_HTTP_LAKES`` does not list
            the lake or a folder that contains it.
    """
    given = os.environ if environment is None else environment
    plain = [url for url in _endpoints(given) if urlsplit(url).scheme == "http"]
    elsewhere = [url for url in plain if _host(url) not in _LOOPBACK]
    if not lake.startswith("s3://") or not plain:
        return False
    listed = [entry.strip() for entry in given.get(PLAIN_HTTP_VARIABLE, "").split(",") if entry.strip()]
    if elsewhere and not any(is_below(lake, entry) for entry in listed):
        raise ConfigError(
            f"The lake {lake} would use plain HTTP to {one_line(_host(elsewhere[0]) or '', 100)}: events would cross the "
            "network unencrypted.",
            "Use an https:// endpoint. On a trusted network, list the lake in "
            f"{PLAIN_HTTP_VARIABLE} in the environment of every Airflow process.",
        )
    return True


def _endpoints(environment: Mapping[str, str] | None) -> list[str]:
    """Return the addresses of all S3 endpoints in the environment variables."""
    given = os.environ if environment is None else environment
    return [given[name] for name in _ENDPOINT_VARIABLES if given.get(name)]


def _host(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None
