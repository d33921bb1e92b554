"""The Mixpanel client: exports of raw events, and information about the account and the project."""

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
"""Retry policy of exports: minutes can pass before the first byte of a large export; Mixpanel documents no limit."""
_QUICK_SECONDS = 30.0  # a user may be waiting
_MOST_LIMITED_ROWS = 100_000


class Budget(Protocol):
    """Admission control for export requests."""

    def acquire(self) -> None:
        """Wait until a request may be sent; raise Throttled if the wait would be too long."""

    def pause(self, seconds: float) -> None:
        """Make all requests wait for ``seconds``, because Mixpanel requested a pause."""


@dataclass(frozen=True)
class Me:
    """Mixpanel's data about the project of a connection, as its service account sees them; None for a missing field.

    ``project_visible``: whether the service account has access to the project.
    """

    project_visible: bool
    project_name: str | None = None
    timezone: str | None = None
    organization: str | None = None


class MixpanelClient:
    """Sends requests to Mixpanel for one project, with the service account of its connection. Not thread-safe."""

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
        """Stream the raw events from ``from_date`` to ``to_date``, both included; iterating the result yields lines.

        Days are the project's own (UTC for projects since 2023). ``events``: the event names, all when empty.
        ``limit``: at most this many rows, up to 100 000; further rows cannot be requested. ``time_in_ms``: ``time`` in
        milliseconds. Source: docs.mixpanel.com/reference/raw-event-export.

        Raises:
            PipelineError: see ``include.mixpanel.errors.RULES``, and the errors of iterating an ExportStream.
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
        """Return Mixpanel's data about the service account; does not use the export budget.

        Source: docs.mixpanel.com/reference/service-accounts; the field names are those that mixpanel-headless reads.

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
        """Return the names of the project's events of the last 31 days, at most 5000; does not use the export budget.

        Source: docs.mixpanel.com/reference/list-recent-events; not every plan includes it.

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
        """Return a header with the real host of the region for a sandbox, which has one address for all regions.

        ``hosts``: the real host per region. Without a sandbox the result is empty.
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
