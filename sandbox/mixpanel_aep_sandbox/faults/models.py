"""Planned faults: which requests they match, and what happens to those requests.

A fault is ``{"match": {...}, "action": {"do": ..., ...}, "skip": 0, "times": 1}``. It counts the requests that
match, leaves the first ``skip`` of them unchanged, and then happens ``times`` times (null: always). If several
faults are due, only the oldest happens. The control plane itself never fails.
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


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"{text!r} is not a valid regular expression: {error}") from error
    return text


class Match(BaseModel):
    """Filter of requests: all given fields must match; an empty filter matches every request of the three services."""

    model_config = ConfigDict(extra="forbid")

    service: Literal["mixpanel", "ims", "aep", "unknown"] | None = None
    method: str | None = None
    path: str | None = None
    """A glob over the whole path: ``/data/foundation/import/batches/*``; ``*`` also matches slashes."""
    path_regex: Annotated[str, AfterValidator(_pattern)] | None = None
    """Searched for anywhere in the path."""
    query: str | None = None
    """Searched for anywhere in the query string, as sent or decoded."""

    def fits(self, exchange: Exchange) -> bool:
        """Return whether a request matches."""
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
    """A planned fault, and how often it matched and happened."""

    model_config = ConfigDict(extra="forbid")

    id: str = ""
    match: Match = Field(default_factory=Match)
    action: Action
    skip: int = Field(default=0, ge=0)
    times: int | None = Field(default=1, ge=1)
    met: int = Field(default=0, exclude=False)
    """Number of requests that have matched so far."""
    happened: int = 0

    @model_validator(mode="before")
    @classmethod
    def _writable(cls, given: object) -> object:
        """Reject what cannot be written as JSON in UTF-8: it could not be stored or sent."""
        try:
            json.dumps(given, ensure_ascii=False, allow_nan=False).encode()
        except (TypeError, ValueError, RecursionError) as error:
            raise ValueError("it cannot be written as JSON in UTF-8") from error
        return given

    def is_due(self) -> bool:
        """Return whether the fault happens to the request that was counted last."""
        return self.met > self.skip and (self.times is None or self.happened < self.times)


class FaultPlan:
    """The planned faults, oldest first; kept over restarts."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self.reload()

    def reload(self) -> None:
        """Read the plan from the store again."""
        with self._lock:
            self._faults = {key: Fault.model_validate(body) for key, body in self._store.items(_KIND)}

    def add(self, fault: Fault) -> Fault:
        """Plan a fault under its own id, or under the next free one; a fault of the same id is replaced."""
        with self._lock:
            if not fault.id:
                upstream_response = [int(key[1:]) for key in self._faults if re.fullmatch(r"f\d+", key)]
                fault.id = f"f{max(upstream_response, default=0) + 1}"
            fault.met = fault.happened = 0
            self._save(fault)
        return fault

    def remove(self, fault_id: str | None = None) -> int:
        """Delete one fault, or all; return the number of deleted faults."""
        with self._lock:
            client_disconnected = [key for key in self._faults if fault_id in (None, key)]
            for key in client_disconnected:
                del self._faults[key]
                self._store.delete(_KIND, key)
        return len(client_disconnected)

    def all(self) -> list[JsonObject]:
        """Return all faults as JSON objects."""
        with self._lock:
            return [fault.model_dump(mode="json", exclude_none=True) for fault in self._faults.values()]

    def meet(self, exchange: Exchange) -> Fault | None:
        """Count the request for each matching fault, and return the fault that happens to it, if any."""
        with self._lock:
            due = None
            for fault in self._faults.values():
                if not fault.match.fits(exchange):
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
