"""Planned misbehaviour."""

from __future__ import annotations

from include.sandbox.store import Store


class FaultPlan:
    def __init__(self, store: Store) -> None:
        self._store = store

    def reload(self) -> None:
        pass
