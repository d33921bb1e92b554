"""``engage`` returns profiles in pages; ``engage/properties`` returns the properties that profiles have."""

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
from mixpanel_aep_sandbox.mixpanel.models.profiles import Profile, ProfileStore, profile_as_event
from mixpanel_aep_sandbox.mixpanel.parameters import Params
from mixpanel_aep_sandbox.mixpanel.query.routes import QueryRequest

_SESSIONS = 64
_MOST = 10**9
_KINDS = {bool: "boolean", int: "number", float: "number", list: "list", dict: "object"}


class _Session(NamedTuple):
    """The results of a profile query, from which the requests for further pages are answered.

    Attributes:
        query_key: the project, the page size and the parameters of the query, as one text.
        rows: the matching profiles, in the form of the API's responses.
    """

    query_key: str
    rows: list[JsonObject]


class Engage:
    """Handlers for profile queries.

    A query without ``session_id`` starts a session, which stores the query's results; requests for further pages read
    these results.
    """

    def __init__(self, profiles: ProfileStore) -> None:
        self._profiles = profiles
        self._lock = threading.Lock()
        self._sessions: OrderedDict[str, _Session] = OrderedDict()

    def clear(self) -> None:
        """Delete the stored results of all queries."""
        with self._lock:
            self._sessions.clear()

    def query(self, request: QueryRequest) -> JsonObject:
        """Return one page of the profiles that match the query. Only page 0 has ``total``, as clients observed."""
        params = request.params
        page = params.integer("page", least=0, most=_MOST) or 0
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
        body = {
            "page": page,
            "page_size": size,
            "results": rows[page * size : (page + 1) * size],
            "session_id": session_id,
            "status": "ok",
        }
        return {**body, "total": len(rows)} if page == 0 else body

    def properties(self, request: QueryRequest) -> JsonObject:
        """Return the type of each property, and the number of profiles that have it, most frequent first.

        This endpoint is undocumented; clients use it to discover properties.
        """
        limit = request.params.integer("limit", least=1, most=_MOST) or _MOST
        counts: Counter[str] = Counter()
        kinds: dict[str, Counter[str]] = {}
        for profile in self._profiles.current_profiles(request.project, request.now_ms).values():
            for name, value in profile.properties.items():
                counts[name] += 1
                kinds.setdefault(name, Counter())[_type_name(value)] += 1
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
        """Return the results of a session.

        Raises:
            MixpanelError: 400 if the session does not exist or is that of another query.
        """
        with self._lock:
            session = self._sessions.get(session_id)
        if session is None or session.query_key != query_key:
            # The error text is the reference's: a page can only be requested with the query's exact parameters.
            raise MixpanelError(400, "request for page in uncached query for params", echo=True)
        return session.rows

    def _start_session(self, query_key: str, rows: list[JsonObject], now: datetime) -> str:
        """Store the results of a query as a new session, and return the session's id."""
        session_id = _session_id(now)
        with self._lock:
            self._sessions[session_id] = _Session(query_key, rows)
            while len(self._sessions) > _SESSIONS:
                self._sessions.popitem(last=False)
        return session_id

    def _find_profiles(self, request: QueryRequest) -> list[JsonObject]:
        """Return all profiles that match the parameters of the query, in the form of the API's responses."""
        params = request.params
        params.integer("as_of_timestamp", least=0, most=_MOST * 1000)
        if params.text("behaviors"):
            if params.text("filter_by_cohort"):
                raise MixpanelError(400, "behaviors and filter_by_cohort are mutually exclusive", echo=True)
            raise MixpanelError(501, "The sandbox does not support the parameter behaviors.")
        group = params.text("data_group_id")
        found = self._profiles.current_profiles(request.project, request.now_ms, group)
        found = self._filter_by_cohort(request, found)
        keys = _requested_keys(params, group)
        test = params.where()
        names = params.strings("output_properties")
        return [
            _row(profile, names)
            for key, profile in found.items()
            if (keys is None or key in keys) and (test is None or test(profile_as_event(profile)))
        ]

    def _filter_by_cohort(self, request: QueryRequest, profiles: Mapping[str, Profile]) -> dict[str, Profile]:
        """Return the members of the cohort ``filter_by_cohort`` by profile key; without a cohort, all profiles."""
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
        return members if with_all else {key: member for key, member in members.items() if key in profiles}


def _page_size(request: QueryRequest) -> int:
    size = request.project.engage_page_size
    requested = request.params.integer("page_size", least=1, most=_MOST)
    honoured = request.project.switches.engage_page_size == "honoured"
    return min(requested, size) if requested and honoured else size


def _requested_keys(params: Params, group: str) -> set[str] | None:
    """Return the keys of the profiles with the requested ids, or None if the request does not restrict the ids."""
    requested_ids = params.json("distinct_ids")
    if requested_ids is not None and not isinstance(requested_ids, list):
        raise MixpanelError(400, "invalid distinct_ids parameter, expected a JSON array", echo=True)
    names = list(requested_ids or []) + ([params.text("distinct_id")] if params.text("distinct_id") else [])
    if requested_ids is None and not names:
        return None
    # In a form, the text "4" and the number 4 look the same, so both kinds of ids are searched.
    numbers = [int(name) for name in names if isinstance(name, str) and name.isdecimal() and len(name) < 19]
    return {profile_key(group, name) for name in [*names, *numbers] if isinstance(name, (str, int))}


def _row(profile: Profile, names: list[str] | None) -> JsonObject:
    """Return a profile as the Query API returns it.

    Args:
        profile: the profile.
        names: the names of the properties to include; None: all.
    """
    row = profile.as_row()
    if names is not None:
        row["$properties"] = {name: row["$properties"][name] for name in names if name in row["$properties"]}
    return row


def _type_name(value: object) -> str:
    """Return Mixpanel's name of the type of a property's value; ISO 8601 texts with a time are ``datetime``."""
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
