"""Application of profile updates to the stored profiles."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from mixpanel_aep_sandbox.core.json_types import JsonObject
from mixpanel_aep_sandbox.core.state import SandboxState
from mixpanel_aep_sandbox.mixpanel.ingestion.profile_updates import changed_properties, is_deletion
from mixpanel_aep_sandbox.mixpanel.models.documents import profile_key
from mixpanel_aep_sandbox.mixpanel.models.profiles import Profile, ProfileStore
from mixpanel_aep_sandbox.mixpanel.models.projects import Project


class ProfileWriter:
    """Applies profile updates to the stored user and group profiles."""

    def __init__(self, state: SandboxState, profiles: ProfileStore) -> None:
        self._state, self._profiles = state, profiles

    def update(self, project: Project, records: Sequence[JsonObject], *, group: bool) -> None:
        """Apply valid updates to the profiles of a project in order, in one transaction.

        Args:
            project: the project.
            records: the updates.
            group: whether they are updates of group profiles, which were sent to ``/groups``.
        """
        now_ms = self._state.clock.milliseconds()
        with self._state.store.transaction():
            by_group_key: dict[str, dict[str, Profile]] = {}
            for record in records:
                group_key = str(record["$group_key"]) if group else ""
                profiles = by_group_key.get(group_key)
                if profiles is None:
                    profiles = self._profiles.current_profiles(project, now_ms, group_key)
                    by_group_key[group_key] = profiles
                self._apply(project, profiles, record, group_key, now_ms)

    def _apply(
        self, project: Project, profiles: dict[str, Profile], record: JsonObject, group: str, now_ms: int
    ) -> None:
        """Apply one update to the stored profile and to ``profiles``.

        Args:
            project: the project.
            profiles: the profiles of the group key, or all user profiles, by profile key.
            record: the update.
            group: the group key; empty for user profiles.
            now_ms: the time of the request in epoch milliseconds.
        """
        distinct_id = record["$group_id"] if group else record["$distinct_id"]
        key = profile_key(group, distinct_id)
        if is_deletion(record):
            profiles.pop(key, None)
            self._profiles.remove(project.id, group, distinct_id)
            return
        before = profiles[key].properties if key in profiles else {}
        properties = changed_properties(before, record)
        if not group and record.get("$ignore_time") is not True:
            moment = datetime.fromtimestamp(now_ms // 1000, UTC)
            properties = {**properties, "$last_seen": moment.strftime("%Y-%m-%dT%H:%M:%S")}
        profiles[key] = Profile(distinct_id=distinct_id, properties=properties, data_group_id=group)
        self._profiles.add(project.id, profiles[key])
