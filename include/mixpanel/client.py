"""The Mixpanel client, which exports raw events and reads information about the account and the project."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from include.clock import SYSTEM_CLOCK, Clock
from include.errors import RequestRefused
from include.failpoint import failpoint
from include.http.client import HttpClient
from include.http.request import HttpRequest, RetryPolicy, Service
from include.http.response import Response
from include.mixpanel.errors import RULES
from include.mixpanel.export_stream import ExportStream
from include.mixpanel.settings import APP_HOSTS, DATA_HOSTS, MixpanelSettings

EXPORT_RETRY_POLICY = RetryPolicy(idle_seconds=900.0)
"""The timeouts of an export. Mixpanel may need minutes before the first byte of a large one, and documents no limit."""
_QUICK_SECONDS = 30.0  # a user may be waiting
_MOST_LIMITED_ROWS = 100_000


class Budget(Protocol):
    """The rate limit of export requests, as the client uses it; implemented by ``ExportBudget``."""

    def acquire(self) -> None:
        """Wait until an export may be requested, and count it; raise Throttled if the wait would be too long."""

    def pause(self, seconds: float) -> None:
        """Make the exports of all workers wait for ``seconds``, because Mixpanel requested a pause."""


@dataclass(frozen=True)
class Me:
    """What the service account of a connection can read about the connection's project.

    Attributes:
        project_visible: whether the service account has access to the project; if not, the rest is None.
        project_name: the name of the project; None if Mixpanel does not return it.
        timezone: the project's time zone, such as ``US/Pacific``; None if Mixpanel does not return it.
        organization: the name of the project's organization; None if Mixpanel does not return it.
    """

    project_visible: bool
    project_name: str | None = None
    timezone: str | None = None
    organization: str | None = None


class MixpanelClient:
    """Sends requests about one Mixpanel project, with the service account of a connection. Not thread-safe.

    ``budget``: the rate limit that every export request waits for; None: the requests are not limited.
    """

    def __init__(
        self,
        settings: MixpanelSettings,
        clock: Clock = SYSTEM_CLOCK,
        budget: Budget | None = None,
        retry_policy: RetryPolicy = EXPORT_RETRY_POLICY,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._budget = budget
        self._retry_policy = retry_policy
        facts = {
            "conn_id": settings.conn_id,
            "project_id": str(settings.project_id),
            "region": settings.region,
            "other_regions": settings.other_regions,
            "to_date": "the day",
        }
        service = Service("Mixpanel", RULES, facts, lambda: settings.secrets, self._headers)
        self._http = HttpClient(service, clock, retry_policy)

    @contextmanager
    def export(
        self,
        from_date: date,
        to_date: date,
        *,
        events: Sequence[str] = (),
        where: str | None = None,
        limit: int | None = None,
        time_in_ms: bool = False,
    ) -> Iterator[ExportStream]:
        """Request the raw events of some days, and give the context the response, from which lines can be read.

        Source: docs.mixpanel.com/reference/raw-event-export.

        Args:
            from_date: the first day, in the time zone of the project (UTC for projects since 2023).
            to_date: the last day, inclusive.
            events: the names of the events to export; empty: all events.
            where: Mixpanel's filter expression; None: no filter.
            limit: the maximum number of events, up to 100,000; the rest cannot be requested. None: no maximum.
            time_in_ms: whether Mixpanel writes ``time`` in milliseconds instead of seconds.

        Raises:
            PipelineError: Mixpanel refused the request, see ``include.mixpanel.errors.RULES``; or an error of
                ``ExportStream`` while the context reads it.
        """
        params = _export_params(
            self._settings.project_id, from_date, to_date, events, where, limit, time_in_ms
        )
        request = HttpRequest(
            "GET",
            f"{self._settings.data_url}/api/2.0/export",
            f"export {from_date}" if from_date == to_date else f"export {from_date} to {to_date}",
            params=params,
            headers={"Accept": "text/plain", "Accept-Encoding": "gzip"} | self._original_host(DATA_HOSTS),
            before=self._budget.acquire if self._budget else None,
            on_retry_after=self._budget.pause if self._budget else None,
            facts={"to_date": params["to_date"]},
        )
        failpoint("export.before")
        response = self._http.stream(request)
        try:
            yield ExportStream(response, self._clock, self._retry_policy.idle_seconds)
        finally:
            response.close()

    def me(self) -> Me:
        """Return what the service account can read about the project; the request does not count as an export.

        Source: docs.mixpanel.com/reference/service-accounts. The response's fields are not documented there; their
        names are those that mixpanel-headless reads.

        Raises:
            PipelineError: see ``include.mixpanel.errors.RULES``.
        """
        request = HttpRequest(
            "GET",
            f"{self._settings.app_url}/api/app/me",
            "read the service account",
            headers={"Accept": "application/json"} | self._original_host(APP_HOSTS),
            idle_seconds=min(_QUICK_SECONDS, self._retry_policy.idle_seconds),
        )
        return _me(self._http.fetch(request, Response.json_object), self._settings.project_id)

    def event_names(self) -> list[str]:
        """Return the names of the project's events of the last 31 days, at most 5000.

        The request does not count as an export. Source: docs.mixpanel.com/reference/list-recent-events; Mixpanel
        refuses it to projects whose plan does not include the Query API.

        Raises:
            PipelineError: see ``include.mixpanel.errors.RULES``.
        """
        request = HttpRequest(
            "GET",
            f"{self._settings.app_url}/api/query/events/names",
            "list the names of recent events",
            params={"project_id": str(self._settings.project_id), "type": "general", "limit": "5000"},
            headers={"Accept": "application/json"} | self._original_host(APP_HOSTS),
            idle_seconds=min(_QUICK_SECONDS, self._retry_policy.idle_seconds),
        )
        return self._http.fetch(request, _names)

    def close(self) -> None:
        """Close the client's connections to Mixpanel."""
        self._http.close()

    def _headers(self) -> Mapping[str, str]:
        return {"Authorization": f"Basic {self._settings.basic_token}"}

    def _original_host(self, hosts: Mapping[str, str]) -> dict[str, str]:
        """Return a header with the host to which the request would go, if it goes to a sandbox; else no header.

        The local sandbox has one address for Mixpanel's hosts of all regions. ``hosts``: Mixpanel's host by region.
        """
        return {"X-Original-Host": hosts[self._settings.region]} if self._settings.sandbox_url else {}


def _export_params(
    project_id: int,
    from_date: date,
    to_date: date,
    events: Sequence[str],
    where: str | None,
    limit: int | None,
    time_in_ms: bool,
) -> dict[str, str]:
    if to_date < from_date:
        raise RequestRefused(
            f"An export cannot end ({to_date}) before it begins ({from_date}).",
            "Give the earlier day as from_date and the later day as to_date.",
        )
    if limit is not None and not 0 < limit <= _MOST_LIMITED_ROWS:
        raise RequestRefused(
            f"An export's limit must be between 1 and {_MOST_LIMITED_ROWS} rows; it is {limit}.",
            "Omit the limit to export a whole day.",
        )
    params = {
        "project_id": str(project_id),
        "from_date": f"{from_date:%Y-%m-%d}",
        "to_date": f"{to_date:%Y-%m-%d}",
    }
    if events:
        params["event"] = json.dumps(list(events), ensure_ascii=False, separators=(",", ":"))
    if where:
        params["where"] = where
    if limit is not None:
        params["limit"] = str(limit)
    if time_in_ms:
        params["time_in_ms"] = "true"
    return params


def _names(response: Response) -> list[str]:
    names = response.json()
    if isinstance(names, list) and all(isinstance(name, str) for name in names):
        return list(map(str, names))
    raise response.unexpected("JSON that is not a list of names")


def _me(body: Mapping[str, object], project_id: int) -> Me:
    results = _object(body.get("results"))
    project = _object(_object(results.get("projects")).get(str(project_id)))
    if not project:
        return Me(project_visible=False)
    organization = _object(_object(results.get("organizations")).get(str(project.get("organization_id"))))
    return Me(
        True, _text(project.get("name")), _text(project.get("timezone")), _text(organization.get("name"))
    )


def _object(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
