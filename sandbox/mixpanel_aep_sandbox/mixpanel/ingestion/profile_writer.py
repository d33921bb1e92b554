"""Writer of profile updates."""

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
    """Applies updates to the stored profiles."""

    def __init__(self, state: SandboxState, profiles: ProfileStore) -> None:
        self._state, self._profiles = state, profiles

    def update(self, project: Project, records: Sequence[JsonObject], *, group: bool) -> None:
        """Apply valid updates in their order, all or none."""
        now_ms = self._state.clock.milliseconds()
        with self._state.store.transaction():
            known: dict[str, dict[str, Profile]] = {}
            for record in records:
                key = str(record["$group_key"]) if group else ""
                held = known.get(key)
                if held is None:
                    held = known[key] = self._profiles.of(project, now_ms, key)
                self._apply(project, held, record, key, now_ms)

    def _apply(
        self, project: Project, held: dict[str, Profile], record: JsonObject, group: str, now_ms: int
    ) -> None:
        distinct_id = record["$group_id"] if group else record["$distinct_id"]
        key = profile_key(group, distinct_id)
        if is_deletion(record):
            held.pop(key, None)
            self._profiles.remove(project.id, group, distinct_id)
            return
        before = held[key].properties if key in held else {}
        properties = changed_properties(before, record)
        if not group and record.get("$ignore_time") is not True:
            moment = datetime.fromtimestamp(now_ms // 1000, UTC)
            properties = {**properties, "$last_seen": moment.strftime("%Y-%m-%dT%H:%M:%S")}
        held[key] = Profile(distinct_id=distinct_id, properties=properties, data_group_id=group)
        self._profiles.add(project.id, held[key])
