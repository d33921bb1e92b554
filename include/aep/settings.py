"""The validated settings of an Adobe Experience Platform connection."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self, Unpack
from urllib.parse import quote_plus

from include.errors import ConfigError
from include.http.connection_fields import (
    CORRECT_IT,
    ConnectionFields,
    check,
    flag,
    refuse_unknown,
    required_field,
)
from include.http.sandbox_address import check_sandbox_url, sandbox_address

PLATFORM_HOST = "platform.adobe.io"
IMS_HOST = "ims-na1.adobelogin.com"
EXTRA_FIELDS = ("org_id", "aep_sandbox", "scopes", "sandbox", "query_account", "query_secret")
DEFAULT_SCOPES = (
    "openid",
    "AdobeID",
    "read_organizations",
    "additional_info.projectedProductContext",
    "session",
)


@dataclass(frozen=True)
class AepSettings:
    """The settings of an AEP connection: an OAuth server-to-server credential, an organization and an AEP sandbox.

    ``repr`` shows no secret.

    Attributes:
        client_id: the client id of the credential.
        client_secret: the client secret of the credential.
        org_id: the id of the organization, which ends with ``@AdobeOrg``.
        aep_sandbox: the name of the AEP sandbox, such as ``prod``.
        scopes: the OAuth scopes of a token request.
        sandbox_url: the base URL of this project's local sandbox, which stands in for AEP; None: AEP itself.
        conn_id: the id of the connection, for messages.
        query_account: the technical account id of a non-expiring Query Service credential; None without one.
        query_secret: the secret of ``query_account``, used if Query Service does not accept access tokens.

    Raises:
        ConfigError: a field is invalid; the message does not contain its value.
    """

    client_id: str
    client_secret: str = field(repr=False)
    org_id: str
    aep_sandbox: str
    scopes: tuple[str, ...] = DEFAULT_SCOPES
    sandbox_url: str | None = None
    conn_id: str = "aep"
    query_account: str | None = None
    query_secret: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        name = self.conn_id
        check(name, "login", self.client_id, r"[A-Za-z0-9._-]{1,128}", "the client id of an OAuth credential")
        check(name, "password", self.client_secret, r"[\x21-\x7e]{1,512}", "that credential's client secret")
        check(name, "org_id", self.org_id, r"[A-Za-z0-9]{1,64}@AdobeOrg", "an id that ends with @AdobeOrg")
        check(
            name, "extra aep_sandbox", self.aep_sandbox, r"[a-z0-9-]{1,256}", "a lower-case name such as prod"
        )
        if not self.scopes:
            raise ConfigError(
                f"Connection {name}: extra scopes is empty.",
                "Remove the field scopes to use the default scopes.",
            )
        for scope in self.scopes:
            check(name, "extra scopes", scope, r"[A-Za-z0-9_.:/-]{1,200}", "a list of OAuth scopes")
        if self.query_account is not None or self.query_secret is not None:
            meaning = "the technicalAccountId of a non-expiring credential"
            check(name, "extra query_account", self.query_account, r"[A-Za-z0-9@._-]{1,200}", meaning)
            meaning = "the credential that belongs to query_account"
            check(name, "extra query_secret", self.query_secret, r"[\x21-\x7e]{1,2000}", meaning)
        check_sandbox_url(name, self.sandbox_url)

    @classmethod
    def from_connection(cls, **fields: Unpack[ConnectionFields]) -> Self:
        """Return the settings in the fields of an Airflow connection.

        login is the client id, password the client secret; the organization is in ``schema`` or in extra ``org_id``,
        and the other settings are the extra fields ``EXTRA_FIELDS``.

        Raises:
            ConfigError: an extra field is unknown, the host is not Adobe's, or the value of a field is invalid.
        """
        conn_id, extra = fields["conn_id"], fields["extra"]
        refuse_unknown(conn_id, extra, EXTRA_FIELDS)
        return cls(
            client_id=fields["login"] or "",
            client_secret=fields["password"] or "",
            org_id=required_field(conn_id, "org_id", extra, fields.get("schema")),
            aep_sandbox=str(extra.get("aep_sandbox") or ""),
            scopes=_scopes(conn_id, extra.get("scopes")),
            sandbox_url=sandbox_address(
                conn_id,
                sandbox=flag(conn_id, "extra sandbox", extra.get("sandbox", False)),
                host=fields["host"],
                port=fields["port"],
                own_hosts=[PLATFORM_HOST],
            ),
            conn_id=conn_id,
            query_account=_text(extra.get("query_account")),
            query_secret=_text(extra.get("query_secret")),
        )

    @property
    def platform_url(self) -> str:
        """The base URL of AEP's services."""
        return self.sandbox_url or f"https://{PLATFORM_HOST}"

    @property
    def ims_url(self) -> str:
        """The base URL of Adobe's identity service."""
        return self.sandbox_url or f"https://{IMS_HOST}"

    @property
    def secrets(self) -> tuple[str, ...]:
        """Values that must never be logged: the client secret, plain and form-encoded, and ``query_secret``."""
        own = (self.client_secret, quote_plus(self.client_secret))
        return own if self.query_secret is None else (*own, self.query_secret)


def _text(value: object) -> str | None:
    """Return the text of an optional field; None if it is missing or empty."""
    return None if value in (None, "") else str(value)


def _scopes(conn_id: str, value: object) -> tuple[str, ...]:
    """Return the OAuth scopes in a list or a comma-separated text; the default scopes if ``value`` is empty."""
    if value in (None, "", []):
        return DEFAULT_SCOPES
    if isinstance(value, str):
        return tuple(scope.strip() for scope in value.split(",") if scope.strip())
    if isinstance(value, list | tuple):
        return tuple(value)
    raise ConfigError(f"Connection {conn_id}: extra scopes must be a list of OAuth scopes.", CORRECT_IT)
