"""Requests access tokens for an OAuth server-to-server credential, and reuses each until shortly before it expires."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from urllib.parse import urlencode

from include.aep.errors import IMS_RULES
from include.aep.settings import AepSettings
from include.clock import SYSTEM_CLOCK, Clock
from include.errors import IdentityServiceUnavailable, ServiceUnavailable
from include.http.client import HttpClient
from include.http.request import HttpRequest, RetryPolicy, Service
from include.http.response import Response

EARLY_SECONDS = 120.0
"""How long before its expiry a token is replaced by a new one, at most."""
_LONGEST_SECONDS = 86_400.0  # "24 h life": developer.adobe.com, Server-to-server authentication, IMS


class TokenSource:
    """Provides the access token of one credential, from its cache or from Adobe's identity service.

    ``on_secret`` is called with every new token before it is used, so that the caller can mask it in logs. Tokens are
    cached because Adobe throttles clients that request too many (developer.adobe.com, Server-to-server authentication).
    """

    def __init__(
        self,
        settings: AepSettings,
        clock: Clock = SYSTEM_CLOCK,
        on_secret: Callable[[str], None] | None = None,
        retry_policy: RetryPolicy | None = None,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._on_secret = on_secret
        self._token: str | None = None
        self._issued: list[str] = []
        self._renew_at = 0.0
        facts = {"conn_id": settings.conn_id}
        service = Service(
            "Adobe's identity service",
            IMS_RULES,
            facts,
            self.secrets,
            _no_headers,
            unavailable=IdentityServiceUnavailable,
        )
        self._http = HttpClient(service, clock, retry_policy)

    def token(self) -> str:
        """Return an access token that is valid for at least another 120 s, or half of its lifetime if that is shorter.

        Raises:
            CredentialsRejected: the identity service rejects the credential.
            IdentityServiceUnavailable: the identity service is unavailable.
        """
        if self._token is None or self._clock.seconds() >= self._renew_at:
            self._fetch()
        assert self._token is not None
        return self._token

    def discard(self) -> None:
        """Discard the token after a service rejected it, so that the next call requests a new one."""
        self._token = None

    def secrets(self) -> tuple[str, ...]:
        """Return the values that must never be logged: the secrets of the settings, and all tokens received so far."""
        return (*self._settings.secrets, *self._issued)

    def close(self) -> None:
        """Close the connections to Adobe's identity service."""
        self._http.close()

    def _fetch(self) -> None:
        form = {
            "grant_type": "client_credentials",
            "client_id": self._settings.client_id,
            "client_secret": self._settings.client_secret,
            "scope": ",".join(self._settings.scopes),
        }
        request = HttpRequest(
            "POST",
            f"{self._settings.ims_url}/ims/token/v3",
            "issue a token",
            headers={"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"},
            content=urlencode(form).encode("ascii"),
        )
        requested_at = self._clock.seconds()
        token, lifetime = self._http.fetch(request, _token_and_lifetime)
        self._issued.append(token)
        if self._on_secret:
            self._on_secret(token)
        self._token = token
        self._renew_at = requested_at + lifetime - min(EARLY_SECONDS, lifetime / 2)


def _no_headers() -> Mapping[str, str]:
    return {}


def _token_and_lifetime(response: Response) -> tuple[str, float]:
    """Return the access token in a response, and its lifetime in seconds, which is reduced to 24 hours if it is longer.

    Raises:
        IdentityServiceUnavailable: the response contains no token, or an expired token.
    """
    try:
        body = response.json_object()
    except ServiceUnavailable:
        body = {}
    token, lifetime = body.get("access_token"), body.get("expires_in")
    if isinstance(token, str) and re.fullmatch(r"[\x21-\x7e]+", token) and isinstance(lifetime, int | float):
        if lifetime > 0:
            return token, min(float(lifetime), _LONGEST_SECONDS)
        problem = "returned an expired token"
    else:
        problem = "returned a response without a token"
    raise IdentityServiceUnavailable(
        f"Adobe's identity service is unavailable: it {problem}.",
        "The failure is on the side of the service. Run the task again.",
    )
