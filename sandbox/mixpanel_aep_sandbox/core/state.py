"""What every part of the sandbox shares: its store, its clock, and what it answers when asked for something odd."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from mixpanel_aep_sandbox.core.store import Store

_EARLIEST, _LATEST = 0.0, datetime(2200, 1, 1, tzinfo=UTC).timestamp()


class SandboxClock:
    """The sandbox's own time: the system's, shifted or stopped; survives a restart."""

    def __init__(self, store: Store) -> None:
        self._store = store
        setting = store.get("clock", "setting") or {}
        self._offset: float = setting.get("offset", 0.0)
        self._frozen: float | None = setting.get("frozen")

    @property
    def is_frozen(self) -> bool:
        return self._frozen is not None

    def seconds(self) -> float:
        """Epoch seconds."""
        return self._frozen if self._frozen is not None else time.time() + self._offset

    def milliseconds(self) -> int:
        return int(self.seconds() * 1000)

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds(), UTC)

    def set(self, epoch_seconds: float, *, frozen: bool = False) -> None:
        """Raises ValueError outside of 1970 to 2199: services add days and years to the time."""
        if not _EARLIEST <= epoch_seconds < _LATEST:
            raise ValueError("The sandbox's time lies between 1970 and 2199.")
        self._offset = epoch_seconds - time.time()
        self._frozen = epoch_seconds if frozen else None
        self._save()

    def advance(self, seconds: float) -> None:
        """Forwards, or backwards. Raises ValueError as ``set`` does."""
        self.set(self.seconds() + seconds, frozen=self.is_frozen)

    def reset(self) -> None:
        self._offset, self._frozen = 0.0, None
        self._save()

    def _save(self) -> None:
        self._store.put("clock", "setting", {"offset": self._offset, "frozen": self._frozen})


@dataclass(frozen=True)
class Settings:
    """Where the documentation is silent or contradicts itself, the sandbox does as it is told here."""

    batch_seconds: float = 1.0
    """How long a completed batch takes from ``loaded`` to ``active``, in the sandbox clock's seconds."""
    active_status: str = "success"
    """What the end of a good batch is called: ``success`` or ``active`` (synonyms)."""
    small_file_bytes: int = 256 * 1024 * 1024
    """The largest file that may be uploaded in one piece (EP:ingestion/batch-ingestion/api-overview.md)."""
    token_seconds: int = 86399
    """How long a new token lives (dev-console: ServerToServerAuthentication/implementation.md)."""
    tenant_id: str = "acmesandbox"
    """The organization's tenant id; its fields are under ``_<tenant id>``."""


@dataclass
class SandboxState:
    store: Store
    settings: Settings = field(default_factory=Settings)
    on_reset: list[Callable[[], None]] = field(default_factory=list)
    """Called after the store was emptied, for what a service keeps in memory or seeds."""
    before_read: list[Callable[[Any], object]] = field(default_factory=list)
    """Called with the ``Place`` before anybody is told of its batches: what is due there is started."""
    query_address: tuple[str, int] | None = None
    """Host and port of Query Service while it takes connections."""
    query_counts: Callable[[], dict[str, int]] = field(default=dict)
    """Query Service's open sessions, and the queries that run or wait for their turn."""
    app: Callable[..., Any] | None = None
    """The whole sandbox as an ASGI application, once it is built: one service can ask another."""

    def __post_init__(self) -> None:
        self.clock = SandboxClock(self.store)
