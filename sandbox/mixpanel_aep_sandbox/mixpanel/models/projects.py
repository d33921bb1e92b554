"""Mixpanel projects and service accounts, and the registry that stores them."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from mixpanel_aep_sandbox import demo_data as data
from mixpanel_aep_sandbox.core.json_types import JsonObject
from mixpanel_aep_sandbox.core.state import SandboxState
from mixpanel_aep_sandbox.mixpanel import settings
from mixpanel_aep_sandbox.mixpanel.settings import Limits, Region, Role, Switches

_PROJECT, _ACCOUNT, _USED, _SEEDED = (
    "mixpanel_project",
    "mixpanel_account",
    "mixpanel_account_used",
    "mixpanel_seeded",
)
_FIRST_ACCOUNT_ID = 7001
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - a local time without a zone
MAX_ID = 2**53


def _require_time_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, OSError, ValueError) as error:
        raise ValueError(f"{name!r} is not an IANA time zone") from error
    return name


class Project(BaseModel):
    """A Mixpanel project, with the settings that determine how its stand-in behaves."""

    model_config = ConfigDict(extra="forbid")

    id: int = Field(ge=1, le=MAX_ID)
    name: str = "Project"
    time_is: Literal["utc", "project_local"] = "utc"
    """What ``time`` of an exported event means: UTC, or the project's local time, as in projects from before 2023."""
    timezone: Annotated[str, AfterValidator(_require_time_zone)] = "UTC"
    region: Region = "us"
    organization_id: int = Field(default=data.ORGANIZATION_ID, ge=1, le=MAX_ID)
    organization_name: str = data.ORGANIZATION_NAME
    secret: str | None = None
    """The project's own (deprecated) API secret."""
    token: str = ""
    """The token that SDKs send with events; by default, it is derived from the id."""
    secret_until: date | None = date(2027, 3, 3)
    """Day from which the secret is invalid; Mixpanel retires project secrets on 3 March 2027."""
    source: Literal["", "adobe", "hostile", "shop"] = ""
    """Name of the project's demo data; empty for a project without demo data."""
    scale: int = Field(default=1, ge=1, le=10_000)
    """Factor by which the shop's number of events a day is multiplied; 200 gives a million events a day."""
    query_api: bool = True
    """Whether the project's plan includes the Query API; otherwise queries get status 402, but exports work."""
    history_days: int | None = Field(default=None, ge=0)
    """Number of past days that the project's plan includes; requests for earlier days get status 403."""
    classified_properties: list[str] = Field(default_factory=list)
    """Names of event properties that only accounts with access to classified data can read."""
    engage_page_size: int = Field(default=1000, ge=1, le=100_000)
    ingestion_events_per_minute: int | None = Field(default=30_000 * 60, ge=0)
    """Maximum number of ingested records in a minute; more get status 429. Null means no limit."""
    ingestion_bytes_per_minute: int | None = Field(default=2_000_000_000, ge=0)
    """Maximum number of ingested bytes in a minute, uncompressed; more get status 429. Null means no limit."""
    limits: Limits = Field(default_factory=settings.export_limits)
    query_limits: Limits = Field(default_factory=settings.query_limits)
    lexicon_limits: Limits = Field(default_factory=settings.lexicon_limits)
    switches: Switches = Field(default_factory=Switches)

    @model_validator(mode="after")
    def _with_token(self) -> Project:
        self.token = self.token or hashlib.sha256(f"token of project {self.id}".encode()).hexdigest()[:32]
        return self

    def today(self, now: datetime) -> date:
        """Return the date in the project's time zone at the time ``now``. It does not depend on ``time_is``."""
        return now.astimezone(ZoneInfo(self.timezone)).date()

    def stored_ms(self, instant_ms: int) -> int:
        """Convert a point in time to the ``time`` that the project stores and exports, both in milliseconds since 1970.

        If ``time_is`` is ``project_local``, that is the local time, read as if it were UTC.
        """
        if self.time_is == "utc":
            return instant_ms
        moment = datetime.fromtimestamp(instant_ms // 1000, ZoneInfo(self.timezone))
        offset = moment.utcoffset()
        return instant_ms + int(offset.total_seconds() * 1000 if offset else 0)

    def to_epoch_seconds(self, stored_seconds: float) -> float:
        """Convert an exported ``time`` of the project, in seconds, to epoch seconds.

        Of a local time that occurs twice when clocks are set back, the first one is meant.
        """
        if self.time_is == "utc":
            return stored_seconds
        wall = (_EPOCH + timedelta(seconds=stored_seconds)).replace(tzinfo=ZoneInfo(self.timezone))
        return wall.timestamp()


class Account(BaseModel):
    """A service account, with its role in one organisation and its roles in projects."""

    model_config = ConfigDict(extra="forbid")

    id: int = 0
    username: str
    secret: str
    expires: datetime | None = None
    expired_status: Literal[400, 401] | None = None
    """HTTP status for the expired account on other APIs than the export, whose status is always 400.

    Null means 400 on the Query API and 401 on the application API (assumed [I]).
    """
    organization_id: int = data.ORGANIZATION_ID
    organization_role: Literal["owner", "admin", "billing", "member"] = "member"
    roles: dict[int, Role] = Field(default_factory=dict)
    """Role in each project, by project id."""
    bearer: str | None = None
    """Token that authenticates the account in a Bearer authorization header, or None."""
    created: datetime | None = None

    def has_expired(self, now: datetime) -> bool:
        """Return whether the account has expired at the time ``now``."""
        expires = self.expires
        return bool(expires and (expires if expires.tzinfo else expires.replace(tzinfo=UTC)) <= now)


class ProjectRegistry:
    """The projects and service accounts in the sandbox's store."""

    def __init__(self, state: SandboxState) -> None:
        self._store, self._clock = state.store, state.clock
        self.seed()

    def seed(self) -> None:
        """Store the demo projects and accounts, unless they were stored since the last reset."""
        if self._store.get(_SEEDED, "demo"):
            return
        with self._store.transaction():
            for project in _demo_projects():
                self.put(project)
            for account in _demo_accounts():
                self.put_account(account)
            self._store.put(_SEEDED, "demo", {"seeded": True})

    def project(self, project_id: int) -> Project | None:
        """Return the project with this id, or None if it does not exist."""
        found = self._store.get(_PROJECT, str(project_id))
        return Project.model_validate(found) if found else None

    def projects(self) -> list[Project]:
        """Return all projects, oldest first."""
        return [Project.model_validate(body) for _, body in self._store.items(_PROJECT)]

    def put(self, project: Project) -> None:
        """Store a project; a stored project with the same id is replaced."""
        self._store.put(_PROJECT, str(project.id), project.model_dump(mode="json"))

    def delete(self, project_id: int) -> None:
        """Delete a project, and the roles of service accounts in the project."""
        with self._store.transaction():
            self._store.delete(_PROJECT, str(project_id))
            for account in self.accounts():
                if account.roles.pop(project_id, None):
                    self.put_account(account)

    def accounts(self) -> list[Account]:
        """Return all service accounts, oldest first."""
        return [Account.model_validate(body) for _, body in self._store.items(_ACCOUNT)]

    def account(self, username: str) -> Account | None:
        """Return the service account with this user name, or None if it does not exist."""
        found = self._store.get(_ACCOUNT, username)
        return Account.model_validate(found) if found else None

    def put_account(self, account: Account) -> Account:
        """Store a service account and return it; a new account gets the next id and the current time of creation."""
        with self._store.transaction():
            if not account.id:
                ids = [other.id for other in self.accounts()]
                account.id = max(ids, default=_FIRST_ACCOUNT_ID - 1) + 1
            account.created = account.created or self._clock.now()
            self._store.put(_ACCOUNT, account.username, account.model_dump(mode="json"))
        return account

    def delete_account(self, username: str) -> None:
        """Delete the service account with this user name; do nothing if it does not exist."""
        self._store.delete(_ACCOUNT, username)
        self._store.delete(_USED, username)

    def record_use(self, account: Account) -> None:
        """Store the current time as the last use of a service account."""
        self._store.put(_USED, account.username, {"at": self._clock.now().isoformat(timespec="seconds")})

    def last_used(self, account: Account) -> str | None:
        """Return the time of a service account's last use as an ISO 8601 text, or None if it was never used."""
        found = self._store.get(_USED, account.username)
        return str(found["at"]) if found else None


def _demo_projects() -> list[Project]:
    adobe: JsonObject = {
        "name": "Adobe tutorial",
        "time_is": "project_local",
        "timezone": "America/Los_Angeles",
        "source": "adobe",
    }
    return [
        Project(id=data.ADOBE_PROJECT_ID, **adobe),
        Project(id=data.HOSTILE_PROJECT_ID, name="Hostile lines", region="eu", source="hostile"),
        Project(id=data.SHOP_PROJECT_ID, name="Demo shop", source="shop"),
    ]


def _demo_accounts() -> list[Account]:
    projects = [project.id for project in _demo_projects()]
    created = datetime(2026, 1, 1, tzinfo=UTC)
    return [
        Account(
            username=data.SERVICE_ACCOUNT,
            secret=data.SERVICE_ACCOUNT_SECRET,
            roles=dict.fromkeys(projects, "analyst"),
            created=created,
        ),
        Account(
            username=data.ADMIN_ACCOUNT,
            secret=data.ADMIN_ACCOUNT_SECRET,
            organization_role="admin",
            roles=dict.fromkeys(projects, "admin"),
            created=created,
        ),
    ]
