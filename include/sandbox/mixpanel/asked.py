"""What an export is asked for, checked as Mixpanel checks it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from starlette.requests import Request

from include.sandbox.mixpanel.projects import Project
from include.sandbox.mixpanel.refusal import Refusal
from include.sandbox.mixpanel.where import WhereError, parse

_MAX_ROWS = 100_000
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True)
class Asked:
    from_date: date
    to_date: date
    events: frozenset[str] | None
    where: Callable[[Mapping[str, Any]], bool] | None
    limit: int | None
    time_in_ms: bool


def read(request: Request, project: Project, now: datetime) -> Asked:
    """The parameters of an export. Raises Refusal (400) for what Mixpanel would not take."""
    query = request.query_params
    from_date, to_date = _day(query, "from_date"), _day(query, "to_date")
    if to_date > project.today(now):
        raise Refusal(400, "to_date cannot be later than today")
    if from_date > to_date:
        raise Refusal(400, "from_date cannot be later than to_date", echo=True)
    return Asked(
        from_date=from_date,
        to_date=to_date,
        events=_events(query.get("event")),
        where=_where(query.get("where")),
        limit=_limit(query.get("limit")),
        time_in_ms=_boolean(query.get("time_in_ms")),
    )


def _day(query: Mapping[str, str], name: str) -> date:
    text = query.get(name, "")
    if not text:
        raise Refusal(400, f"missing required parameter: {name}", echo=True)
    try:
        if not (text.isascii() and _DAY.fullmatch(text)):
            raise ValueError("not yyyy-mm-dd")
        day = date.fromisoformat(text)
    except ValueError as error:
        raise Refusal(400, f"invalid date for {name}, expected yyyy-mm-dd", echo=True) from error
    if day.year < 2000:
        raise Refusal(400, "invalid date, bad year", echo=True)
    return day


def _events(text: str | None) -> frozenset[str] | None:
    if text is None:
        return None
    try:
        names = json.loads(text)
    except ValueError as error:
        raise Refusal(400, "invalid event parameter, expected a JSON array", echo=True) from error
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise Refusal(400, "invalid event parameter, expected a JSON array of strings", echo=True)
    # An empty array asks for nothing in particular, which is everything.
    return frozenset(names) or None


def _where(text: str | None) -> Callable[[Mapping[str, Any]], bool] | None:
    if text is None or not text.strip():
        return None
    try:
        return parse(text)
    except WhereError as error:
        raise Refusal(400, f"invalid where expression: {error}", echo=True) from error


def _limit(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text) <= _MAX_ROWS:
        raise Refusal(400, f"invalid limit, expected a number from 1 to {_MAX_ROWS}", echo=True)
    return int(text)


def _boolean(text: str | None) -> bool:
    if text is None or text.lower() in ("false", "0", ""):
        return False
    if text.lower() in ("true", "1"):
        return True
    raise Refusal(400, "invalid time_in_ms, expected true or false", echo=True)
