"""User and group profiles of a project, and the cohorts of users."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StrictInt, StrictStr

from mixpanel_aep_sandbox.core.json_types import JsonObject
from mixpanel_aep_sandbox.mixpanel.models.documents import DocumentStore, profile_key
from mixpanel_aep_sandbox.mixpanel.models.projects import MAX_ID, Project
from mixpanel_aep_sandbox.mixpanel.parameters import merged_parameters

DistinctId = Annotated[StrictStr | StrictInt, Field(description="Text as a rule; numbers occur.")]


class Profile(BaseModel):
    """A user or group profile."""

    model_config = ConfigDict(extra="forbid")

    distinct_id: DistinctId
    properties: JsonObject = Field(default_factory=dict)
    data_group_id: str = ""
    """The group key's id of a group profile; empty: a user."""
    deleted: bool = False

    def as_row(self) -> JsonObject:
        """Return the profile as the Query API shows it."""
        return {"$distinct_id": self.distinct_id, "$properties": self.properties}


class Cohort(BaseModel):
    """The user profiles that match ``where``, and the listed ids, including ids without a profile."""

    model_config = ConfigDict(extra="forbid")

    id: int = Field(ge=1, le=MAX_ID)
    name: str
    description: str = ""
    is_visible: int = Field(default=1, ge=0, le=1)
    created: str = Field(default="2026-06-01 00:00:00", pattern=r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$")
    where: str = ""
    distinct_ids: list[DistinctId] = Field(default_factory=list)

    def members(self, profiles: Mapping[str, Profile]) -> dict[str, Profile]:
        """Return the members by key; one without a profile has no properties."""
        test = merged_parameters({"where": self.where}).where()
        found = {key: known for key, known in profiles.items() if test and test(as_event(known))}
        for distinct_id in self.distinct_ids:
            key = profile_key("", distinct_id)
            found[key] = profiles.get(key) or Profile(distinct_id=distinct_id)
        return found


class ProfileStore:
    """The profiles of all projects: generated ones of the demo shop, and added ones, which take precedence."""

    def __init__(self, documents: DocumentStore) -> None:
        self._documents = documents

    def of(self, project: Project, now_ms: int, group: str = "") -> dict[str, Profile]:
        """Return the current profiles by key: of users, or of the groups of one group key."""
        found: dict[str, Profile] = {}
        if project.source == "shop" and not group:
            # Imported late: few projects need the shop.
            from mixpanel_aep_sandbox.demo_data import shop_profiles

            for distinct_id, properties in shop_profiles.profiles(now_ms):
                # Not validated: they are generated here, thousands at a time.
                found[profile_key("", distinct_id)] = Profile.model_construct(
                    distinct_id=distinct_id, properties=properties, data_group_id=""
                )
        for body in self._documents.all(project.id, "profile"):
            profile = Profile.model_validate(body)
            if profile.data_group_id != group:
                continue
            key = profile_key(group, profile.distinct_id)
            if profile.deleted:
                found.pop(key, None)
            else:
                found[key] = profile
        return found

    def add(self, project_id: int, profile: Profile) -> None:
        """Insert or replace a profile."""
        key = profile_key(profile.data_group_id, profile.distinct_id)
        self._documents.put(project_id, "profile", key, profile.model_dump(mode="json"))

    def remove(self, project_id: int, group: str, distinct_id: str | int) -> None:
        """Delete a profile. A profile of the demo data is recorded as deleted, so that it is not generated again."""
        gone = Profile(distinct_id=distinct_id, data_group_id=group, deleted=True)
        self.add(project_id, gone)

    def cohorts(self, project_id: int) -> list[Cohort]:
        """Return the cohorts of a project."""
        return [Cohort.model_validate(body) for body in self._documents.all(project_id, "cohort")]


def as_event(profile: Profile) -> JsonObject:
    """Return a profile in the form on which segmentation expressions are evaluated."""
    return {
        "properties": {"distinct_id": profile.distinct_id, **profile.properties},
        "user": profile.properties,
    }
