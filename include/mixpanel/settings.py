"""The validated settings of a Mixpanel connection."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import Self, Unpack

from include.errors import ConfigError
from include.http.connection_fields import ConnectionFields, check, flag, refuse_unknown, required_field
from include.http.sandbox_address import check_sandbox_url, sandbox_address
from include.lake.history import Source

# docs.mixpanel.com: openapi/export (data hosts), eu-residency and in-residency, openapi/query (app hosts)
DATA_HOSTS = {"us": "data.mixpanel.com", "eu": "data-eu.mixpanel.com", "in": "data-in.mixpanel.com"}
APP_HOSTS = {"us": "mixpanel.com", "eu": "eu.mixpanel.com", "in": "in.mixpanel.com"}
EXTRA_FIELDS = ("region", "project_id", "sandbox")


@dataclass(frozen=True)
class MixpanelSettings:
    """The settings of a Mixpanel connection: a service account, a project and its region.

    ``repr`` shows no credentials.

    Attributes:
        username: the user name of the service account.
        secret: the secret of the service account.
        project_id: the id of the project.
        region: where Mixpanel stores the project: ``us``, ``eu`` or ``in``.
        sandbox_url: the base URL of this project's local sandbox, which stands in for Mixpanel; None: Mixpanel itself.
        conn_id: the id of the connection, for messages.

    Raises:
        ConfigError: a field is invalid; the message does not contain its value.
    """

    username: str = field(repr=False)
    secret: str = field(repr=False)
    project_id: int
    region: str = "us"
    sandbox_url: str | None = None
    conn_id: str = "mixpanel"

    def __post_init__(self) -> None:
        check(
            self.conn_id,
            "login",
            self.username,
            r"[\x21-\x39\x3b-\x7e]{1,512}",
            "a service account's user name",
        )
        check(
            self.conn_id,
            "password",
            self.secret,
            r"[\x21-\x7e]{1,512}",
            "that service account's secret (Mixpanel retires project secrets on 3 March 2027)",
        )
        check(self.conn_id, "project_id", str(self.project_id), r"[1-9][0-9]{0,17}", "the project's number")
        if self.region not in DATA_HOSTS:
            raise ConfigError(
                f"Connection {self.conn_id}: region must be one of {', '.join(DATA_HOSTS)}.",
                "See the address of the project in a browser: eu.mixpanel.com is eu, in.mixpanel.com is in, mixpanel.com is us.",
            )
        check_sandbox_url(self.conn_id, self.sandbox_url)

    @classmethod
    def from_connection(cls, **fields: Unpack[ConnectionFields]) -> Self:
        """Return the settings in the fields of an Airflow connection.

        login and password are the service account's user name and secret. The project id is in ``schema`` or in extra
        ``project_id``, the region in extra ``region``.

        Raises:
            ConfigError: an extra field is unknown, the host is not Mixpanel's, or the value of a field is invalid.
        """
        conn_id, extra = fields["conn_id"], fields["extra"]
        refuse_unknown(conn_id, extra, EXTRA_FIELDS)
        region = str(extra.get("region") or "us").lower()
        project_id = required_field(conn_id, "project_id", extra, fields.get("schema"))
        check(conn_id, "project_id", project_id, r"[1-9][0-9]{0,17}", "the project's number")
        return cls(
            username=fields["login"] or "",
            secret=fields["password"] or "",
            project_id=int(project_id),
            region=region,
            sandbox_url=sandbox_address(
                conn_id,
                sandbox=flag(conn_id, "extra sandbox", extra.get("sandbox", False)),
                host=fields["host"],
                port=fields["port"],
                own_hosts=[DATA_HOSTS[region]] if region in DATA_HOSTS else [],
            ),
            conn_id=conn_id,
        )

    @property
    def source(self) -> Source:
        """The region and id of the Mixpanel project, by which the lake identifies where events come from."""
        return Source(self.region, self.project_id)

    @property
    def data_url(self) -> str:
        """The base URL for raw event exports."""
        return self.sandbox_url or f"https://{DATA_HOSTS[self.region]}"

    @property
    def app_url(self) -> str:
        """The base URL for requests about the account and the project."""
        return self.sandbox_url or f"https://{APP_HOSTS[self.region]}"

    @property
    def other_regions(self) -> str:
        """The names of the other regions as text for a message, such as ``eu or in``."""
        return " or ".join(region for region in DATA_HOSTS if region != self.region)

    @property
    def basic_token(self) -> str:
        """The user name and the secret, encoded for HTTP Basic authentication; to be protected like the secret."""
        return base64.b64encode(f"{self.username}:{self.secret}".encode()).decode("ascii")

    @property
    def secrets(self) -> tuple[str, ...]:
        """Values that must never be logged or written: the secret, plain and encoded for HTTP Basic authentication."""
        return (self.secret, self.basic_token)
