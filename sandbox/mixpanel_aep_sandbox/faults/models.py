"""Planned faults: the requests to which they apply, and how often.

A fault is ``{"match": {...}, "action": {"do": ..., ...}, "skip": 0, "times": 1}``. The first ``skip`` requests that
match are not affected; the fault's action applies to the next ``times`` ones (null: to all later ones). If several
faults are due for a request, only the oldest applies. Faults never apply to requests to the control plane.
"""

from __future__ import annotations

import fnmatch
import json
import re
import threading
from typing import Annotated, Literal
from urllib.parse import unquote_plus

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from mixpanel_aep_sandbox.core.exchange import Exchange
from mixpanel_aep_sandbox.core.json_types import JsonObject
from mixpanel_aep_sandbox.core.store import Store
from mixpanel_aep_sandbox.faults.actions import Action

_KIND = "fault"


def _require_regex(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"{text!r} is not a valid regular expression: {error}") from error
    return text


class Match(BaseModel):
    """The requests to which a fault applies: those that match all given fields.

    A match without fields applies to all requests except those to the control plane.
    """

    model_config = ConfigDict(extra="forbid")

    service: Literal["mixpanel", "ims", "aep", "unknown"] | None = None
    method: str | None = None
    path: str | None = None
    """Glob for the complete path, such as ``/data/foundation/import/batches/*``; ``*`` also matches slashes."""
    path_regex: Annotated[str, AfterValidator(_require_regex)] | None = None
    """Regular expression that is searched for in the path."""
    query: str | None = None
    """Text that the query string, as sent or decoded, must contain."""

    def matches(self, exchange: Exchange) -> bool:
        """Return whether the request matches all given fields; requests to the control plane never match."""
        if exchange.service == "sandbox" or self.service not in (None, exchange.service):
            return False
        return (
            (self.method is None or self.method.upper() == exchange.method)
            and (self.path is None or fnmatch.fnmatchcase(exchange.path, self.path))
            and (self.path_regex is None or re.search(self.path_regex, exchange.path) is not None)
            and (
                self.query is None
                or self.query in exchange.query
                or self.query in unquote_plus(exchange.query)
            )
        )


class Fault(BaseModel):
    """A planned fault: which requests it affects, what happens to them, and how many it has affected so far."""

    model_config = ConfigDict(extra="forbid")

    id: str = ""
    match: Match = Field(default_factory=Match)
    action: Action
    skip: int = Field(default=0, ge=0)
    times: int | None = Field(default=1, ge=1)
    met: int = Field(default=0, exclude=False)
    """Number of requests that have matched so far."""
    happened: int = 0
    """Number of requests to which the action has been applied so far."""

    @model_validator(mode="before")
    @classmethod
    def _require_json(cls, given: object) -> object:
        """Raise ValueError for a fault that cannot be stored or sent, because it cannot be written as JSON in UTF-8."""
        try:
            json.dumps(given, ensure_ascii=False, allow_nan=False).encode()
        except (TypeError, ValueError, RecursionError) as error:
            raise ValueError("the fault cannot be written as JSON in UTF-8") from error
        return given

    def is_due(self) -> bool:
        """Return whether the action applies to the request that was counted last in ``met``."""
        return self.met > self.skip and (self.times is None or self.happened < self.times)


class FaultPlan:
    """All planned faults of the sandbox, oldest first. They and their counts survive restarts of the sandbox."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self.reload()

    def reload(self) -> None:
        """Read the planned faults from the store, for example after a reset."""
        with self._lock:
            self._faults = {key: Fault.model_validate(body) for key, body in self._store.items(_KIND)}

    def add(self, fault: Fault) -> Fault:
        """Add a fault with counts of 0, and return it; it replaces a planned fault with the same id.

        A fault without an id gets the next free id: ``f1``, ``f2`` and so on.
        """
        with self._lock:
            if not fault.id:
                numbers = [int(key[1:]) for key in self._faults if re.fullmatch(r"f\d+", key)]
                fault.id = f"f{max(numbers, default=0) + 1}"
            fault.met = fault.happened = 0
            self._save(fault)
        return fault

    def remove(self, fault_id: str | None = None) -> int:
        """Delete the fault with this id, or all faults if the id is None; return the number of deleted faults."""
        with self._lock:
            deleted = [key for key in self._faults if fault_id in (None, key)]
            for key in deleted:
                del self._faults[key]
                self._store.delete(_KIND, key)
        return len(deleted)

    def all(self) -> list[JsonObject]:
        """Return all planned faults as JSON objects, oldest first."""
        with self._lock:
            return [fault.model_dump(mode="json", exclude_none=True) for fault in self._faults.values()]

    def count_request(self, exchange: Exchange) -> Fault | None:
        """Count a request for each fault that matches it; return the fault to apply to the request, or None."""
        with self._lock:
            due = None
            for fault in self._faults.values():
                if not fault.match.matches(exchange):
                    continue
                fault.met += 1
                if due is None and fault.is_due():
                    fault.happened += 1
                    due = fault
                self._save(fault)
        return due

    def _save(self, fault: Fault) -> None:
        self._faults[fault.id] = fault
        self._store.put(_KIND, fault.id, fault.model_dump(mode="json"))
