"""A known failure as data, and the vocabulary of the tables."""

from __future__ import annotations

import base64
import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from include.errors import PipelineError, Terminal

Json = Mapping[str, Any]

DAY = date(2025, 6, 10)
MIDNIGHT = int(datetime(2025, 6, 10, tzinfo=UTC).timestamp())
NOON = MIDNIGHT + 12 * 3600
NEXT_MORNING = "2025-06-11T08:00:00Z"
CANARY_ROW, CANARY_BODY = "canary-row-4711", "canary-body-0815"
"""Nobody may read them in a message: a value of an event, and what a service said."""


@dataclass(frozen=True)
class Failure:
    """What both tables have in common.

    ``raises``: the error of each try of the step, in order. After them the next try succeeds (``succeeds``), or no
    retry helps: a Terminal error, or the same error at every try.
    """

    id: str
    source: str
    """Who has met it: an issue, or the page that documents it."""
    faults: tuple[Json, ...] = ()
    """Planned in the sandbox; see sandbox/mixpanel_aep_sandbox/faults/actions.py."""
    raises: tuple[type[PipelineError], ...] = ()
    succeeds: bool = True
    says: str = ""
    """A regular expression for the last error: its sentence and its hint."""
    waits: tuple[float, float] | None = None
    """At least and at most so many seconds are waited for, all tries together."""

    def __post_init__(self) -> None:
        if self.raises and issubclass(self.raises[-1], Terminal):
            assert not self.succeeds, f"{self.id}: what is Terminal is not mended by another try"
        assert not self.says or self.raises, f"{self.id}: nobody says anything"


@dataclass(frozen=True)
class Elsewhere:
    """A failure that one run cannot show; ``test`` names the test of this folder that shows it."""

    id: str
    source: str
    test: str


@dataclass(frozen=True)
class NotOurs:
    """A failure that cannot occur in this pipeline, and the reason."""

    id: str
    source: str
    reason: str


_NUMBERS = itertools.count(1)


def event(name: str = "Purchase", *, at: float | None = NOON, **properties: Any) -> Json:
    """Return an event for the sandbox; ``at`` is its ``time``, or None for none. A property given as None is omitted."""
    number = next(_NUMBERS)
    base = {"time": at, "distinct_id": "u-1", "$insert_id": f"i-{number}", "note": CANARY_ROW}
    return {
        "event": name,
        "properties": {key: value for key, value in (base | properties).items() if value is not None},
        "processed_at": MIDNIGHT * 1000 + 14 * 3_600_000,
    }


def line(content: bytes) -> Json:
    """Return a line of an export that is sent exactly as given."""
    return {"line_base64": base64.b64encode(content).decode(), "at": NOON * 1000, "processed_at": NOON * 1000}


THREE = (event("Viewed"), event("Added"), event("Purchase", Ærlig="Å\u2028“æ”\u0085"))


def answer(status: int = 503, times: int | None = 1, **more: Any) -> Json:
    """Replace the service's response."""
    given = {"body": CANARY_BODY} if not {"body", "body_json"} & more.keys() else {}
    return {"action": {"do": "answer", "status": status, **given, **more}, "times": times}


def html(times: int | None = 1) -> Json:
    """Return a gateway's page with status 200."""
    return answer(200, times, body=f"<html><body>{CANARY_BODY}</body></html>")


def drop(times: int | None = 1, *, after: bool = False, end: str = "reset") -> Json:
    """End the connection without a response; ``after``: the request is processed nevertheless."""
    return {"action": {"do": "drop", "after": after, "end": end}, "times": times}


def cut(times: int | None = 1, **more: Any) -> Json:
    """End the body early."""
    return {"action": {"do": "cut", **more}, "times": times}


def sentinel(text: str, **more: Any) -> Json:
    """Return Mixpanel's line that reports a terminated export."""
    return {"action": {"do": "sentinel", "text": text, **more}}


def alter(how: str, **more: Any) -> Json:
    """Change the form of the whole response."""
    return {"action": {"do": "alter", "how": how, **more}}
