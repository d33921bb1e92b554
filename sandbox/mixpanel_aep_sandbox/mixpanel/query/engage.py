"""``engage``: profiles in pages; ``engage/properties``: their properties."""

from __future__ import annotations

import json
import secrets
import string
import threading
from collections import Counter, OrderedDict
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from mixpanel_aep_sandbox.core.json_types import JsonObject
from mixpanel_aep_sandbox.mixpanel.errors import MixpanelError
from mixpanel_aep_sandbox.mixpanel.models.documents import profile_key
from mixpanel_aep_sandbox.mixpanel.models.profiles import Profile, ProfileStore, as_event
from mixpanel_aep_sandbox.mixpanel.parameters import Params
from mixpanel_aep_sandbox.mixpanel.query.routes import QueryRequest

_SESSIONS = 64
_MOST = 10**9
_KINDS = {bool: "boolean", int: "number", float: "number", list: "list", dict: "object"}


class _Session(NamedTuple):
    query_key: str
    rows: list[JsonObject]


class Engage:
    """Profiles. A query without a session starts one; further pages are read from its results."""

    def __init__(self, profiles: ProfileStore) -> None:
        self._profiles = profiles
        self._lock = threading.Lock()
        self._sessions: OrderedDict[str, _Session] = OrderedDict()

    def clear(self) -> None:
        """Forget all sessions."""
        with self._lock:
            self._sessions.clear()

    def query(self, request: QueryRequest) -> JsonObject:
        """Return a page of profiles. Only the first page has the ``total``, as clients observed."""
        params = request.params
        page = params.whole("page", least=0, most=_MOST) or 0
        size = _page_size(request)
        session_id = params.text("session_id")
        if page > 0 and not session_id:
            raise MixpanelError(400, "session_id is required for pages above 0", echo=True)
        query_key = json.dumps(
            [request.project.id, size, params.without("session_id", "page")], sort_keys=True
        )
        if session_id:
            rows = self._continue_session(session_id, query_key)
        else:
            rows = self._find_profiles(request)
            session_id = self._start_session(query_key, rows, request.now)
        answer = {
            "page": page,
            "page_size": size,
            "results": rows[page * size : (page + 1) * size],
            "session_id": session_id,
            "status": "ok",
        }
        return {**answer, "total": len(rows)} if page == 0 else answer

    def properties(self, request: QueryRequest) -> JsonObject:
        """Return for each property its type and the number of profiles that have it. This endpoint is undocumented; clients use it for discovery."""
        limit = request.params.whole("limit", least=1, most=_MOST) or _MOST
        counts: Counter[str] = Counter()
        kinds: dict[str, Counter[str]] = {}
        for profile in self._profiles.of(request.project, request.now_ms).values():
            for name, value in profile.properties.items():
                counts[name] += 1
                kinds.setdefault(name, Counter())[_kind(value)] += 1
        most = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:limit]
        return {
            "computed_at": request.now.isoformat(),
            "results": {
                name: {"count": count, "type": kinds[name].most_common(1)[0][0]} for name, count in most
            },
            "session_id": _session_id(request.now),
            "status": "ok",
        }

    def _continue_session(self, session_id: str, query_key: str) -> list[JsonObject]:
        with self._lock:
            session = self._sessions.get(session_id)
        if session is None or session.query_key != query_key:
            # The reference's text: a page belongs to a query with exactly the same parameters.
            raise MixpanelError(400, "request for page in uncached query for params", echo=True)
        return session.rows

    def _start_session(self, query_key: str, rows: list[JsonObject], now: datetime) -> str:
        session_id = _session_id(now)
        with self._lock:
            self._sessions[session_id] = _Session(query_key, rows)
            while len(self._sessions) > _SESSIONS:
                self._sessions.popitem(last=False)
        return session_id

    def _find_profiles(self, request: QueryRequest) -> list[JsonObject]:
        params = request.params
        params.whole("as_of_timestamp", least=0, most=_MOST * 1000)
        if params.text("behaviors"):
            if params.text("filter_by_cohort"):
                raise MixpanelError(400, "behaviors and filter_by_cohort are mutually exclusive", echo=True)
            raise MixpanelError(501, "The sandbox does not know behaviors.")
        group = params.text("data_group_id")
        found = self._profiles.of(request.project, request.now_ms, group)
        found = self._of_cohort(request, found)
        requested_ids = _ids(params, group)
        test = params.where()
        names = params.names("output_properties")
        return [
            _row(profile, names)
            for key, profile in found.items()
            if (requested_ids is None or key in requested_ids) and (test is None or test(as_event(profile)))
        ]

    def _of_cohort(self, request: QueryRequest, profiles: Mapping[str, Profile]) -> dict[str, Profile]:
        given = request.params.json("filter_by_cohort")
        with_all = request.params.flag("include_all_users", default=True)
        if given is None:
            return dict(profiles)
        number = given.get("id") if isinstance(given, dict) else None
        cohorts = {cohort.id: cohort for cohort in self._profiles.cohorts(request.project.id)}
        if isinstance(number, bool) or not isinstance(number, int) or number not in cohorts:
            raise MixpanelError(
                400, 'invalid filter_by_cohort, expected {"id": a cohort of this project}', echo=True
            )
        members = cohorts[number].members(profiles)
        return members if with_all else {key: known for key, known in members.items() if key in profiles}


def _page_size(request: QueryRequest) -> int:
    size = request.project.engage_page_size
    requested = request.params.whole("page_size", least=1, most=_MOST)
    honoured = request.project.switches.engage_page_size == "honoured"
    return min(requested, size) if requested and honoured else size


def _ids(params: Params, group: str) -> set[str] | None:
    """Return the keys of the profiles that the request names, or None if it names none and so requests all."""
    requested_ids = params.json("distinct_ids")
    if requested_ids is not None and not isinstance(requested_ids, list):
        raise MixpanelError(400, "invalid distinct_ids parameter, expected a JSON array", echo=True)
    names = list(requested_ids or []) + ([params.text("distinct_id")] if params.text("distinct_id") else [])
    if requested_ids is None and not names:
        return None
    # A form does not distinguish the text "4" from the number 4, and distinct_id comes in a form.
    numbers = [int(name) for name in names if isinstance(name, str) and name.isdecimal() and len(name) < 19]
    return {profile_key(group, name) for name in [*names, *numbers] if isinstance(name, (str, int))}


def _row(profile: Profile, names: list[str] | None) -> JsonObject:
    row = profile.as_row()
    if names is not None:
        row["$properties"] = {name: row["$properties"][name] for name in names if name in row["$properties"]}
    return row


def _kind(value: object) -> str:
    """Return the type of a property, as Mixpanel names it."""
    if isinstance(value, str):
        try:
            datetime.fromisoformat(value)
        except ValueError:
            return "string"
        return "datetime" if "T" in value else "string"
    return _KINDS.get(type(value), "string")


def _session_id(now: datetime) -> str:
    tail = "".join(secrets.choice(string.ascii_uppercase) for _ in range(6))
    return f"{int(now.timestamp())}-{tail}"
