"""A failure of a load into AEP, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from include.aep.upload import UploadLimits
from tests.failures.failure import Failure, Json

STAGED = 8
"""Rows of the day that all rows of the table load."""


def at(route: str, fault: Json) -> Json:
    """Return ``fault`` for the requests of one route."""
    return {"match": ROUTES[route], **fault}


_IMPORT = "/data/foundation/import/batches"
_FILE = {"path": f"{_IMPORT}/*/files/*"}
ROUTES: Mapping[str, Json] = {
    "token": {"method": "POST", "path": "/ims/token/v3"},
    "dataset": {"method": "GET", "path": "/data/foundation/catalog/dataSets"},
    "find": {"method": "GET", "path": "/data/foundation/catalog/batches"},
    "create": {"method": "POST", "path": _IMPORT},
    "upload": {"method": "PUT", **_FILE},
    "begin": {"method": "POST", "query": "action=INITIALIZE", **_FILE},
    "chunk": {"method": "PATCH", **_FILE},
    "ranges": {"method": "HEAD", **_FILE},
    "finish": {"method": "POST", "query": "action=COMPLETE", **_FILE},
    "complete": {"method": "POST", "path_regex": f"{_IMPORT}/[^/]+$", "query": "action=COMPLETE"},
    "poll": {"method": "GET", "path": "/data/foundation/catalog/batches/*"},
    "why": {"method": "GET", "path": "/data/foundation/export/batches/*"},
}
"""What ingest asks, by name, as the sandbox's faults match it."""


@dataclass(frozen=True)
class AepFailure(Failure):
    """How AEP behaves, and what it holds in the end.

    ``raises`` are the errors of a task's tries, each of which polls until AEP has finished. Between two polls the next
    item of ``between_polls`` happens. ``active``: the rows that AEP holds then; ``watching``: AEP has not finished, and no
    poll creates a second batch. ``cleared``: the rows that it holds after a person did ``by_hand`` and cleared the task.
    """

    settings: Mapping[str, Any] = field(default_factory=dict)
    """Of the sandbox's AEP side: sandbox/mixpanel_aep_sandbox/aep/control/settings.py."""
    next_batches: tuple[Json, ...] = ()
    """How the next batches end: sandbox/mixpanel_aep_sandbox/aep/ingestion/planned_outcomes.py."""
    connection: Mapping[str, Any] = field(default_factory=dict)
    between_polls: tuple[Json, ...] = ()
    limits: UploadLimits | None = None
    lines: tuple[bytes, ...] = ()
    """JSON Lines to load instead of the staged day."""
    idle_seconds: float = 30.0
    requests: Mapping[str, int] = field(default_factory=dict)
    """How often each of these ROUTES was asked, all tries together."""
    active: int = STAGED
    watching: bool = False
    by_hand: tuple[Json, ...] = ()
    cleared: int | None = None
    ledger: tuple[str, ...] = ()
    """The kinds of its records in the end."""


def control(path: str, **body: Any) -> Json:
    """An action between two polls; ``{batch}`` in the path is the newest batch."""
    return {"path": path, "body": body}


def becomes(status: str) -> Json:
    """Set the batch to ``status``."""
    return control("/aep/batches/{batch}", status=status)


def later(seconds: float) -> Json:
    return control("/clock", advance_seconds=seconds)
