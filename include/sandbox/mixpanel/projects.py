"""The Mixpanel projects and service accounts that the sandbox knows."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from include.sandbox import data
from include.sandbox.world import World

Region = Literal["us", "eu", "in"]
_PROJECT, _ACCOUNT, _SEEDED = "mixpanel_project", "mixpanel_account", "mixpanel_seeded"


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, OSError, ValueError) as error:
        raise ValueError(f"{name!r} is no IANA time zone") from error
    return name


class Limits(BaseModel):
    """Export limits of one project (documented: 60 an hour, 3 a second, 100 at a time)."""

    model_config = ConfigDict(extra="forbid")

    enabled: bool = True
    per_hour: int = 60
    per_second: int = 3
    concurrent: int = 100
    retry_after: bool = False
    """Whether a 429 carries Retry-After: seen in the field, promised nowhere."""


class Project(BaseModel):
    model_config = ConfigDict(extra="forbid")

    id: int
    name: str = "Project"
    time_is: Literal["utc", "project_local"] = "utc"
    timezone: Annotated[str, AfterValidator(_known_zone)] = "UTC"
    region: Region = "us"
    organization_id: int = data.ORGANIZATION_ID
    organization_name: str = data.ORGANIZATION_NAME
    secret: str | None = None
    """The project's own (deprecated) API secret."""
    source: Literal["", "adobe", "hostile", "shop"] = ""
    """Demo data the project starts with."""
    scale: int = Field(default=1, ge=1, le=10_000)
    """How many times the shop's usual traffic: 200 makes a million events a day, streamed piece by piece."""
    limits: Limits = Field(default_factory=Limits)

    def today(self, now: datetime) -> date:
        """The day in the project's zone; a project in UTC mode has its zone too, and it decides."""
        return now.astimezone(ZoneInfo(self.timezone)).date()

    def stored_ms(self, instant_ms: int) -> int:
        """How an instant is stored: as it is, or as the wall clock of the zone read as if it were UTC."""
        if self.time_is == "utc":
            return instant_ms
        moment = datetime.fromtimestamp(instant_ms // 1000, ZoneInfo(self.timezone))
        offset = moment.utcoffset()
        return instant_ms + int(offset.total_seconds() * 1000 if offset else 0)


class Account(BaseModel):
    model_config = ConfigDict(extra="forbid")

    username: str
    secret: str
    expires: datetime | None = None
    roles: dict[int, str] = Field(default_factory=dict)
    """Project id to role: owner, admin, analyst, consumer; ``no_export`` is a custom role without exports."""
    bearer: str | None = None


class Registry:
    """Projects and accounts in the sandbox's store; seeded once in a fresh state."""

    def __init__(self, world: World) -> None:
        self._store = world.store
        self.seed()

    def seed(self) -> None:
        if self._store.get(_SEEDED, "demo"):
            return
        with self._store.transaction():
            for project in _demo_projects():
                self.put(project)
            self.put_account(
                Account(
                    username=data.SERVICE_ACCOUNT,
                    secret=data.SERVICE_ACCOUNT_SECRET,
                    roles={project.id: "analyst" for project in _demo_projects()},
                )
            )
            self._store.put(_SEEDED, "demo", {"seeded": True})

    def project(self, project_id: int) -> Project | None:
        found = self._store.get(_PROJECT, str(project_id))
        return Project.model_validate(found) if found else None

    def projects(self) -> list[Project]:
        return [Project.model_validate(body) for _, body in self._store.items(_PROJECT)]

    def put(self, project: Project) -> None:
        self._store.put(_PROJECT, str(project.id), project.model_dump(mode="json"))

    def delete(self, project_id: int) -> None:
        self._store.delete(_PROJECT, str(project_id))

    def accounts(self) -> list[Account]:
        return [Account.model_validate(body) for _, body in self._store.items(_ACCOUNT)]

    def account(self, username: str) -> Account | None:
        found = self._store.get(_ACCOUNT, username)
        return Account.model_validate(found) if found else None

    def put_account(self, account: Account) -> None:
        self._store.put(_ACCOUNT, account.username, account.model_dump(mode="json"))

    def delete_account(self, username: str) -> None:
        self._store.delete(_ACCOUNT, username)


def _demo_projects() -> list[Project]:
    adobe: dict[str, Any] = {
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
