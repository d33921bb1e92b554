"""State that all parts of the sandbox share: its store, its clock and its settings."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from starlette.types import ASGIApp

from mixpanel_aep_sandbox.core.store import Store

_EARLIEST, _LATEST = 0.0, datetime(2200, 1, 1, tzinfo=UTC).timestamp()


class SandboxClock:
    """The sandbox's own time: the system's, shifted or frozen; kept over restarts."""

    def __init__(self, store: Store) -> None:
        self._store = store
        setting = store.get("clock", "setting") or {}
        self._offset: float = setting.get("offset", 0.0)
        self._frozen: float | None = setting.get("frozen")

    @property
    def is_frozen(self) -> bool:
        """Return whether the clock stands still."""
        return self._frozen is not None

    def seconds(self) -> float:
        """Return epoch seconds."""
        return self._frozen if self._frozen is not None else time.time() + self._offset

    def milliseconds(self) -> int:
        """Return epoch milliseconds."""
        return int(self.seconds() * 1000)

    def now(self) -> datetime:
        """Return the time in UTC."""
        return datetime.fromtimestamp(self.seconds(), UTC)

    def set(self, epoch_seconds: float, *, frozen: bool = False) -> None:
        """Set the time. Raises ValueError outside of 1970 to 2199: services add days and years to the time."""
        if not _EARLIEST <= epoch_seconds < _LATEST:
            raise ValueError("The sandbox's time must be between 1970 and 2199.")
        self._offset = epoch_seconds - time.time()
        self._frozen = epoch_seconds if frozen else None
        self._save()

    def advance(self, seconds: float) -> None:
        """Move the clock forwards, or backwards. Raises ValueError as ``set`` does."""
        self.set(self.seconds() + seconds, frozen=self.is_frozen)

    def reset(self) -> None:
        """Return to the system's time."""
        self._offset, self._frozen = 0.0, None
        self._save()

    def _save(self) -> None:
        self._store.put("clock", "setting", {"offset": self._offset, "frozen": self._frozen})


@dataclass(frozen=True)
class Settings:
    """Behaviour where the documentation is silent or contradicts itself."""

    batch_seconds: float = 1.0
    """Seconds of the sandbox's clock that a completed batch takes from ``loaded`` to ``active``."""
    active_status: str = "success"
    """Final status of a successful batch: ``success`` or ``active`` (synonyms)."""
    small_file_bytes: int = 256 * 1024 * 1024
    """Size of the largest file that may be uploaded in one request (EP:ingestion/batch-ingestion/api-overview.md)."""
    token_seconds: int = 86399
    """Lifetime of a new token (dev-console: ServerToServerAuthentication/implementation.md)."""
    tenant_id: str = "acmesandbox"
    """Tenant id of the organization; its fields are under ``_<tenant id>``."""


@dataclass
class SandboxState:
    """The store, clock and settings, and the hooks by which the services work together."""

    store: Store
    settings: Settings = field(default_factory=Settings)
    on_reset: list[Callable[[], None]] = field(default_factory=list)
    """Called after the store was emptied, to reset what a service keeps in memory or to seed data."""
    before_read: list[Callable[..., object]] = field(default_factory=list)
    """Called with the ``AepSandboxScope`` before its batches are read, to start batches that are due."""
    query_address: tuple[str, int] | None = None
    """Host and port of Query Service while it accepts connections."""
    query_counts: Callable[[], dict[str, int]] = field(default=dict)
    """Returns Query Service's open sessions, and its running and queued queries."""
    app: ASGIApp | None = None
    """The whole sandbox as an ASGI application, once it is built, so that one service can call another."""

    def __post_init__(self) -> None:
        self.clock = SandboxClock(self.store)
